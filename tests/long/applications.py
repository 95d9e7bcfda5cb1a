#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""applications.py [NAME...]: what people run and we did not write: browsers, and languages whose code is made while they run. Each is run
plainly, recorded, and run in check mode, and has to do the same each time; its children are followed, no event is lost, and each stack equals a
full walk. Prints a line each and writes the table to applications.md, unless only some were named. heaptrack's column is there if it is installed."""
import glob, os, shutil, subprocess, sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path[:0] = [os.path.join(TESTS, 'hook'), os.path.join(TESTS, 'e2e')]
from collecting import checked
from harness import TMP, display, equal, path, record, report, run, target

HERE = os.path.join(TESTS, 'long', 'applications')
PAGE = os.path.join(HERE, 'page.html')
HOME, PICTURE = path('home'), path('page.png')
SCRIPT = """let a = []; for (let i = 0; i < 300000; i++) a.push ({ x: [i], y: "s" + i });
console.log (require ("zlib").gzipSync (JSON.stringify (JSON.parse (JSON.stringify (a)))).length);"""
JIT = ['-d', 'opcache.enable_cli=1', '-d', 'opcache.jit_buffer_size=64M', '-d', 'opcache.jit=tracing']


def source(name):
    return os.path.join(HERE, name)


def build():
    """What has to be compiled."""
    os.makedirs(path('cgo'))
    shutil.copy(source('cgo.go'), path('cgo/main.go'))
    with open(path('cgo/go.mod'), 'w') as f:
        f.write('module cgo\ngo 1.19\n')
    subprocess.run(['go', 'build', '-o', path('cgo-program'), '.'], cwd=path('cgo'), check=True,
                   env={**os.environ, 'GOFLAGS': '-mod=mod', 'GOCACHE': path('go-cache'), 'GOPROXY': 'off'})
    java = os.path.dirname(os.path.dirname(os.path.realpath(shutil.which('javac'))))
    subprocess.run(['javac', '-d', TMP, source('Main.java')], check=True)
    subprocess.run(['gcc', '-O2', '-shared', '-fPIC', f'-I{java}/include', f'-I{java}/include/linux', source('native.c'), '-o', path('libnative.so')],
                   check=True)


# Names and commands; how many processes at least, which program's figures are told, and what may be wrong:
# unknown: frees of blocks that were not seen, in a thousand; jit: stacks may end in code that has no unwind information; dispute: libunwind
# may differ where libgcc agrees with us; no_others: nearly all stacks run through such code, so that the two are not asked.
APPLICATIONS = [
    ('cgo', [path('cgo-program'), '100'], {}),
    ('LuaJIT', ['luajit', source('ffi.lua')], {'jit': True, 'no_others': True}),
    ('Java', ['java', '-Xmx256m', '-cp', TMP, 'Main', path('libnative.so')], {'jit': True}),
    ('node', ['node', '-e', SCRIPT], {'jit': True}),
    ('Ruby', ['ruby', source('garbage.rb')], {}),
    ('Ruby, YJIT', ['ruby', '--yjit', source('garbage.rb')], {'jit': True}),
    ('PHP', ['php', source('arrays.php')], {}),
    ('PHP, JIT', ['php', *JIT, source('arrays.php')], {'jit': True}),
    ('Emacs', ['emacs', '--batch', '-Q', '-l', source('buffers.el')], {}),
    ('gdb', ['gdb', '-nx', '-batch', '-ex', 'set print frame-arguments none', '-ex', 'break main', '-ex', 'run', '-ex', 'bt', '-ex', 'info scope main', target('churn')], {'processes': 3}),
    ('ffmpeg', ['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc=d=4:s=320x240:r=25', '-f', 'lavfi', '-i', 'sine=d=4', '-c:v', 'libx264',
                '-c:a', 'aac', '-threads', '4', '-f', 'framecrc', '-'], {}),
    ('WebKit', ['/usr/bin/python3', source('webkit.py'), PAGE], {'processes': 3, 'jit': True, 'result': 'done 200000 9999900000 2000\n'}),
    ('Firefox', ['/usr/lib/firefox-esr/firefox-esr', '--headless', '--no-remote', '--profile', HOME, '--window-size', '400,300', '--screenshot',
                 PICTURE, 'file://' + PAGE], {'processes': 8, 'jit': True, 'picture': True}),
    ('Chromium', ['/usr/lib/chromium/chromium', '--headless', '--no-sandbox', '--disable-gpu', '--user-data-dir=' + HOME,
                  '--virtual-time-budget=8000', '--dump-dom', 'file://' + PAGE],
     {'processes': 8, 'jit': True, 'dispute': True, 'unknown': 1, 'holds': 'data-done="done 200000 9999900000 2000"'}),
]
ENVIRONMENT = {'HOME': HOME, 'XDG_RUNTIME_DIR': HOME, 'XDG_CACHE_HOME': HOME, 'XDG_CONFIG_HOME': HOME, 'NO_AT_BRIDGE': '1', 'GTK_A11Y': 'none',
               'WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS': '1', 'LIBGL_ALWAYS_SOFTWARE': '1',
               **{f'MOZ_DISABLE_{kind}_SANDBOX': '1' for kind in ['CONTENT', 'GMP', 'RDD', 'SOCKET_PROCESS', 'UTILITY']}}


