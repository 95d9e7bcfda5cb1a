#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line as a contract: exit codes, one-line errors, JSON keys, exports of every view."""
import json, os, re
from harness import *

TRACE = path('cli.heapatlas')


def recorded(trace=TRACE, *options):
    if not os.path.exists(trace):
        equal(record(trace, target('steady'), '200', options=['-q', *options]).returncode, 0, 'record')
    return trace


def recorded_without_snapshot():
    return recorded(path('blind.heapatlas'), '--no-snapshot')


@check
def every_view_exports_to_every_format():
    recorded()
    for view in ['overview', 'timeline', 'map', 'graph', 'calls', 'leaks', 'types', 'sizes']:
        for kind, magic in [('png', b'\x89PNG'), ('svg', b'<?xml'), ('pdf', b'%PDF')]:
            out = path(f'{view}.{kind}')
            done = run(HEAPATLAS, 'export', TRACE, '--view', view, '-o', out, env={k: v for k, v in os.environ.items() if 'DISPLAY' not in k})
            equal(done.returncode, 0, f'{view} {kind}: {done.stderr}')
            assert open(out, 'rb').read(5).startswith(magic), f'{out} is a {kind}'
        colours = run('identify', '-format', '%w %h %k', path(f'{view}.png')).stdout.split()
        equal(colours[:2], ['1280', '800'], f'size of {view}')
        assert int(colours[2]) > 20, f'{view} is drawn: {colours[2]} colours'
        equal(run('rsvg-convert', path(f'{view}.svg'), '-o', path('back.png')).returncode, 0, f'{view}.svg is read back')
        equal(run('pdftoppm', '-r', '40', '-png', path(f'{view}.pdf'), path('back')).returncode, 0, f'{view}.pdf is read back')
    for options, size in [(['--size', '640x400', '--dark'], ['640', '400'])]:
        equal(run(HEAPATLAS, 'export', TRACE, '--view', 'calls', *options, '-o', path('dark.png')).returncode, 0, 'dark')
        equal(run('identify', '-format', '%w %h', path('dark.png')).stdout.split(), size, 'size')


@check
def wrong_use_is_one_line_and_status_2():
    recorded()
    for command in [['nonsense-command', '--x'], ['report'], ['report', TRACE, '--by', 'colour'], ['report', TRACE, '--at', 'yesterday'],
                    ['report', TRACE, '--assert', 'live_bytes=<3'], ['report', TRACE, '--bogus'], ['export', TRACE, '--view', 'x', '-o', path('x.png')],
                    ['export', TRACE, '--view', 'map', '-o', path('x.bmp')], ['export', TRACE, '--view', 'map', '--type', 'T', '-o', path('x.png')],
                    ['export', TRACE, '--view', 'types', '--type', 'NoSuchType', '-o', path('x.png')], ['export', TRACE, '--view', 'graph', '--snapshot', '7', '-o', path('x.png')], ['leaks'], ['record'], ['report', TRACE, '--process', '99']]:
        done = run(HEAPATLAS, *command)
        equal(done.returncode, 2, f'{command}: {done.stdout} {done.stderr}')
        equal(done.stderr.strip().count('\n'), 0, f'one line for {command}: {done.stderr}')
        assert done.stderr.startswith('heapatlas: '), done.stderr


@check
def unreadable_files_are_one_line_and_status_3():
    noise = path('noise.heapatlas')
    open(noise, 'wb').write(os.urandom(5000))
    open(path('empty.heapatlas'), 'wb').close()
    for command in [['report', path('missing.heapatlas')], ['report', noise], ['leaks', noise], ['check', noise], ['report', path('empty.heapatlas')],
                    ['export', noise, '--view', 'map', '-o', path('x.png')], ['export', recorded(), '--view', 'map', '-o', path('no/such/folder/x.png')]]:
        done = run(HEAPATLAS, *command)
        equal(done.returncode, 3, f'{command}: {done.stdout} {done.stderr}')
        equal(done.stderr.strip().count('\n'), 0, f'one line for {command}: {done.stderr}')


