#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The hook alone, under a recorder of its own (collect.c): what it exports, what it counts, how it survives."""
import os, re, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
from collecting import CHECK_HOOK, COLLECT, HOOK, checked, collect
from harness import BUILD, PYTHON, TOP, check, equal, main, path, run, target, until

ALLOCATOR = os.path.join(TOP, BUILD, 'tests', 'targets', 'libhook-allocator.so')


def numbers(text):
    words = text.split()
    return {k: int(v) for k, v in zip(words[::2], words[1::2])}


def consistent(totals, what):
    equal(totals['bytes'] - totals['freed'] + totals['delta'], totals['live_bytes'], what + ': live bytes')
    equal(totals['unknown'], 0, what + ': frees of unknown blocks')
    equal(totals['twice'], 0, what + ': blocks allocated twice')


@check
def exports_only_what_it_must():
    with open(os.path.join(TOP, 'core', 'hook', 'hook.map')) as f:
        wanted = set(re.findall(r'(\w+);', f.read().split('global:')[1].split('local:')[0]))
    for library in HOOK, CHECK_HOOK:
        lines = run('nm', '-D', '--defined-only', library).stdout.split('\n')
        equal({line.split()[-1] for line in lines if line}, wanted, library)


@check
def needs_the_c_library_alone():
    text = run('readelf', '-dl', HOOK).stdout
    equal(set(re.findall(r'NEEDED.*\[(.*)\]', text)) - {'libc.so.6', 'ld-linux-x86-64.so.2'}, set(), 'libraries')
    tls = re.search(r'TLS\s+\S+ \S+ \S+\s+\S+ (\S+)', text)
    assert tls and int(tls.group(1), 16) <= 64, 'thread-local storage'


@check
def every_function_is_counted_and_answers_as_without_us():
    plain = run(target('hook-api'))
    equal((plain.returncode, plain.stderr), (0, ''), 'the program itself')
    for allocator in None, ALLOCATOR:
        done, facts = collect(target('hook-api'), allocator=allocator)
        equal((done.returncode, done.stderr), (0, ''), 'recorded')
        equal(done.stdout, plain.stdout, 'its own counts')
        own, totals = numbers(plain.stdout), facts.totals[0]
        for name in own:
            equal(totals[name], own[name], name)
        consistent(totals, 'api')
        equal(totals['truncated'], 0, 'truncated stacks')
        equal('hook-allocator' in facts.processes[0]['provider'], allocator is not None, 'provider')


@check
def operators_are_counted_once_whoever_has_them():
    for allocator in None, ALLOCATOR:
        done, facts = collect(target('hook-operators'), allocator=allocator, options=['--events'])
        own = numbers(done.stdout)
        equal(done.returncode, 0, 'status')
        small = [e for e in facts.events if e['type'] == 2 and e['size'] in (24, 1000, 128)]
        # The over-aligned object is made by libstdc++ out of aligned_alloc, whose size is a multiple of the alignment.
        equal(len([e for e in small if e['depth'] >= 3]), own['allocations'], 'allocations')
        consistent(facts.totals[0], 'operators')
        equal(facts.totals[0]['truncated'], 0, 'truncated stacks')


@check
def children_of_every_kind():
    done, facts = collect(target('hook-processes'), options=['--events'])
    equal(done.stdout, 'done\n', 'stdout')
    where = {e['size']: facts.processes[e['process']] for e in facts.events if 100001 <= e['size'] <= 100011}
    first = facts.processes[0]['pid']
    equal(sorted(where), list(range(100001, 100012)), 'allocations seen')
    for size, kind, has_id in ((100001, 2, True), (100002, 2, False), (100003, 2, False), (100005, 1, False), (100006, 1, False),
                               (100007, 2, True), (100008, 2, True), (100010, 1, False), (100011, 2, False)):
        equal(where[size]['kind'], kind, f'start of {size}')
        assert where[size]['pid'] != first
        equal(where[size]['fork_id'] != 0, has_id, f'fork id of {size}')
    equal(where[100004]['pid'], first, "a vfork child's event is its parent's")
    equal(where[100009]['pid'], first, 'the parent')
    equal(sorted(i for _, i in facts.forks), sorted(p['fork_id'] for p in facts.processes.values() if p['fork_id']), 'fork ids')
    parents = {i: slot for slot, i in facts.forks}
    for p in facts.processes.values():
        if p['fork_id']:
            equal(parents[p['fork_id']], p['parent'], 'the parent of a fork')
    for e in facts.events:
        assert e['type'] == 1 or e['complete'], e


