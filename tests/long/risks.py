#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the recording's design takes for granted, where it takes longest to break it. RISKS.md says which test is for which assumption.
Facts that cannot fail are printed, too: "fact: NAME: VALUE"."""
import os, resource, subprocess, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'e2e'))
from harness import BUILD, HEAPATLAS, PYTHON, TOP, check, equal, main, path, record, report, run, sum_in, target


def fact(name, value):
    print(f'fact: {name}: {value}', flush=True)


def totals_of(trace, *command, recorder=HEAPATLAS, **options):
    done = run(recorder, 'record', '-q', '--no-snapshot', '-o', trace, '--', *command, **options)
    equal(done.returncode, 0, f'status of {command[0]} ({done.stderr[-300:]})')
    answer = report(trace, '--top', '1')
    assert answer['trace']['complete'], 'the trace is not complete'
    return answer['processes'][0]['totals']


def used_seconds():
    """Of the processor's time, by all that have ended: what others do beside takes as long as it likes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(*command):
    start = time.monotonic()
    equal(run(*command).returncode, 0, command[0])
    return time.monotonic() - start


@check
def more_threads_than_the_recorder_can_follow():
    """4: the rings fill up; the program waits and nothing is lost."""
    churn = [target('churn'), '8000000', '20', '8']
    plain = min(seconds(*churn) for _ in range(2))
    start = time.monotonic()
    totals = totals_of(path('many.heapatlas'), *churn)
    fact('8 threads that only allocate, recorded', f'{(time.monotonic() - start) / plain:.1f} times the plain time')
    equal((totals['lost_events'], totals['unknown_frees'], totals['missed_frees']), (0, 0, 0), 'lost events, unknown and missed frees')
    equal(totals['allocations'] - totals['frees'], totals['live_blocks'], 'live blocks')


def migrate(process, stop):
    """Moves every thread of the process from one processor to another, all the time."""
    cpus = sorted(os.sched_getaffinity(0))
    for turn in range(1 << 30):
        if stop.wait(0.002):
            return
        try:
            for tid in os.listdir(f'/proc/{process}/task'):
                os.sched_setaffinity(int(tid), {cpus[(turn + int(tid)) % len(cpus)]})
        except OSError:
            pass


@check
def blocks_are_handed_between_threads():
    """5: stamps of two processors, and of threads that change processors, are brought into an order without a lock."""
    exchange = [target('exchange'), '64', '20000']
    for how, command in [('free', exchange), ('on one processor', ['taskset', '-c', '0', *exchange])]:
        totals = totals_of(path('exchange.heapatlas'), *command)
        equal((totals['unknown_frees'], totals['missed_frees'], totals['lost_events']), (0, 0, 0), f'unknown, missed and lost, {how}')
    for _ in range(3):
        recorder = subprocess.Popen([HEAPATLAS, 'record', '-q', '--no-snapshot', '-o', path('moved.heapatlas'), '--', *exchange])
        time.sleep(0.05)
        children = open(f'/proc/{recorder.pid}/task/{recorder.pid}/children').read().split()
        stop = threading.Event()
        mover = threading.Thread(target=migrate, args=(children[0], stop))
        mover.start()
        equal(recorder.wait(300), 0, 'status')
        stop.set()
        mover.join()
        totals = report(path('moved.heapatlas'), '--top', '1')['processes'][0]['totals']
        equal((totals['unknown_frees'], totals['missed_frees'], totals['lost_events']), (0, 0, 0), 'unknown, missed and lost, moved about')