@check
def help_and_version():
    equal(run(HEAPATLAS, '--version').stdout.strip(), 'heapatlas 0.1.0', 'version')
    text = run(HEAPATLAS, '--help').stdout
    for command in ['record', 'report', 'leaks', 'graph', 'types', 'export', 'check']:
        assert command in text, command
        done = run(HEAPATLAS, command, '--help')
        equal(done.returncode, 0, f'{command} --help')
        assert 'Usage' in done.stdout or 'usage' in done.stdout, done.stdout
    for command in ['diff', 'convert']:
        assert not re.search(rf'^\s+{command}\b', text, re.M), f'{command} is not built and must not be listed'


@check
def json_has_the_keys_of_the_contract():
    answer = report(recorded())
    equal(answer['format'], 'heapatlas-report', 'format')
    equal(set('path bytes complete duration_ns'.split()) - set(answer['trace']), set(), 'trace')
    process = answer['processes'][0]
    equal(set('index pid parent image exe argv exit_status signal threads totals stack_quality marks sites'.split()) - set(process), set(), 'process')
    equal(set('allocations frees reallocations bytes_allocated bytes_freed realloc_delta_bytes inherited_blocks inherited_bytes live_blocks '
              'live_bytes peak_bytes peak_time_ns temporary unknown_frees lost_events'.split()) - set(process['totals']), set(), 'totals')
    site = process['sites'][0]
    equal(set('allocations bytes frees reallocations realloc_delta_bytes live_blocks live_bytes peak_blocks peak_bytes temporary type stack'.split()) - set(site), set(), 'site')
    equal(set('function module file line inline'.split()) - set(site['stack'][0]), set(), 'frame')
    for key in ['allocations', 'frees', 'reallocations', 'live_blocks', 'live_bytes', 'peak_bytes', 'temporary']:
        equal(sum(s[key] for s in process['sites']), process['totals'][key], f'sites sum to the total of {key}')
    live = {'blocks': process['totals']['live_blocks'], 'bytes': process['totals']['live_bytes']}
    leaks = json.loads(run(HEAPATLAS, 'leaks', recorded(), '--json').stdout)['processes'][0]
    equal(leaks['snapshot']['reason'], 'exit', 'snapshot')
    equal({key: sum(c[key] for c in leaks['classes'].values()) for key in live}, live, 'classes sum to what was live')
    graph = json.loads(run(HEAPATLAS, 'graph', recorded(), '--json').stdout)
    equal(set('process snapshot stacks nodes edges roots'.split()) - set(graph), set(), 'graph')
    equal({'blocks': len(graph['nodes']), 'bytes': sum(n['size'] for n in graph['nodes'])}, live, 'nodes are what was live')
    process = report(recorded_without_snapshot())['processes'][0]
    leaks = json.loads(run(HEAPATLAS, 'leaks', recorded_without_snapshot(), '--json').stdout)['processes'][0]
    equal(leaks['snapshot'], None, 'snapshot')
    equal(set(leaks['classes']), set('direct indirect cycle possible reachable unfreed'.split()), 'classes')
    equal(leaks['classes']['unfreed'], {'blocks': process['totals']['live_blocks'], 'bytes': process['totals']['live_bytes']}, 'unfreed')
    assert leaks['groups'] and all(g['class'] == 'unfreed' and g['stack'] for g in leaks['groups'])
    equal(sum(g['bytes'] for g in leaks['groups']), process['totals']['live_bytes'], 'groups sum to unfreed')


