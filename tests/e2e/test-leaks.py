#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Leak classes against programs whose blocks are each known, and side by side with LeakSanitizer and memcheck.

The truth programs (tests/targets/leaks-*) print "case class address size" for every block of their own. Differences to the other tools
stand in LEAKS.md, and nowhere else."""
import collections, functools, re, xml.etree.ElementTree
from harness import *

LSAN_CLASS = {'direct': 'direct', 'cycle': 'indirect', 'indirect': 'indirect', 'possible': 'reachable', 'reachable': 'reachable'}
CLASSES = ['direct', 'cycle', 'indirect', 'possible', 'reachable']


def table(title):
    """Rows of the table under a heading of LEAKS.md."""
    text = open(os.path.join(TOP, 'tests', 'e2e', 'LEAKS.md')).read()
    section = text.split(f'## {title}\n')[1].split('\n## ')[0]
    rows = [[cell.strip() for cell in line.strip('|\n ').split('|')] for line in section.splitlines() if line.startswith('|')]
    return rows[2:]


def answer(command, trace, *options):
    done = run(HEAPATLAS, command, trace, '--json', *options)
    equal(done.returncode, 0, f'{command}: {done.stderr}')
    return json.loads(done.stdout)


def parse_truth(text):
    """{address: (case, class, size)}"""
    blocks = {}
    for line in text.splitlines():
        case, leak_class, address, size = line.split()
        blocks[int(address, 16)] = (case, leak_class, int(size))
    return blocks


# ---- ours ----

@functools.cache
def recorded(name):
    """The trace of a truth program, and {address: (case, class, size)}."""
    trace = path(f'{name}.heapatlas')
    done = record(trace, target(name), options=['-q'])
    equal(done.returncode, 0, f'{name}: {done.stderr}')
    return trace, parse_truth(done.stdout)


def check_truth(name):
    """Every block of a truth program's own has its class, and no other block is lost. Returns {address: block}."""
    trace, truth = recorded(name)
    nodes = {int(n['address'], 16): n for n in answer('graph', trace)['nodes']}
    wrong = [f'{case} {address:#x}: {nodes[address]["class"] if address in nodes else "not there"}, not {leak_class}'
             for address, (case, leak_class, size) in truth.items() if address not in nodes or nodes[address]['class'] != leak_class]
    wrong += [f'{case} {address:#x}: size {nodes[address]["size"]}, not {size}' for address, (case, leak_class, size) in truth.items()
              if address in nodes and nodes[address]['size'] != size]
    wrong += [f'{n["class"]} block {address:#x} of {n["size"]} bytes is not the program\'s own' for address, n in nodes.items()
              if n['class'] != 'reachable' and address not in truth]
    assert not wrong, f'{name}:\n' + '\n'.join(wrong)

    process = answer('leaks', trace)['processes'][0]
    equal(process['snapshot']['reason'], 'exit', 'the snapshot')
    for leak_class in CLASSES[:-1]:
        mine = [size for case, c, size in truth.values() if c == leak_class]
        equal(process['classes'][leak_class], {'blocks': len(mine), 'bytes': sum(mine)}, f'{name}: {leak_class} of leaks --json')
    equal(process['classes']['unfreed']['blocks'], 0, 'unfreed')
    return truth


@check
def blocks_of_c_have_their_class():
    truth = check_truth('leaks-c')
    assert len(truth) > 50


@check
def blocks_of_cxx_have_their_class():
    check_truth('leaks-cxx')


@check
def blocks_of_rust_have_their_class():
    check_truth('leaks-rust')


@check
def mapped_regions_can_be_left_out():
    """What only they hold is lost then, and nothing else is."""
    trace, truth = recorded('leaks-c')
    held = {int(n['address'], 16) for n in answer('graph', trace)['nodes'] if n['class'] == 'reachable'}
    kept = {int(n['address'], 16) for n in answer('graph', trace, '--no-mappings')['nodes'] if n['class'] == 'reachable'}
    equal([truth[address][0] for address in held - kept], ['mapping'], 'cases')
    equal(kept - held, set(), 'blocks that are held by less')
    assert not any(root['kind'] == 'mapping' for root in answer('graph', trace, '--no-mappings')['roots'])
    for more in [[], ['--no-mappings']]:
        leaks = answer('leaks', trace, *more)['processes'][0]['classes']
        equal(leaks['direct']['blocks'], sum(c == 'direct' for _, c, _ in truth.values()) + len(more), f'direct leaks {more}')