@check
def others_are_left_alone_without_follow():
    done, facts = collect(target('hook-processes'), options=['--events', '--no-follow'])
    equal(done.stdout, 'done\n', 'stdout')
    equal(list(facts.processes), [0], 'processes')
    equal(sorted(e['size'] for e in facts.events if 100001 <= e['size'] <= 100011), [100004, 100009], 'allocations')


def threads_are_counted(how, n):
    """All that hook-threads says it has done is there."""
    done, facts = collect(target('hook-threads'), how, n)
    own = numbers(done.stdout)
    equal(facts.totals[0]['own_allocations'], own['allocations'], 'allocations')
    equal(facts.totals[0]['own_bytes'], own['bytes'], 'bytes')
    consistent(facts.totals[0], f'{how} threads')
    return facts


@check
def thousands_of_short_threads():
    def rings_are_used_again():
        return threads_are_counted('short', 4000).numbers['rings'] < 4000
    until('rings are used again', rings_are_used_again)  # not those that end before the recorder gets its turn


@check
def threads_together():
    equal(threads_are_counted('together', 10000).totals[0]['truncated'], 0, 'truncated stacks')


@check
def more_threads_than_rings_that_are_left():
    """Those without one share their process'."""
    done, facts = collect(target('hook-threads'), 'together', 10000, options=['--rings', 4])
    own = numbers(done.stdout)
    equal(facts.numbers['rings'], 5, 'rings: of four threads of nine, and of the process')
    equal(facts.totals[0]['own_allocations'], own['allocations'], 'allocations')
    consistent(facts.totals[0], 'threads without a ring')
    equal(facts.totals[0]['truncated'], 0, 'truncated stacks')


@check
def unwind_tables_stay_out_of_the_program_while_it_has_one_thread():
    """They are read from the file; with more threads, in memory, sixteen pages around each that is touched."""
    for arguments, in_memory in ((), False), (('threads',), True):
        plain = numbers(run(target('hook-tables'), *arguments).stdout)
        assert plain['size'] > 1000 and plain['resident'] < plain['size'] / 4, plain
        done, facts = collect(target('hook-tables'), *arguments)
        share = numbers(done.stdout)['resident'] / plain['size']
        assert share > 0.75 if in_memory else share < 0.25, (arguments, share)
        equal(facts.totals[0]['truncated'], 0, 'truncated stacks')
        equal(facts.totals[0]['own_allocations'], 32768, 'allocations')


@check
def deep_stacks_are_whole_and_deeper_ones_keep_both_ends():
    done, facts = collect(target('hook-threads'), 'deep', 3000)
    assert 3001 <= facts.totals[0]['depth'] < 3020 and facts.totals[0]['cut'] == 0, facts.totals[0]
    done, facts = collect(target('hook-threads'), 'deep', 20000, options=['--events'])
    own, totals = numbers(done.stdout), facts.totals[0]
    equal(totals['own_allocations'], own['allocations'], 'allocations')
    equal(totals['truncated'], 0, 'truncated')
    assert totals['cut'] > 15000, totals
    equal(facts.events[20000]['depth'], 257, 'frames of a cut stack')


@check
def a_full_ring_blocks_and_loses_nothing():
    done, facts = collect(target('hook-threads'), 'ring', 400000, options=['--when-full'])
    equal(facts.totals[0]['own_allocations'], 400000, 'allocations')
    assert facts.numbers['blocked'] > 0, 'the ring was never full'


@check
def a_stopped_recording_lets_the_target_run_on():
    done, facts = collect(target('hook-threads'), 'ring', 2000000, options=['--stop-after', 1000, '--when-full'])
    equal(done.returncode, 0, 'status')
    assert 'allocations 2000000' in done.stdout
    assert facts.totals[0]['allocations'] < 2000000, 'it went on recording'