@check
def ranges_add_up():
    process = report(recorded())['processes'][0]
    middle = f'{answer_middle(recorded())}ms'
    first = report(recorded(), '--from', '0s', '--to', middle)['processes'][0]['totals']
    second = report(recorded(), '--from', middle, '--to', 'end')['processes'][0]['totals']
    for key in ['allocations', 'frees', 'bytes_allocated', 'bytes_freed', 'temporary']:
        equal(first[key] + second[key], process['totals'][key], f'{key} of both halves')
    at = report(recorded(), '--at', middle)['processes'][0]['totals']
    equal(at['live_bytes'], first['live_bytes'], 'live bytes in the middle')
    equal(second['live_bytes'], process['totals']['live_bytes'], 'live bytes at the end')
    # The recording goes on for a moment after the process, for long on a busy machine: that part is empty, and no error.
    after = report(recorded(), '--from', f'{process["end_ns"] + 1}ns', '--to', 'end')['processes'][0]['totals']
    equal((after['allocations'], after['frees'], after['live_bytes']), (0, 0, process['totals']['live_bytes']), 'after the end')
    equal(run(HEAPATLAS, 'report', recorded(), '--from', f'{process["end_ns"] + 1}ns', '--to', '1ns').returncode, 2, 'wrong order')


def answer_middle(trace):
    return report(trace)['trace']['duration_ns'] // 2000000


@check
def text_reports_fit_80_columns():
    for command in [['report', recorded()], ['report', recorded(), '--by', 'site'], ['report', recorded(), '--by', 'size'], ['leaks', recorded()], ['check', recorded()]]:
        done = run(HEAPATLAS, *command)
        equal(done.returncode, 0, f'{command} {done.stderr}')
        assert done.stdout.count('\n') > 3, done.stdout
        long = [l for l in done.stdout.split('\n') if len(l) > 80 and '/' not in l]
        assert not long, f'{command}: {long}'


@check
def leaks_error_exitcode():
    equal(run(HEAPATLAS, 'leaks', recorded_without_snapshot(), '--error-exitcode', '42').returncode, 42, 'with leaks')
    suppressions = path('suppressions')
    open(suppressions, 'w').write('# all\nleak:own_round\nleak:main\nleak:*\n')
    equal(run(HEAPATLAS, 'leaks', recorded_without_snapshot(), '--error-exitcode', '42', '--suppressions', suppressions).returncode, 0, 'all suppressed')


@check
def a_wrapper_is_not_what_is_drawn():
    """A shell that becomes the program: the default process is the one that did the work."""
    trace = path('wrapped.heapatlas')
    done = record(trace, '/bin/sh', '-c', f'exec {PYTHON} -c pass')
    equal(done.returncode, 0, 'status')
    events = [p['totals']['allocations'] + p['totals']['frees'] for p in report(trace)['processes']]
    busiest = events.index(max(events))
    assert busiest > 0, events
    asked = run(HEAPATLAS, 'graph', trace, '--json', '--process', busiest)
    equal(asked.returncode, 0, f'graph: {asked.stderr} record: {done.stderr}')
    equal(json.loads(asked.stdout).get('process'), busiest, 'asked for')
    equal(json.loads(run(HEAPATLAS, 'graph', trace, '--json').stdout).get('process'), busiest, 'default')


@check
def command_line_links_no_gtk():
    libraries = run('ldd', HEAPATLAS).stdout
    assert 'libgtk' not in libraries and 'libadwaita' not in libraries, libraries


@check
def record_speaks_two_lines_and_none_with_q():
    loud = record(path('loud.heapatlas'), '/bin/true')
    equal(loud.stderr.strip().count('\n'), 1, loud.stderr)
    quiet = record(path('quiet.heapatlas'), '/bin/true', options=['-q'])
    equal((quiet.stdout, quiet.stderr), ('', ''), 'output')
    run(HEAPATLAS, 'record', '-q', '--', '/bin/true', cwd=TMP)
    assert any(re.fullmatch(r'true\.\d+\.heapatlas', n) for n in os.listdir(TMP)), os.listdir(TMP)