@check
def a_worse_clock_loses_nothing():
    """5: with a clock that cannot tell two thousand events apart, the addresses alone tell the order. They do of all that is allocated and freed.
    A reallocation that was taken in after the end of its block is an unknown free and a block that is missed later: no limit follows from
    anything. But all that the program did is told, and counted once."""
    build = os.path.join(TOP, 'build', 'coarse')
    if not os.path.exists(os.path.join(build, 'build.ninja')):
        equal(run('meson', 'setup', build, TOP).returncode, 0, 'meson setup')
    for shift, name in [(12, '1.7 us'), (21, '1 ms')]:
        equal(run('meson', 'configure', build, f'-Dc_args=-DHAT_WIRE_TSC_SHIFT={shift}').returncode, 0, 'meson configure')
        equal(run('ninja', '-C', build, 'app/heapatlas', 'core/hook/libheapatlas-hook.so', timeout=900).returncode, 0, 'ninja')
        for how in ['apart', 'realloc']:
            trace = path('coarse.heapatlas')
            done = run(os.path.join(build, 'app', 'heapatlas'), 'record', '-q', '--no-snapshot', '-o', trace, '--', target('exchange'), '64', '20000', how)
            equal(done.returncode, 0, f'status ({done.stderr[-300:]})')
            born, died = map(int, done.stdout.split())
            answer = report(trace)
            totals = answer['processes'][0]['totals']
            told = sum(sum_in(answer['processes'][0], ['work'], key) for key in ('allocations', 'reallocations'))
            ended = totals['frees'] + totals['reallocations']
            others = totals['allocations'] + totals['reallocations'] - born # the C library's own, for threads and output
            equal((told, totals['lost_events']), (born, 0), 'blocks that were born, lost events')
            assert died <= ended <= died + others, (died, ended, others)
            if how == 'apart':
                equal((totals['unknown_frees'], totals['missed_frees']), (0, 0), f'unknown and missed frees, clock of {name}')
            else:
                fact(f'missed and unknown with a clock of {name}, 64 threads that reallocate and hand on',
                     f"{totals['missed_frees']:,} and {totals['unknown_frees']:,} of {died:,} ends")


@check
def addresses_of_other_allocators_are_small():
    """8: the predictor of addresses was made for the C library's allocator."""
    churn = [target('churn'), '6000000', '20']
    for name, preload in [('the C library', None), ('jemalloc', 'libjemalloc.so.2'), ('tcmalloc', 'libtcmalloc_minimal.so.4'),
                          ('mimalloc', 'libmimalloc.so.2')]:
        for threads in ['4', '32']:
            env = dict(os.environ, **({'LD_PRELOAD': preload} if preload else {}))
            trace = path('addresses.heapatlas')
            totals = totals_of(trace, *churn, threads, env=env)
            each = os.path.getsize(trace) / (totals['allocations'] + totals['frees'])
            fact(f'bytes per event, {name}, {threads} threads', f'{each:.2f}')
            assert each <= 3.6, (name, threads, each)


@check
def a_target_that_may_not_be_looked_at():
    """9: not dumpable and not ours to trace: recorded to the end, no snapshot, and it says so."""
    source = path('secret.c')
    with open(source, 'w') as f:
        f.write('#include <stdlib.h>\n#include <sys/prctl.h>\nint main (void) { prctl (PR_SET_DUMPABLE, 0); '
                'for (int i = 0; i < 1000; i++) { void *volatile p = malloc (i + 1); (void) p; } return 7; }\n')
    equal(run('gcc', '-O0', '-w', source, '-o', path('secret')).returncode, 0, 'gcc')
    folder = path('for-nobody')
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    os.chmod(os.path.dirname(folder), 0o755)
    trace = os.path.join(folder, 'secret.heapatlas')
    user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] if os.geteuid() == 0 else []
    done = run(*user, HEAPATLAS, 'record', '-o', trace, '--', path('secret'), env=dict(os.environ, HOME='/nonexistent'))
    equal(done.returncode, 7, f'status ({done.stderr})')
    answer = report(trace)
    equal(answer['processes'][0]['totals']['allocations'] >= 1000, True, 'allocations')
    fact('of a target that may not be looked at it says', '; '.join(done.stderr.strip().splitlines()[1:])[:300])


@check
def names_from_a_gigabyte_of_debug_information():
    """11: it is not indexed as a whole: the functions of one unit of three thousand are named soon, and in little memory."""
    program = path('huge')
    what = run(PYTHON, os.path.join(TOP, 'tests', 'long', 'large-debug-file.py'), program, '1024', timeout=900)
    equal(what.returncode, 0, what.stderr)
    least = 1e9
    for n in range(3):
        env = dict(os.environ, XDG_CACHE_HOME=path(f'no-cache-{n}'))
        before = used_seconds()
        equal(run(HEAPATLAS, 'record', '-q', '--no-snapshot', '-o', path('huge.heapatlas'), '--', program, env=env).returncode, 0, 'status')
        least = min(least, used_seconds() - before)
    fact('recorded and named, a program with 1 GiB of debug information', f'{least * 1000:.0f} ms of processor time')
    assert least < 2, least


main()