# ---- LeakSanitizer ----

def lsan_objects(text):
    """{address: ('direct' or 'indirect', size)} of a report with report_objects=1."""
    found, kind = {}, None
    for line in text.splitlines():
        if heading := re.match(r'(Direct|Indirect) leak of', line):
            kind = heading[1].lower()
        elif leaked := re.match(r'(0x[0-9a-f]+) \((\d+) bytes\)', line):
            found[int(leaked[1], 16)] = (kind, int(leaked[2]))
    return found


def run_lsan(*command, env={}):
    """The finished run, and what LeakSanitizer says."""
    log = path('lsan')
    preload = f'{os.path.join(TARGETS, "liblsan-early.so")} liblsan.so.0'
    done = run('env', f'LSAN_OPTIONS=report_objects=1:exitcode=0:log_path={log}', f'LD_PRELOAD={preload}', *command, env={**os.environ, **env})
    text = ''
    for name in os.listdir(TMP):
        if name.startswith('lsan.'):
            text += open(path(name), errors='replace').read()
            os.remove(path(name))
    assert 'fatal error' not in text, f'LeakSanitizer: {text}'
    return done, text


def compare_lsan(*command):
    """{case: what LeakSanitizer says} where that is not what the truth amounts to."""
    done, text = run_lsan(*command)
    found = {address: kind for address, (kind, size) in lsan_objects(text).items()}
    truth = parse_truth(done.stdout)
    equal([hex(a) for a in found if a not in truth], [], 'blocks lost to LeakSanitizer that are not the program\'s own')
    return {case: found.get(address, 'reachable') for address, (case, leak_class, size) in truth.items()
            if found.get(address, 'reachable') != LSAN_CLASS[leak_class]}


@check
def leak_sanitizer_agrees():
    differences = {}
    for name in ['leaks-c', 'leaks-cxx', 'leaks-rust']:
        differences |= compare_lsan(target(name))
    equal(differences, {row[0]: row[2] for row in table('Programs whose blocks are known') if row[1] == 'LeakSanitizer'}, 'differences')


# ---- memcheck ----

def memcheck_leaks(*command, options=(), **run_options):
    """[(kind, blocks, bytes, [functions, innermost first], module that called the allocator)], and the finished run."""
    report_file = path('memcheck.xml')
    done = run('valgrind', '--leak-check=full', '--show-leak-kinds=all', '--num-callers=60', '--xml=yes', f'--xml-file={report_file}',
               *options, *command, timeout=900, **run_options)
    leaks = []
    for error in xml.etree.ElementTree.parse(report_file).getroot().findall('error'):
        kind = error.findtext('kind')
        if kind.startswith('Leak_'):
            frames = error.find('stack').findall('frame')
            leaks.append((kind[5:], int(error.findtext('xwhat/leakedblocks')), int(error.findtext('xwhat/leakedbytes')),
                          [frame.findtext('fn') or '?' for frame in frames], frames[min(1, len(frames) - 1)].findtext('obj')))
    return leaks, done


MEMCHECK_KIND = {'DefinitelyLost': 'definite', 'IndirectlyLost': 'indirect', 'PossiblyLost': 'possible', 'StillReachable': 'reachable'}


def case_of(functions, cases):
    """The outermost function make_CASE or make_CASE_something."""
    for function in reversed(functions):
        name = re.sub(r'.*\bmake_(\w+).*', r'\1', function) if 'make_' in function else ''
        for end in ['', '_thread', '_hidden']:
            if name.endswith(end) and name.removesuffix(end) in cases:
                return name.removesuffix(end)
    return None


def compare_memcheck(name):
    leaks, done = memcheck_leaks(target(name))
    equal(done.returncode, 0, f'valgrind: {done.stderr[-2000:]}')
    truth = parse_truth(done.stdout)
    wanted, found = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for case, leak_class, size in truth.values():
        if leak_class == 'cycle' and wanted[case]['definite'] == 0 or leak_class == 'direct':
            wanted[case]['definite'] += 1
        else:
            wanted[case]['indirect' if leak_class == 'cycle' else leak_class] += 1
    for kind, blocks, n_bytes, functions, module in leaks:
        case = case_of(functions, wanted)
        if case and module == os.path.realpath(target(name)): # not what libc allocates for it
            found[case][MEMCHECK_KIND[kind]] += blocks
    differences = {}
    for case in wanted:
        for kind in found[case].keys() | wanted[case].keys():
            if found[case][kind] > wanted[case][kind]:
                differences[case] = kind
    return differences