@check
def man_page_and_completion():
    page = run('man', '--warnings', '-l', os.path.join(TOP, 'data', 'man', 'heapatlas.1')) if os.path.exists('/usr/bin/man') else None
    text = open(os.path.join(TOP, 'data', 'man', 'heapatlas.1')).read()
    for word in ['record', 'report', 'leaks', 'graph', 'types', 'export', 'check', 'EXIT STATUS']:
        assert word in text, word
    assert page is None or page.returncode == 0, page.stderr
    words = run('bash', '-c', f'. {TOP}/data/completions/heapatlas; COMP_WORDS=(heapatlas re); COMP_CWORD=1; '
                'f=$(complete -p heapatlas | sed "s/.*-F \\([^ ]*\\) .*/\\1/"); $f heapatlas re heapatlas; echo "${COMPREPLY[@]}"').stdout.split()
    equal(set(words), {'record', 'report'}, 'completions of re')
    sections = dict(re.findall(r'^\.SS (\w+)$(.*?)(?=^\.S)', text.replace(r'\-', '-'), re.M | re.S))
    for command, section in sections.items():
        options = set(re.findall(r'^  (?:-\w, )?(--[\w-]+)', run(HEAPATLAS, command, '--help').stdout, re.M)) - {'--help'}
        equal(options - set(re.findall(r'--[\w-]+', section)), set(), f'options of {command} that its manual lacks')
        words = run('bash', '-c', f'. {TOP}/data/completions/heapatlas; COMP_WORDS=(heapatlas {command} --); COMP_CWORD=2; '
                    f'_heapatlas heapatlas -- {command}; echo "${{COMPREPLY[@]}}"').stdout.split()
        equal(set(words) - {'--', '--help'}, options, f'completions of {command} --')
    equal(set(sections), {'record', 'snapshot', 'report', 'leaks', 'graph', 'types', 'export', 'check'}, 'commands')


@check
def allocations_are_the_same_everywhere():
    trace = path('count.heapatlas')
    record(trace, PYTHON, '-c', 'l = []\nfor i in range(5000): l.append(i)', options=['-q'], env=dict(os.environ, PYTHONMALLOC='malloc'))
    totals = report(trace)['processes'][0]['totals']
    assert totals['reallocations'] > 100, totals
    text = run(HEAPATLAS, 'report', trace).stdout
    for pattern in r'calls +([\d,]+) allocations', r'Most allocations: ([\d,]+)':
        equal(int(re.search(pattern, text)[1].replace(',', '')), totals['allocations'], pattern)
    share = float(re.search(r'temporary +([\d.]+)% of all', text)[1])
    equal(share, round(100 * totals['temporary'] / totals['allocations'], 1), 'share of temporary ones')
    equal(run(HEAPATLAS, 'report', trace, '--assert', ' allocations > 1').returncode, 0, 'an assertion with spaces')
    by_thread = run(HEAPATLAS, 'report', trace, '--by', 'thread').stdout
    assert f"{totals['allocations']:,}" in by_thread, by_thread


@check
def what_exec_freed_is_no_leak():
    trace = path('execed.heapatlas')
    equal(record(trace, 'env', 'X=Y', '/bin/true', options=['-q']).returncode, 0, 'env')
    done = run(HEAPATLAS, 'leaks', trace, '--error-exitcode', '9')
    equal(done.returncode, 0, f'leaks of env and true: {done.stdout}')
    assert 'when another program took its place' in done.stdout and 'No allocation was seen' in done.stdout, done.stdout
    lossy = path('lossy.heapatlas')
    record(lossy, target('leaks-c'), options=['-q'])
    equal(run(HEAPATLAS, 'leaks', lossy, '--error-exitcode', '9').returncode, 9, 'a program that leaks')
    equal(run(HEAPATLAS, 'leaks', recorded(), '--error-exitcode', '9').returncode, 0, 'one that holds all it has')


@check
def errors_name_the_file_that_is_wrong():
    recorded()
    done = run(HEAPATLAS, 'leaks', TRACE, '--suppressions', path('no-such-file'))
    equal(done.returncode, 3, done.stderr)
    assert done.stderr.startswith(f"heapatlas: {path('no-such-file')}: could not read"), done.stderr
    done = run(HEAPATLAS, 'export', TRACE, '--view', 'map', '-o', path('x.jpg'))
    assert done.returncode == 2 and 'x.jpg' in done.stderr, done.stderr
    equal(run(HEAPATLAS, 'report', TRACE, '--top', '-1').returncode, 2, '--top -1')


main()