def fresh():
    """Each run begins with an empty home."""
    shutil.rmtree(HOME, ignore_errors=True)
    os.makedirs(HOME, 0o700)
    if os.path.exists(PICTURE):
        os.unlink(PICTURE)


def result(stdout, options):
    """What has to be the same each time."""
    if options.get('picture'):
        with open(PICTURE, 'rb') as f:
            return f.read()
    if 'holds' in options:
        return options['holds'] in stdout
    return stdout


def by_heaptrack(command, env):
    """How many allocations it tells of."""
    if shutil.which('heaptrack') is None:
        return 'not installed'
    fresh()
    with subprocess.Popen(['heaptrack', '--raw', '-o', path('heaptrack'), *command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, start_new_session=True) as tool:
        try:
            tool.wait(60)
        except subprocess.TimeoutExpired:
            run('pkill', '-9', '-s', tool.pid)
            return 'hangs'
    files = glob.glob(path('heaptrack') + '*')
    told = subprocess.run(f'zstd -dcq {files[0]} | grep -c "^+"', shell=True, capture_output=True, text=True).stdout if files else '0'
    for file in files:
        os.unlink(file)
    return f'{int(told):,}'


def examine(name, command, options, env):
    trace = path('application.heapatlas')
    fresh()
    plain = run(*command, env=env)
    wanted = result(plain.stdout, options)
    equal(plain.returncode, 0, f'status of {name} ({plain.stderr[-300:]})')
    assert wanted and options.get('result', wanted) == wanted, (name, plain.stdout[-300:], plain.stderr[-300:])

    fresh()
    done = record(trace, *command, env=env)
    equal((done.returncode, result(done.stdout, options)), (0, wanted), f'{name} recorded ({done.stderr[-300:]})')
    answer = report(trace, '--top', '1')
    assert answer['trace']['complete'], name
    processes = answer['processes']
    assert len(processes) >= options.get('processes', 1), f'{name}: {len(processes)} processes'
    total = lambda key: sum(p['totals'][key] for p in processes)
    quality = {key: sum(p['stack_quality'][key] for p in processes) for key in ['complete', 'truncated', 'through_unknown']}
    equal([p['exe'] for p in processes if p['allocator'] is None], [], f'{name}: programs whose malloc is not seen')
    equal(total('lost_events'), 0, f'{name}: lost events')
    assert total('unknown_frees') * 1000 <= total('frees') * options.get('unknown', 0), f'{name}: {total("unknown_frees")} unknown frees'
    for process in processes:
        ends = {end['module'] for end in process['stack_quality']['truncated_in']}
        of_files = sum(end['allocations'] for end in process['stack_quality']['truncated_in'] if end['module'])
        assert None not in ends or options.get('jit'), f'{name}: stacks end in code of no file'
        assert of_files * 1000 <= process['totals']['allocations'], f'{name}: stacks end in {ends}'

    fresh()
    facts = checked(*command, env=env, options=['--discard'], may_dispute=options.get('dispute', False), has_others=not options.get('no_others'))
    equal(result(facts.stdout, options), wanted, f'{name} in check mode')
    disputed = f', {facts.disputed:,} libunwind alone has otherwise' if facts.disputed else ''
    print(f'{name}: {total("allocations"):,} allocations in {len(processes)} processes, {total("unknown_frees"):,} unknown frees, '
          f'{quality["truncated"]:,} stacks not to the root, {quality["through_unknown"]:,} through code of no file; check mode: '
          f'{facts.captures:,} stacks, 0 differ{disputed}', flush=True)
    return (f'| {name} | {len(processes)} | {total("allocations"):,} | {total("unknown_frees"):,} | {quality["truncated"]:,} | {quality["through_unknown"]:,} | '
            f'{facts.captures:,} | {facts.by_libgcc:,} | {facts.by_libunwind - facts.disputed:,} of {facts.by_libunwind:,} | {by_heaptrack(command, env)} |')


def main():
    build()
    with display() as where:
        env = {**os.environ, **ENVIRONMENT, **where}
        rows = [examine(name, command, options, env) for name, command, options in APPLICATIONS if not sys.argv[1:] or name in sys.argv[1:]]
    shutil.rmtree(TMP, ignore_errors=True)
    if sys.argv[1:]:
        return
    with open(os.path.join(TESTS, 'long', 'applications.md'), 'w') as f:
        f.write('# Applications\n\nThe table that `tests/long/applications.py` wrote last: programs that we did not write, recorded, and in check mode, where '
                'each stack is compared with a full walk by the generic rules: none differs.\nEach did what it does without us. Stacks that do not reach the '
                'root end in code of no file, which a JIT has made; those that pass through such code were found by its frame pointers, and callers may be '
                'missing there.\n\n'
                '| program | processes | allocations | unknown frees | stacks not to the root | through code of no file | stacks checked | also with libgcc '
                '| libunwind agrees | heaptrack tells of |\n|---|---|---|---|---|---|---|---|---|---|\n' + '\n'.join(rows) + '\n')


main()
