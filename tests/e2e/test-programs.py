#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that we did not write: recorded with stdout and exit status unchanged and no event lost."""
import json, os, subprocess
from harness import *


def allocations(answer):
    return sum(p['totals']['allocations'] for p in answer['processes'])


@check
def python_with_malloc():
    program = ('import json; d = [{"a": i, "b": str(i) * 3, "c": [i, i + 1.5]} for i in range(20000)]; '
               's = json.dumps(d); print(len(s), sum(len(x) for x in json.loads(s)))')
    answer = same_behaviour(path('python.heapatlas'), PYTHON, '-c', program, env={**os.environ, 'PYTHONMALLOC': 'malloc', 'PYTHONHASHSEED': '0'})
    assert allocations(answer) > 100000, allocations(answer)
    assert answer['processes'][0]['stack_quality']['truncated'] == 0, answer['processes'][0]['stack_quality']


@check
def cc1plus_on_a_real_file():
    source = path('big.cpp')
    with open(source, 'w') as f:
        f.write('#include <map>\n#include <regex>\n#include <string>\n#include <vector>\n'
                'int main () { std::map<std::string, std::vector<int>> m; m["a"].push_back (1);'
                ' return std::regex_match ("abc", std::regex ("a.c")) ? (int) m.size () : 0; }\n')
    compiler = run('g++', '-print-prog-name=cc1plus').stdout.strip()
    equal(run('g++', '-E', source, '-o', path('big.ii')).returncode, 0, 'g++ -E')
    answer = same_behaviour(path('cc1plus.heapatlas'), compiler, '-quiet', '-O1', '-fpreprocessed', path('big.ii'), '-o', '-')
    assert allocations(answer) > 100000, allocations(answer)


@check
def sqlite_bulk_insert():
    sql = ('create table t (a integer primary key, b text); with recursive n (i) as (select 1 union all select i + 1 from n where i < 50000) '
           'insert into t select i, hex (i * 7919) from n; create index x on t (b); select count (*), max (b) from t;')
    answer = same_behaviour(path('sqlite.heapatlas'), 'sqlite3', ':memory:', sql)
    assert allocations(answer) > 10000, allocations(answer)


@check
def git_and_its_children():
    repository = path('repository')
    for command in [['init', '-q'], ['config', 'user.email', 'a@b.c'], ['config', 'user.name', 'a']]:
        run('git', *command, cwd=(os.makedirs(repository, exist_ok=True) or repository))
    for n in range(20):
        with open(os.path.join(repository, f'file{n % 5}'), 'a') as f:
            f.write(f'line {n}\n' * 100)
        run('git', 'add', '.', cwd=repository)
        run('git', 'commit', '-q', '-m', f'commit {n}', cwd=repository)
    answer = same_behaviour(path('git.heapatlas'), 'git', 'log', '--stat', cwd=repository)
    assert allocations(answer) > 1000
    answer = same_behaviour(path('gc.heapatlas'), 'git', '-c', 'gc.auto=0', 'repack', '-adq', cwd=repository)
    assert len(answer['processes']) >= 2, 'children of git are in the trace'


@check
def perl():
    answer = same_behaviour(path('perl.heapatlas'), 'perl', '-e',
                            'my %h; $h{$_ % 1000} .= "x" x ($_ % 50) for 1 .. 100000; print scalar (keys %h), "\n"; exit 7')
    assert allocations(answer) > 2000, allocations(answer)


@check
def node():
    answer = same_behaviour(path('node.heapatlas'), 'node', '-e',
                            'const a = []; for (let i = 0; i < 200000; i++) a.push ({ i, s: "x".repeat (i % 20) }); console.log (a.length)')
    assert allocations(answer) > 1000
    assert answer['processes'][0]['threads'] > 1


