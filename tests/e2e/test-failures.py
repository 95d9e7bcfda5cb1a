#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything that can go wrong while recording: kills, crashes, full disks, cut files, refused programs."""
import json, os, random, re, shutil, signal, subprocess
from harness import *


def graceless(how):
    trace = path(how + '.heapatlas')
    done = record(trace, target('graceless'), how, options=['-q'])
    process = report(trace)['processes'][0]
    equal(sum_in(process, ['own_blocks'], 'allocations'), 1000, f'blocks before {how}')
    equal(process['totals']['lost_events'], 0, 'lost events')
    return done, process


@check
def every_way_to_exit_keeps_all_events():
    for how, status in [('return', 0), ('exit3', 3), ('_exit', 4), ('quick_exit', 5), ('syscall', 6)]:
        done, process = graceless(how)
        equal(done.returncode, status, f'exit status after {how}')
        equal(process['exit_status'], status, f'exit status in the trace after {how}')


@check
def crash_and_kill_of_the_target_keep_all_events():
    for how, number in [('abort', signal.SIGABRT), ('segv', signal.SIGSEGV), ('kill', signal.SIGKILL)]:
        done, process = graceless(how)
        equal(done.returncode, 128 + number, f'exit status after {how}')
        equal(process['signal'], int(number), f'signal in the trace after {how}')


def recorded_for_now(trace, marker):
    """A recorder of a program that goes on until it is told to end, with something in its trace."""
    recorder = subprocess.Popen([HEAPATLAS, 'record', '-q', '-o', trace, '--', target('steady'), '0', marker], stdin=subprocess.DEVNULL)

    def has_something():
        assert recorder.poll() is None, f'the recorder ended with {recorder.returncode}'
        return os.path.exists(trace) and os.path.getsize(trace) > 20000
    until('something is written while recording', has_something)
    return recorder


def goes_on(marker):
    """The program does, and ends when it is told to."""
    open(marker, 'w').close()
    until('the target goes on without its recorder', lambda: open(marker).read() == 'done\n')


@check
def kill_of_the_recorder():
    trace, marker = path('killed.heapatlas'), path('killed-done')
    recorder = recorded_for_now(trace, marker)
    recorder.kill()
    recorder.wait()
    answer = report(trace)
    equal(answer['trace']['complete'], False, 'complete')
    process = answer['processes'][0]
    assert process['totals']['allocations'] > 1000, process['totals']
    assert sum_in(process, ['own_round'], 'allocations') > 1000, 'symbols are found on opening'
    goes_on(marker)


@check
def terminating_the_recorder_finishes_the_trace():
    trace, marker = path('term.heapatlas'), path('term-done')
    recorder = recorded_for_now(trace, marker)
    recorder.terminate()
    recorder.wait(300)
    assert report(trace)['trace']['complete'], 'finished'
    goes_on(marker)


@check
def full_disk():
    mount = path('small')
    os.makedirs(mount)
    mounted = run('mount', '-t', 'tmpfs', '-o', 'size=112k', 'tmpfs', mount)
    equal(mounted.returncode, 0, f'mount ({mounted.stderr})')
    try:
        trace = os.path.join(mount, 'full.heapatlas')
        program = 'x = [bytearray(i % 3000) for i in range(300000)]; print("ran on"); raise SystemExit(9)'
        done = record(trace, PYTHON, '-c', program, env={**os.environ, 'PYTHONMALLOC': 'malloc'})
        equal((done.returncode, done.stdout), (9, 'ran on\n'), f'the target ({done.stderr})')
        assert 'No space left' in done.stderr, done.stderr
        assert re.search(r'\d', done.stderr.split('No space left')[1]), f'says from when: {done.stderr}'
        answer = report(trace)
        equal(answer['trace']['complete'], False, 'complete')
        assert answer['processes'][0]['totals']['allocations'] > 0
    finally:
        run('umount', mount)


