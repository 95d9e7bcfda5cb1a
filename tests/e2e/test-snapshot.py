#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Snapshots: when they are taken, and that the roots are exactly those that there are. snapshot-roots tells its blocks by their sizes."""
import re, signal, socket, time
from harness import *

DUMP = os.path.join(BUILD, 'tests', 'unit', 'dump-snapshots')
ROOTS = target('snapshot-roots')


def dump(trace):
    done = run(DUMP, trace)
    equal(done.returncode, 0, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def take(how, *options, status=3):
    """Records snapshot-roots; returns its snapshots and {size: place}."""
    trace = path('snapshot.heapatlas')
    done = record(trace, ROOTS, how, options=['-q', *options])
    equal((done.returncode, re.sub('.*Assertion.*\n', '', done.stderr)), (status, ''), how)
    places = {int(size): place for place, size in re.findall(r'^(\S+) (\d+)$', done.stdout, re.M)}
    return dump(trace), places


def rooted(snapshot):
    """{size: set of (kind, name, frame)} of the roots."""
    found = {}
    for root in snapshot['roots']:
        size = snapshot['blocks'][root['to']][1]
        found.setdefault(size, set()).add((root['kind'], root['name'], root['frame']))
    return found


def reached(snapshot):
    """Sizes of the blocks that are reached from roots."""
    edges = {}
    for start, end, _, _ in snapshot['edges']:
        edges.setdefault(start, []).append(end)
    todo, seen = [root['to'] for root in snapshot['roots']], set()
    while todo:
        block = todo.pop()
        if block not in seen:
            seen.add(block)
            todo += edges.get(block, [])
    return {snapshot['blocks'][block][1] for block in seen}


def one_of(snapshots, reason):
    found = [s for s in snapshots if s['reason'] == reason]
    equal(len(found), 1, f'snapshots of reason {reason}, of {[s["reason"] for s in snapshots]}')
    return found[0]


def lost_are_lost(snapshot, places):
    sizes = reached(snapshot)
    equal({s for s, place in places.items() if place.startswith('lost')} & sizes, set(), 'lost blocks that something holds')
    held = {s for s, place in places.items() if not place.startswith(('lost', 'freed', 'main-stack', 'peak'))}
    equal(held - sizes, set(), 'blocks that nothing holds')


@check
def each_root_is_what_it_is():
    snapshots, places = take('exit')
    snapshot = one_of(snapshots, 'exit')
    lost_are_lost(snapshot, places)
    roots = rooted(snapshot)
    equal(roots[100], {('global', 'in_global', '')}, 'a global')
    equal(roots[101], {('global', 'in_static[1]', '')}, 'a static array')
    equal(roots[103], {('tls', 'in_thread_local', '')}, 'a thread-local')
    equal(roots[104], {('global', 'interior', '')}, 'an interior pointer')
    equal({root['into'] for root in snapshot['roots'] if snapshot['blocks'][root['to']][1] == 104}, {40}, 'where it points')
    equal(roots[105], {('tls', 'thread descriptor', '')}, 'a key')
    equal(roots[106], {('mapping', '', '')}, 'a mapping')
    equal(roots[110], {('tls', 'in_library_thread_local', '')}, "a library's thread-local")
    assert 102 not in roots and 107 not in roots, 'blocks that only blocks hold'
    assert ('stack', 'on_stack', 'main') in roots[300], roots.get(300)
    equal(snapshot['skipped'], 0, 'threads without frames')


@check
def after_return_main_has_no_frame():
    snapshots, places = take('return')
    snapshot = one_of(snapshots, 'exit')
    lost_are_lost(snapshot, places)
    assert 300 not in rooted(snapshot), rooted(snapshot).get(300)
    assert 'main' not in [name for _, name in snapshot['frames']], snapshot['frames']


@check
def threads_stacks_registers_and_keys():
    snapshots, places = take('threads exit')
    snapshot = one_of(snapshots, 'exit')
    lost_are_lost(snapshot, places)
    roots = rooted(snapshot)
    assert ('stack', 'mine', 'wait_in_frame') in roots[2000], roots[2000]
    equal(roots[2001], {('tls', 'in_thread_local', '')}, "another thread's thread-local")
    equal(roots[2002], {('tls', 'thread descriptor', '')}, "another thread's key")
    assert ('register', 'held', 'spin') in roots[2003], roots[2003]
    assert any(kind == 'register' and name == 'xmm9' for kind, name, _ in roots[2004]), roots[2004]
    if 'avx512f' in open('/proc/cpuinfo').read():
        assert any(kind == 'register' and name == 'zmm17' for kind, name, _ in roots[2008]), roots[2008]
    assert 2005 in roots and ('stack', 'below', 'raise_on_own_stack') in roots[2006], (roots.get(2005), roots.get(2006))
    equal(len({tid for tid, _ in snapshot['frames']}), 5 + ('avx512f' in open('/proc/cpuinfo').read()), 'threads with frames')


@check
def what_is_being_moved_is_never_lost():
    """A reallocation may be half done when the process is stopped: its block is marked, and may hold anything."""
    for _ in range(5):
        snapshot = one_of(take('moving exit')[0], 'exit')
        doubtful = {snapshot['blocks'][block][1] for block in snapshot['doubtful']}
        missing = {6000, 6001, 6002, 6003} - reached(snapshot)
        assert len(missing) <= len(doubtful), (missing, doubtful)


@check
def every_end_has_its_snapshot():
    for how, status in [('_exit', 3), ('quick', 3), ('abort', 134), ('assert', 134), ('pthread', 0), ('vfork', 3)]:
        snapshots, places = take(how, status=status)
        snapshot = one_of(snapshots, 'exit')
        sizes = reached(snapshot)
        assert {100, 101, 102, 106, 107} <= sizes and 1000 not in sizes, (how, sizes)


@check
def the_report_and_the_last_line_tell_of_it():
    trace = path('told.heapatlas')
    done = record(trace, ROOTS, 'mark exit')
    assert re.search(r'; 2 snapshots \(paused [\d.]+ \S+, [\d.]+ \S+ read\);', done.stderr), done.stderr
    text = run(HEAPATLAS, 'report', trace).stdout
    assert re.search(r'snapshots +mark here at .*: paused .*, .* read\n +exit at .*: paused', text), text[:900]


@check
def traced_ends_have_theirs():
    for how, status in [('raw', 3), ('crash', 139), ('threads crash', 139), ('exit', 3), ('threads exit', 3), ('mark fork return', 3)]:
        snapshots, places = take(how, '--trace-exit', status=status)
        first = [s for s in snapshots if s['process'] == 0]
        equal([s['reason'] for s in first], ['mark', 'exit'] if 'mark' in how else ['exit'], how)
        if 'mark' not in how:
            lost_are_lost(first[0], places)
        equal(len({tid for tid, _ in first[-1]['frames']}), 5 if 'threads' in how else 1, f'threads with frames, {how}')
    for how, status in [('raw', 3), ('crash', 139)]:
        equal(take(how, status=status)[0], [], f'snapshots without --trace-exit, {how}')


@check
def a_traced_program_gets_its_signals():
    for options in [[], ['--trace-exit']]:
        done = record(path('signals.heapatlas'), 'sh', '-c', 'trap "echo got it" USR1; kill -USR1 $$; (kill -STOP $$; kill -CONT $$) & wait; wait; kill -TERM $$',
                      options=['-q', *options])
        equal((done.returncode, done.stdout), (143, 'got it\n'), options)


@check
def no_snapshot_if_not_wanted():
    equal(take('exit', '--no-snapshot')[0], [], 'snapshots')
    equal(take('mark exit', '--no-snapshot')[0], [], 'snapshots')
    equal(take('exit', '--sample', '100')[0], [], 'snapshots of a sample')


@check
def marks_ask_for_one():
    snapshots, places = take('mark exit')
    equal([(s['reason'], s['detail']) for s in snapshots], [('mark', 'here'), ('exit', '')], 'snapshots')
    assert 100 in rooted(snapshots[0]) and 100 not in rooted(snapshots[1]), 'a block that was freed in between'
    equal([m['name'] for m in report(path('snapshot.heapatlas'))['processes'][0]['marks']], ['here'], 'marks')


@check
def the_peak_is_kept():
    snapshots, places = take('peak return', '--snapshot-at-peak')
    peak = one_of(snapshots, 'peak')
    assert sum(size == 3000 for _, size in peak['blocks']) >= 150, 'blocks at the peak'
    assert 3000 in rooted(peak) and 3000 not in rooted(one_of(snapshots, 'exit')), 'blocks of the peak'


@check
def a_function_asks_for_one():
    snapshots, places = take('watch return', '--snapshot-at', 'watched_function')
    snapshot = one_of(snapshots, 'function')
    equal(snapshot['detail'], 'watched_function', 'detail')
    assert 'watched_function' in [name for _, name in snapshot['frames']], snapshot['frames']
    equal([s['reason'] for s in take('return', '--snapshot-at', 'watched_function')[0]], ['exit'], 'snapshots without the function')


@check
def a_function_asks_in_forked_children_too():
    snapshots, _ = take('fork child-watch return', '--snapshot-at', 'watched_function')
    found = [s for s in snapshots if s['reason'] == 'function']
    equal(sorted(s['process'] for s in found), [1, 2, 3], 'processes')
    for snapshot in found:
        assert 'watched_function' in [name for _, name in snapshot['frames']], snapshot['frames']


def heads(snapshot):
    """{size: first words} of what is pointed to from behind them."""
    return {snapshot['blocks'][block][1]: words for block, *words in snapshot['heads']}


@check
def what_stands_before_a_pointer_is_kept():
    (snapshot,), _ = take('exit')
    equal(heads(snapshot)[108], [100, 0, 0], 'a length before what a global points to')
    equal(heads(snapshot)[109], [7, 8, 9], 'words before what a block points to')
    assert 104 not in heads(snapshot), 'a pointer to 40 bytes behind the start'


@check
def too_big_to_copy_gives_the_same():
    """The process' memory is then looked at in windows, while it stands still."""
    (copied,), _ = take('exit')
    (windowed,), _ = take('exit', '--snapshot-memory', '4K')
    equal((copied['windowed'], windowed['windowed']), (0, 1), 'windowed')
    sizes = [size for _, size in copied['blocks']]
    equal([size for _, size in windowed['blocks']], sizes, 'sizes of blocks')
    equal(windowed['edges'], copied['edges'], 'edges')
    equal(rooted(windowed), rooted(copied), 'roots')
    equal(windowed['module_words'], copied['module_words'], 'words that point into modules')
    equal(heads(windowed), heads(copied), 'heads of blocks')
    assert 'too big to copy' in run(HEAPATLAS, 'report', path('snapshot.heapatlas')).stdout


@check
def contents_are_kept_as_asked_for():
    (pointers,), _ = take('exit')
    (everything,), _ = take('exit', '--contents', 'all')
    (nothing,), _ = take('exit', '--contents', 'none')
    equal((pointers['contents'], nothing['contents']), ([], []), 'contents that were not asked for')
    equal(nothing['module_words'], 0, 'words that point into modules')
    equal(nothing['edges'], pointers['edges'], 'edges')
    (in_a_file,), _ = take('exit', '--contents', 'all', '--snapshot-memory', '4K')
    for snapshot in [everything, in_a_file]:
        contents = dict(snapshot['contents'])
        equal((snapshot['windowed'], len(contents)), (0, len(snapshot['blocks'])), 'blocks with contents')
        for number, (address, size) in enumerate(snapshot['blocks']):
            equal(len(contents[number]), 2 * size, 'bytes of a block')
        for start, end, word, into in snapshot['edges']:
            value = int.from_bytes(bytes.fromhex(contents[start][word * 16:word * 16 + 16]), 'little')
            equal(value, snapshot['blocks'][end][0] + into, 'a pointer')
    equal(len(in_a_file['edges']), len(everything['edges']), 'pointers')
    equal(record(path('no'), 'true', options=['--contents', 'some']).returncode, 2, 'a word that is none')


@check
def contents_can_be_taken_out():
    trace = path('snapshot.heapatlas')
    (before,), _ = take('exit', '--contents', 'all')
    size, mode = os.path.getsize(trace), os.stat(trace).st_mode
    done = run(HEAPATLAS, 'check', trace, '--strip-contents')
    equal((done.returncode, done.stderr), (0, ''), 'check --strip-contents')
    assert re.match(r'Contents of blocks taken out: [1-9]', done.stdout) and 'every checksum and every event is right' in done.stdout, done.stdout
    (after,) = dump(trace)
    equal(after['contents'], [], 'contents')
    assert before.pop('contents') and after.pop('contents') == []
    equal(after, before, 'all else')
    assert os.path.getsize(trace) < size and os.stat(trace).st_mode == mode
    equal([name for name in os.listdir(TMP) if name.startswith('snapshot.heapatlas.')], [], 'files left over')
    with open(trace, 'r+b') as f:
        f.truncate(os.path.getsize(trace) - 40)
    equal(run(HEAPATLAS, 'check', trace, '--strip-contents').returncode, 3, 'of a trace that was cut off')


@check
def children_have_theirs():
    snapshots, places = take('fork return')
    processes = [s['process'] for s in snapshots]
    equal(processes.count(0), 1, 'snapshots of the parent')
    for snapshot in snapshots:
        assert snapshot['process'] == 0 or 100 in rooted(snapshot), 'an inherited block'
        assert snapshot['process'] == 0 or rooted(snapshot).get(3999 + snapshot['process']), 'a block of its own'


@check
def many_children_are_skipped_and_counted():
    """All together may hold up the program for a tenth of the time only."""
    trace = path('many.heapatlas')
    done = record(trace, 'sh', '-c', 'for i in $(seq 150); do /bin/true; done')
    snapshots = dump(trace)
    skipped = int((re.search(r', (\d+) skipped', done.stderr) or [0, 0])[1])
    others = [s for s in snapshots if s['process'] != 0]
    equal([s['process'] for s in snapshots].count(0), 1, 'snapshots of the first process')
    # An image that is replaced by exec has none.
    ended = [p for p in report(trace)['processes'][1:] if p['exit_status'] is not None]
    equal(len(others) + skipped, len(ended), f'snapshots ({len(others)}) and skipped ones ({skipped})')


def start_waiting(trace, *options, pass_fds=()):
    """The recorder of a program that waits, and that program."""
    said = trace + '.said'
    with open(said, 'w') as out:
        recorder = subprocess.Popen([HEAPATLAS, 'record', '-o', trace, *options, '--', ROOTS, 'wait'], stdout=out, stderr=subprocess.PIPE, text=True,
                                    pass_fds=pass_fds)

    def is_ready():
        assert recorder.poll() is None, f'the recorder ended with {recorder.returncode}: {recorder.stderr.read()}'
        return 'ready\n' in open(said).read()
    until('the program waits', is_ready)
    (pid,) = children(recorder.pid)
    return recorder, pid


@check
def others_may_ask():
    trace = path('asked.heapatlas')
    recorder, pid = start_waiting(trace)
    done = run(HEAPATLAS, 'snapshot', pid)
    equal((done.returncode, done.stderr), (0, ''), 'heapatlas snapshot')
    assert re.match(rf'process {pid}: \d+ blocks, .* read, paused .*\n$', done.stdout), done.stdout
    equal(run(HEAPATLAS, 'snapshot', recorder.pid).returncode, 0, 'by the number of the recorder')
    os.kill(pid, signal.SIGTERM)
    recorder.wait(300)
    snapshots = dump(trace)
    equal([s['reason'] for s in snapshots], ['request', 'request'], 'snapshots')
    assert ('global', 'in_global', '') in rooted(snapshots[0])[100] and 'main' in [name for _, name in snapshots[0]['frames']]


@check
def the_window_may_ask():
    ours, theirs = socket.socketpair()
    recorder, pid = start_waiting(path('control.heapatlas'), '--control-fd', str(theirs.fileno()), pass_fds=[theirs.fileno()])
    theirs.close()
    ours.settimeout(300)
    lines = ours.makefile('r')
    ours.sendall(b'snapshot\n')
    line = next(line for line in lines if line.startswith('snapshot '))
    assert re.match(r'snapshot index=0 number=0 time_ns=\d+ pause_ns=\d+ bytes=\d+ reason=request$', line), line
    os.kill(pid, signal.SIGTERM)
    assert any(line.startswith('done ') for line in lines), 'the recording is not done'
    recorder.wait(300)
    equal([s['reason'] for s in dump(path('control.heapatlas'))], ['request'], 'snapshots')


@check
def who_cannot_be_asked_says_so():
    for arguments, status, text in [(['1'], 3, 'not being recorded'), (['x'], 2, 'number'), ([], 2, 'number')]:
        done = run(HEAPATLAS, 'snapshot', *arguments)
        equal((done.returncode, done.stdout, done.stderr.count('\n')), (status, '', 1), arguments)
        assert text in done.stderr, done.stderr


@check
def a_debugger_that_traces_already_is_named():
    """Then nobody else can stop it; the recording goes on."""
    trace = path('traced.heapatlas')
    recorder, pid = start_waiting(trace)
    tracer = subprocess.Popen([PYTHON, '-c', f'''
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(0x4206, {pid}, None, None) == 0
print('tracing', flush=True)
sys.stdin.read()'''], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    equal(tracer.stdout.readline(), 'tracing\n', 'the tracer')
    done = run(HEAPATLAS, 'snapshot', pid)
    equal(done.returncode, 3, 'heapatlas snapshot')
    tracer.stdin.close()
    tracer.wait(300)
    os.kill(pid, signal.SIGTERM)
    errors = recorder.communicate(timeout=300)[1]
    assert f'process {tracer.pid} traces it already' in errors and 'recording goes on' in errors, errors
    equal(dump(trace), [], 'snapshots')


WITHOUT_PTRACE = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
# the number of the call; 101 is ptrace: EPERM, all else is allowed
rules = ctypes.create_string_buffer(b''.join(struct.pack('<HBBI', *rule) for rule in
                                             [(0x20, 0, 0, 0), (0x15, 0, 1, 101), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7fff0000)]))
program = ctypes.create_string_buffer(struct.pack('<HxxxxxxQ', 4, ctypes.addressof(rules)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@check
def a_container_without_ptrace_is_told_of():
    """As Docker's filter of system calls was for years; Yama's scopes 2 and 3 are the same to us: EPERM."""
    trace = path('contained.heapatlas')
    done = run(PYTHON, '-c', WITHOUT_PTRACE, HEAPATLAS, 'record', '-o', trace, '--', ROOTS, 'mark exit')
    equal(done.returncode, 3, done.stderr)
    told = [line for line in done.stderr.splitlines() if 'no snapshot' in line]
    assert len(told) == 1 and 'the kernel forbids ptrace' in told[0] and 'recording goes on' in told[0], done.stderr
    equal(dump(trace), [], 'snapshots')
    assert report(trace)['processes'][0]['totals']['allocations'] > 10


@check
def a_recorder_that_dies_lets_its_target_go_on():
    """Killed at any moment of its work, with the target held or not."""
    for delay in [0, 0.002, 0.005, 0.01, 0.02]:
        recorder, pid = start_waiting(path('dies.heapatlas'), '-q', '--snapshot-every', '0.01')
        time.sleep(delay)
        recorder.kill()
        recorder.wait(300)
        recorder.stderr.close()
        status = open(f'/proc/{pid}/status').read()
        assert 'TracerPid:\t0' in status, status
        os.kill(pid, signal.SIGTERM)
        until('the program ends', lambda: has_ended(pid))


main()