@check
def memcheck_agrees():
    differences = {}
    for name in ['leaks-c', 'leaks-cxx', 'leaks-rust']:
        differences |= compare_memcheck(name)
    equal(differences, {row[0]: row[2] for row in table('Programs whose blocks are known') if row[1] == 'memcheck'}, 'differences')


# ---- programs of others ----

def direct_blocks(trace):
    """[(size, stack)] of the direct leaks of the newest process that has a snapshot."""
    index = max(p['index'] for p in answer('leaks', trace)['processes'] if p['snapshot'])
    graph = answer('graph', trace, '--process', str(index))
    return [(n['size'], graph['stacks'][n['stack']]) for n in graph['nodes'] if n['class'] == 'direct']


def check_program(name, *command, env={}):
    """Every direct leak of ours is one of LeakSanitizer's, of the same size; or it is in LEAKS.md. Returns how many there are."""
    trace = path(f'{name}.heapatlas')
    done = run(HEAPATLAS, 'record', '-q', '--no-follow', '-o', trace, '--', *command, env={**os.environ, **env})
    equal(done.returncode, 0, f'{name}: {done.stderr[-2000:]}')
    ours = direct_blocks(trace)
    finished, text = run_lsan(*command, env=env)
    equal(finished.returncode, 0, f'{name} with LeakSanitizer: {finished.stderr[-2000:]}')
    theirs = collections.Counter(size for kind, size in lsan_objects(text).values() if kind == 'direct')
    excused = [row[1].strip('`') for row in table('Programs of others') if row[0] == name]
    false = []
    for size, stack in ours:
        if theirs[size] > 0:
            theirs[size] -= 1
        elif not any(module in (frame['module'] or '') for frame in stack for module in excused):
            false.append(f'{size} bytes: ' + ' < '.join(frame['function'] for frame in stack))
    assert not false, f'{name}: direct leaks that LeakSanitizer does not know:\n' + '\n'.join(false)
    return len(ours)


@check
def no_false_direct_leaks_in_python():
    code = 'import json, re; print(len(json.dumps([{str(i): [i]} for i in range(1000)])))'
    equal(check_program('python3', PYTHON, '-c', code, env={'PYTHONMALLOC': 'malloc'}), 0, 'python3')
    equal(check_program('python3-arenas', PYTHON, '-c', code), 0, 'python3 with arenas of its own')


@check
def no_false_direct_leaks_in_perl():
    found = check_program('perl', 'perl', '-e', 'my %h; $h{$_} = [$_] for 1..2000; my $s = join ",", sort keys %h; print length $s')
    assert found > 0, 'perl frees its interpreter and leaves what hung on it: that was not seen'


@check
def no_false_direct_leaks_in_git():
    repository = path('repository')
    git = ['git', '-C', repository, '-c', 'user.name=a', '-c', 'user.email=a@b']
    equal(run('git', 'init', '-q', repository).returncode, 0, 'git init')
    for i in range(5):
        with open(os.path.join(repository, f'file{i}'), 'w') as f:
            f.write(f'{i}\n' * 100)
        equal([run(*git, 'add', '.').returncode, run(*git, 'commit', '-q', '-m', f'{i}').returncode], [0, 0], 'git commit')
    check_program('git', 'git', '-C', repository, 'log', '--stat')


@check
def no_false_direct_leaks_in_sqlite():
    check_program('sqlite3', 'sqlite3', ':memory:', 'create table t(a,b); insert into t values(1,2),(3,4); select sum(a) from t;')


@check
def no_false_direct_leaks_in_gtk():
    quiet = {'GTK_A11Y': 'none', 'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/nonexistent', 'GSK_RENDERER': 'cairo', 'GSETTINGS_BACKEND': 'memory'}
    with display() as where:
        check_program('leaks-gtk', target('leaks-gtk'), env={**quiet, **where})


main()