@check
def a_cut_trace_opens_with_what_was_written():
    whole = path('whole.heapatlas')
    record(whole, target('steady'), '300', options=['-q'])
    data = open(whole, 'rb').read()
    n = report(whole)['processes'][0]['totals']['allocations']
    random.seed(7)
    cut, seen = path('cut.heapatlas'), set()
    for size in sorted(random.sample(range(len(data)), 30)):
        with open(cut, 'wb') as f:
            f.write(data[:size])
        done = run(HEAPATLAS, 'report', cut, '--json')
        if done.returncode == 0:
            answer = json.loads(done.stdout)
            equal(answer['trace']['complete'], False, f'complete when cut at {size}')
            for process in answer['processes']:
                assert process['totals']['allocations'] <= n
                seen.add(process['totals']['allocations'])
        else:
            equal(done.returncode, 3, f'cut at {size}: {done.stderr}')
            equal(done.stderr.count('\n'), 1, f'one line: {done.stderr}')
    assert max(seen) > 0, 'some of the cut files hold events'


def refused(status, words, *command, **options):
    done = record(path('refused.heapatlas'), *command, **options)
    equal(done.returncode, status, f'{command}: {done.stderr}')
    equal(done.stderr.strip().count('\n'), 0, f'one line: {done.stderr}')
    assert done.stderr.startswith('heapatlas: ') and any(w in done.stderr for w in words), done.stderr


@check
def refusals_are_one_clear_line():
    refused(127, ['no such', 'not found'], path('missing'))
    refused(127, ['no such', 'not found'], 'surely-no-such-program')
    text = path('text')
    open(text, 'w').write('hello\n')
    refused(126, ['not executable', 'permission'], text)
    source = path('small.c')
    open(source, 'w').write('int main (void) { return 0; }\n')
    static, asan, other = path('static'), path('asan'), path('arm')
    equal(run('gcc', '-static', source, '-o', static).returncode, 0, 'gcc -static')
    refused(126, ['static'], static)
    equal(run('gcc', '-fsanitize=address', source, '-o', asan).returncode, 0, 'gcc -fsanitize=address')
    refused(126, ['AddressSanitizer', 'ASan', 'sanitizer'], asan)
    dynamic = path('dynamic')
    equal(run('gcc', source, '-o', dynamic).returncode, 0, 'gcc')
    image = bytearray(open(dynamic, 'rb').read())
    image[18:20] = (183).to_bytes(2, 'little')  # EM_AARCH64
    open(other, 'wb').write(image)
    os.chmod(other, 0o755)
    refused(126, ['aarch64', 'architecture'], other)


@check
def unprivileged_cases():
    os.chmod(TMP, 0o755)
    setuid = path('setuid')
    shutil.copy('/bin/true', setuid)
    os.chmod(setuid, 0o4755)
    user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    done = run(*user, HEAPATLAS, 'record', '-o', '/tmp/never.heapatlas', '--', setuid)
    equal(done.returncode, 126, f'setuid: {done.stderr}')
    assert 'setuid' in done.stderr, done.stderr
    closed = path('closed')
    os.makedirs(closed, mode=0o700)
    done = run(*user, HEAPATLAS, 'record', '-o', os.path.join(closed, 'a.heapatlas'), '--', '/bin/true')
    equal(done.returncode, 125, f'unwritable folder: {done.stderr}')
    equal(done.stderr.strip().count('\n'), 0, f'one line: {done.stderr}')
    assert 'Permission denied' in done.stderr, done.stderr
    done = run(*user, HEAPATLAS, 'report', os.path.join(closed, 'a.heapatlas'))
    equal(done.returncode, 3, f'unreadable trace: {done.stderr}')