@check
def redis_through_jemalloc():
    trace, door = path('redis.heapatlas'), path('redis')
    server = subprocess.Popen([HEAPATLAS, 'record', '-q', '-o', trace, '--', 'redis-server', '--port', '0', '--unixsocket', door, '--save', ''],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        def answers():
            assert server.poll() is None, f'the recorder ended with {server.returncode}'
            return run('redis-cli', '-s', door, 'ping').stdout.strip() == 'PONG'
        until('redis-server answers', answers)
        bench = run('redis-benchmark', '-s', door, '-n', '20000', '-q', '-t', 'set,get,lpush')
        equal(bench.returncode, 0, 'redis-benchmark')
        run('redis-cli', '-s', door, 'shutdown', 'nosave')
        equal(server.wait(300), 0, 'exit status of redis-server')
    finally:
        server.kill()
    process = report(trace)['processes'][0]
    equal(process['totals']['lost_events'], 0, 'lost events')
    equal(process['totals']['unknown_frees'], 0, 'unknown frees')
    assert process['totals']['allocations'] > 10000


def through_allocator(name):
    answer = same_behaviour(path(name + '.heapatlas'), target('count-cxx'), 'succeed', env={**os.environ, 'LD_PRELOAD': name})
    process = answer['processes'][0]
    own = lambda s: any(f['function'].split('(')[0].startswith('own_') for f in s['stack'])
    plain = json.loads(run(target('count-cxx'), 'succeed').stdout)
    for key in ['allocations', 'bytes', 'frees']:
        equal(sum(s[key] for s in process['sites'] if own(s)), plain[key], f'{key} through {name}')
    equal(process['totals']['unknown_frees'], 0, f'unknown frees through {name}')


@check
def tcmalloc():
    through_allocator('libtcmalloc_minimal.so.4')


@check
def mimalloc():
    through_allocator('libmimalloc.so.2')


@check
def jemalloc():
    through_allocator('libjemalloc.so.2')


@check
def a_malloc_of_the_program_itself():
    """Whose entries become jumps to ours: what is counted equals what it counts, whatever they begin with."""
    program = target('own-malloc')
    answer = same_behaviour(path('own.heapatlas'), program)
    process, child = answer['processes']
    own = json.loads(run(program).stdout)
    assert own['calls'] > 2000, own
    equal(process['allocator'], program, 'allocator')
    for key in 'allocations', 'frees', 'reallocations':
        equal(process['totals'][key], own[key], key)
    equal((process['totals']['unknown_frees'], process['totals']['missed_frees']), (0, 0), 'unknown and missed frees')
    equal(process['stack_quality']['truncated'], 0, 'truncated stacks')
    equal((child['totals']['allocations'], child['totals']['frees']), (10, 10), 'of the child')
    main = [s for s in process['sites'] if any(f['function'] == 'main' for f in s['stack'])]
    equal(sum(s['allocations'] for s in main), own['allocations'] - 1, 'allocations of main')  # and one of a library, before it


@check
def a_malloc_that_cannot_be_recorded_is_told():
    """One has a free that is too short for a jump, and one a free with a loop that begins where the jump would stand."""
    program, loop, trace = target('own-malloc-hidden'), target('own-malloc-loop'), path('hidden.heapatlas')
    for program, command in [(program, [program]), (loop, [loop]),
                             (program, ['sh', '-c', program + '; ' + program])]:  # nothing is said beforehand of what a shell starts
        done = record(trace, *command)
        equal((done.returncode, done.stdout), (0, run(*command).stdout), done.stderr)
        equal(done.stderr.count('own malloc'), 1, done.stderr)
        process = [p for p in report(trace)['processes'] if p['exe'] == program][-1]
        equal((process['allocator'], process['totals']['allocations']), (None, 0), 'allocator and allocations')
        assert 'unseen' in run(HEAPATLAS, 'report', trace).stdout.lower()


@check
def shell_pipelines_and_env():
    answer = same_behaviour(path('pipe.heapatlas'), 'sh', '-c', 'printf "b\\na\\n" | sort | head -1; exit 5')
    images = [os.path.basename(p['exe']) for p in answer['processes']]
    assert 'sort' in images and 'head' in images, images
    answer = same_behaviour(path('env.heapatlas'), 'env', 'X=Y', PYTHON, '-c', 'import os; print(os.environ["X"])')
    assert len(answer['processes']) == 2, [p['exe'] for p in answer['processes']]
    equal(answer['processes'][1]['parent'], 0, 'parent of the second image')
    equal(answer['processes'][1]['argv'][1:2], ['-c'], 'argv of the second image')


@check
def gtk_program():
    trace = path('gtk.heapatlas')
    with display() as where:
        env = {**os.environ, **where, 'GSK_RENDERER': 'cairo', 'GTK_A11Y': 'none'}
        recorder = subprocess.Popen(['dbus-run-session', '--', HEAPATLAS, 'record', '-q', '-o', trace, '--', 'sh', '-c', 'gtk4-widget-factory; true'],
                                    stdin=subprocess.DEVNULL, env=env)

        def window():
            assert recorder.poll() is None, f'the recorder ended with {recorder.returncode}'
            return run('xdotool', 'search', '--onlyvisible', '--name', 'Widget Factory', env=env).stdout.split()
        shown = until('the window shows', window)
        equal(run('xdotool', 'windowkill', shown[0], env=env).returncode, 0, 'xdotool')
        equal(recorder.wait(300), 0, 'status')
    factory = [p for p in report(trace)['processes'] if 'gtk4-widget-factory' in p['exe']]
    assert factory, 'gtk4-widget-factory is in the trace'
    equal(factory[-1]['totals']['lost_events'], 0, 'lost events')
    assert factory[-1]['totals']['allocations'] > 50000, factory[-1]['totals']


@check
def interactive_program_reads_stdin():
    trace = path('interactive.heapatlas')
    done = subprocess.run([HEAPATLAS, 'record', '-q', '-o', trace, '--', PYTHON, '-c', 'print(input() + input())'],
                          input='ab\ncd\n', capture_output=True, text=True, timeout=300)
    equal((done.returncode, done.stdout), (0, 'abcd\n'), 'answer')


@check
def daemonising_program():
    marker = path('daemon-done')
    program = ('import os, sys, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n'
               f'x = [bytearray(100) for i in range(50000)]\nopen({marker!r}, "w").write("done")\n')
    trace = path('daemon.heapatlas')
    done = record(trace, PYTHON, '-c', program, options=['-q'], env={**os.environ, 'PYTHONMALLOC': 'malloc'})
    equal(done.returncode, 0, done.stderr)
    assert os.path.exists(marker), 'the recording lasts until the daemon has ended'
    last = report(trace)['processes'][-1]
    assert last['totals']['allocations'] >= 50000, last['totals']
    assert last['totals']['inherited_blocks'] > 1000, 'it refers to its parent'
    equal(last['totals']['unknown_frees'], 0, 'unknown frees')


main()