@check
def handlers_that_interrupt_us_lose_nothing():
    done, facts = collect(target('hook-signals'), 'allocate', 500, allocator=ALLOCATOR, options=['--events'])
    handled = numbers(done.stdout)['handled']
    equal(len([e for e in facts.events if e['type'] == 2 and e['size'] == 7]), handled * 3, 'allocations in handlers')
    consistent(facts.totals[0], 'signals')


@check
def handlers_that_leave_us_by_longjmp():
    done, facts = collect(target('hook-signals'), 'escape', 500, allocator=ALLOCATOR)
    equal(numbers(done.stdout)['handled'], 500, 'handled')
    # An interrupted event may be missing, never more.
    totals = facts.totals[0]
    assert totals['allocations'] > 1000 and totals['unknown'] <= 500, totals


@check
def marks_descriptors_and_early_allocations():
    plain = run(target('hook-mark'))
    done, facts = collect(target('hook-mark'), options=['--events'])
    equal(done.stdout, plain.stdout, 'descriptors and errno')
    equal(facts.marks, ['before', 'a name of several words, longer than one, \u00e9'], 'marks')
    sizes = [e['size'] for e in facts.events if e['own'] and e['type'] == 2]
    assert 1111 in sizes and 5005 in sizes, sizes


@check
def frees_carry_a_stack_when_asked():
    done, facts = collect(target('hook-threads'), 'together', 100, options=['--events', '--free-stacks'])
    frees = [e for e in facts.events if e['type'] == 4]
    assert frees and not [e for e in facts.events if e['type'] == 1]
    assert all(e['depth'] > 1 and e['complete'] for e in frees)


@check
def without_a_session_nothing_happens():
    env = {k: v for k, v in os.environ.items() if k != 'HEAPATLAS_SESSION'}
    with open(path('empty'), 'w'):
        pass
    memory = os.memfd_create('another')
    for session in None, '/nonexistent', '/dev/null', os.path.abspath(__file__), path('empty'), f'/proc/{os.getpid()}/fd/{memory}':
        full = dict(env, LD_PRELOAD=HOOK, **({'HEAPATLAS_SESSION': session} if session else {}))
        done = run(target('hook-api'), env=full)
        equal((done.returncode, done.stderr), (0, ''), f'session {session}')


@check
def stacks_equal_a_full_walk_in_the_torture_program():
    for name in 'torture-O0', 'torture-O1', 'torture-O2', 'torture-fp':
        facts = checked(target(name), 300)
        equal(facts.totals[0]['truncated'], 0, f'truncated stacks of {name}')
        shapes = numbers(facts.stdout)
        assert min(shapes.values()) > 3 and len(shapes) == 9, f'allocations by shape: {shapes}'
        assert facts.elsewhere > 100, 'stacks of coroutines and of signal handlers elsewhere'


@check
def stacks_equal_a_full_walk_in_python():
    checked(PYTHON, '-c', 'import json, re, ctypes\nfor i in range(500): json.loads(json.dumps({"a": [1, 2, {"b": i}]}))',
            env={'PYTHONMALLOC': 'malloc'})


@check
def stacks_equal_a_full_walk_when_libraries_come_and_go():
    a, b = (os.path.join(BUILD, 'tests', 'targets', f'libhook-plugin-{x}.so') for x in 'ab')
    facts = checked(target('hook-reload'), 150, a, b)
    assert len([m for m in facts.modules if 'libhook-plugin-a' in m]) > 100, 'a module is announced each time'


@check
def stacks_go_on_where_frame_pointers_lead_to_another_stack():
    facts = checked(target('hook-switch'), 2000)
    equal((facts.totals[0]['truncated'], facts.truncated), (0, 0), 'truncated stacks')
    assert facts.elsewhere >= 2000, facts.elsewhere
    done, facts = collect(target('hook-switch'), 10, options=['--events'])
    equal([(e['depth'], e['complete']) for e in facts.events if e['size'] == 40], [(5, True)] * 10, 'frames')
    done, facts = collect(target('hook-switch'), 10, 'moved', options=['--events'])
    equal([(e['depth'], e['complete']) for e in facts.events if e['size'] == 40], [(5, True)] * 10 + [(2, False)] * 10, 'frames, then of a stack that has moved')


main()