@check
def an_allocator_that_cannot_be_seen_is_named():
    source, program = path('own.c'), path('own')
    open(source, 'w').write('#include <stddef.h>\nstatic char pool[1 << 20]; static size_t used;\n'
                            'void *je_malloc (size_t n) { void *p = pool + used; used += (n + 15) & ~15ul; return p; }\n'
                            'int main (void) { return je_malloc (3) == NULL; }\n')
    equal(run('gcc', source, '-o', program).returncode, 0, 'gcc')
    done = record(path('own.heapatlas'), program)
    equal(done.returncode, 0, done.stderr)
    assert 'je_malloc' in done.stderr, done.stderr


@check
def closed_standard_descriptors_harm_nothing():
    for closed in '<&-', '>&-', '2>&-', '<&- >&- 2>&-':
        trace = path('closed.heapatlas')
        script, fds = path('fds.sh'), path('fds')
        open(script, 'w').write(f'exec 3>{fds}\nfor i in 0 1 2; do [ -e /proc/$$/fd/$i ] && echo $i >&3; done\nls / >{path("listed")}\n')
        done = run('/bin/sh', '-c', f'exec "{HEAPATLAS}" record -o {trace} -- /bin/sh {script} {closed}')
        equal(done.returncode, 0, f'exit status with {closed}')
        missing = {'0', '1', '2'} - set(open(fds).read().split())
        equal('0' in missing, '<&-' in closed, f'standard input of the program with {closed}')
        equal('2' in missing, '2>&-' in closed, f'standard error of the program with {closed}')
        answer = report(trace)
        assert answer['trace']['complete'] and sum(p['totals']['allocations'] for p in answer['processes']) > 20, (closed, answer['processes'])
    done = run('/bin/sh', '-c', f'exec "{HEAPATLAS}" report {trace} >&-')
    equal(done.returncode, 3, f'a report that nobody can read: {done.stderr}')


@check
def nothing_but_an_older_trace_is_overwritten():
    text, trace = path('precious'), path('shared.heapatlas')
    open(text, 'w').write('precious')
    done = record(text, '/bin/true')
    equal((done.returncode, open(text).read()), (125, 'precious'), f'a text as trace: {done.stderr}')
    for _ in range(2):
        equal(record(trace, '/bin/true').returncode, 0, 'an older trace is overwritten')
    first = subprocess.Popen([HEAPATLAS, 'record', '-o', trace, '--', 'cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first.stdin.write(b'x\n')
    first.stdin.flush()
    first.stdout.readline()
    done = record(trace, '/bin/true')
    equal(done.returncode, 125, f'two recordings into one file: {done.stderr}')
    assert 'another recording' in done.stderr, done.stderr
    first.communicate()
    equal(run(HEAPATLAS, 'check', trace).returncode, 0, 'the first recording is whole')


@check
def a_trace_that_is_big_enough_ends_the_recording_only():
    trace = path('big.heapatlas')
    done = record(trace, target('churn'), '4000000', '20', '1', options=['--max-size', '1M'])
    equal(done.returncode, 0, f'the program goes on: {done.stderr}')
    assert 'maximal size' in done.stderr, done.stderr
    assert 1 << 20 <= os.path.getsize(trace) < 3 << 20, os.path.getsize(trace)
    assert 'STOPPED' in run(HEAPATLAS, 'report', trace).stdout, 'the report says that it ended early'
    equal(record(trace, '/bin/true', options=['--max-size', '0']).returncode, 2, 'no size at all')


@check
def names_cannot_break_messages():
    name = path('two\nlines \x1b[31m')
    shutil.copy('/bin/true', name)
    trace = path('names.heapatlas')
    done = record(trace, name)
    equal(done.returncode, 0, done.stderr)
    equal(done.stderr.count('\n'), 2, f'two lines: {done.stderr}')
    assert '\x1b' not in done.stderr, done.stderr
    for words in ['', '/bin/true'], ['/bin/true']:
        wrong = run(HEAPATLAS, 'record', *(['-o', '', '--'] if len(words) == 1 else ['--']), *words)
        equal((wrong.returncode, wrong.stderr.count('\n')), (2, 1), f'an empty name: {wrong.stderr}')


main()
