#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sampled recordings: estimates are near what the program counted, and the program does not notice. Chance decides what is sampled; the
bars here are seven sigma wide. Sigma is the greater one of what the estimate says and of what it really is: when few blocks were seen, the
estimate's own is too small as well."""
import json, math
from harness import *

KEYS = ['allocations', 'bytes_allocated', 'frees', 'live_bytes']
TRACE = path('sample.heapatlas')


def sigma_of(truth, key, rate):
    """At most, of an unbiased estimate: a block of s bytes, seen with p = 1 - exp(-s / rate), adds (1 - p) / p <= rate / s to the variance
    of a count and s * rate to that of a sum of bytes."""
    return math.sqrt(rate * (truth['parts'] / 1e6 if key in ('allocations', 'frees') else truth[key]))


def near(estimate, sigma, truth, key, rate, what, slack=1):
    bar = 7 * max(sigma, sigma_of(truth, key, rate)) + slack
    assert abs(estimate - truth[key]) <= bar, f'{what}: {estimate} +- {bar:.0f}, not {truth[key]}'


def recorded(rate):
    done = record(TRACE, target('count-sample'), options=['-q', '--sample', rate])
    equal(done.returncode, 0, f'exit status ({done.stderr})')
    return json.loads(done.stdout), report(TRACE)


def own_estimates(process, key):
    """Sum and sigma over the sites of the program's own functions; the children of a sum are independent."""
    sites = [s['estimates'] for s in process['sites'] if 'estimates' in s and any(f['function'].startswith('own_') for f in s['stack'])]
    return sum(s[key] for s in sites), math.sqrt(sum((s[key + '_error'] / 1.96) ** 2 for s in sites))


@check
def estimates_are_near_the_truth():
    for rate, bytes_ in [('1K', 1024), ('8K', 8192), ('64K', 65536)]:
        truth, answer = recorded(rate)
        equal(answer['trace']['sample_bytes'], bytes_, 'sample_bytes')
        assert answer['trace']['complete']
        parent = answer['processes'][0]
        equal(parent['totals']['lost_events'], 0, 'lost events')
        equal(parent['totals']['unknown_frees'] + parent['totals']['missed_frees'], 0, f'frees without a match at {rate}')
        for key in KEYS:
            near(*own_estimates(parent, key), truth['parent'], key, bytes_, f'{key} at {rate}')
        totals = parent['totals']
        equal(totals['temporary'], None, 'temporary allocations, which a sample does not tell')
        assert abs(totals['bytes_allocated'] - totals['bytes_freed'] - totals['live_bytes']) <= 2, totals
        for key in KEYS:
            equal(totals[key], parent['estimates'][key], f'{key} and its estimate')


@check
def a_block_is_sampled_as_often_as_poisson_says():
    """Millions of one size, or of two in turn: the estimate of their number is their number, with the variance that p = 1 - exp(-s / rate)
    makes. That sees a wrong mean distance of 1 %, a memory of the last block, and any other law than the exponential one."""
    n, rate = 3000000, 512
    for sizes in [[64], [512], [1024, 2048], [16, 1024]]:
        equal(record(TRACE, target('count-sample'), n, *sizes, options=['-q', '--sample', rate]).returncode, 0, 'exit status')
        estimate = own_estimates(report(TRACE)['processes'][0], 'allocations')[0]
        sigma = math.sqrt(sum(n / len(sizes) * (1 / -math.expm1(-size / rate) - 1) for size in sizes))
        assert abs(estimate - n) < 6 * sigma + 1, f'{sizes}: {estimate}, {(estimate - n) / sigma:.1f} sigma from {n}'


@check
def a_forked_child_goes_on_with_chances_of_its_own():
    truth, answer = recorded('4K')
    equal(len(answer['processes']), 2, 'processes')
    child = answer['processes'][1]
    equal(child['totals']['unknown_frees'] + child['totals']['missed_frees'] + child['totals']['lost_events'], 0, 'frees without a match')
    for key in ['allocations', 'bytes_allocated', 'frees']:
        near(*own_estimates(child, key), truth['child'], key, 4096, f'{key} of the child')


def layout_values(trace=TRACE):
    done = run(os.path.join(BUILD, 'tests', 'e2e', 'layout-values'), trace)
    equal(done.returncode, 0, f'exit status of layout-values ({done.stderr})')
    return json.loads(done.stdout)


@check
def pictures_show_what_was_counted():
    # What libc allocates for itself is in the pictures of everything: a few kilobytes.
    for rate, bytes_ in [('2K', 2048), ('16K', 16384)]:
        truth = recorded(rate)[0]['parent']
        values = layout_values()
        for key, error, slack in [('live_bytes', values['live_bytes'][1], 20000), ('own_live_bytes', values['own_live_bytes'][1], 0),
                                  ('bytes_allocated', values['bytes_allocated'][1], 0),
                                  ('allocations', math.sqrt(values['allocations'][1]), 100), ('lifetimes', math.sqrt(values['lifetimes'][1]), 100)]:
            sigma, value, of = error / 1.96, values[key][0], {'own_live_bytes': 'live_bytes', 'lifetimes': 'allocations'}.get(key, key)
            assert sigma > 0, key
            near(value, sigma, truth, of, bytes_, f'{key} at {rate}', slack + 0.002 * truth[of])
        assert '±' in values['hover'] and '±' in values['bytes_allocated_box'], values
        assert values['top'] >= values['live_bytes'][0] + values['live_bytes'][1], values


@check
def pictures_of_stripped_programs_say_so():
    stripped = path('stripped')
    shutil.copy(target('count-sample'), stripped)
    run('strip', stripped)
    trace = path('stripped.heapatlas')
    for program, wanted in [(target('count-sample'), False), (stripped, True)]:
        equal(record(trace, program, options=['-q', '--sample', '4K']).returncode, 0, 'exit status')
        values = layout_values(trace)
        equal(values['nameless'] > 0.9, wanted, f'{program} is without names: {values["nameless"]}')


@check
def a_rate_of_one_byte_records_all():
    truth, answer = recorded('1')
    # 1 - exp (-1) of the blocks of one byte, and nearly all of the bigger ones.
    parent = answer['processes'][0]
    for key in KEYS:
        near(*own_estimates(parent, key), truth['parent'], key, 1, key)
    assert parent['totals']['allocations'] > 0.99 * truth['parent']['allocations']


@check
def a_rate_beyond_everything_records_the_process():
    truth, answer = recorded('1T')
    equal(len(answer['processes']), 2, 'processes')
    equal([p['exit_status'] for p in answer['processes']], [0, 0], 'exit status')
    # Each block that was seen stands for 1 TiB: there may be one in ten thousand runs, and never four.
    assert sum(p['totals']['bytes_allocated'] for p in answer['processes']) < 4 << 40


@check
def programs_run_unchanged():
    program = 'import json; d = [{"a": list(range(i % 50)), "b": "x" * (i % 700)} for i in range(20000)]; print(len(json.dumps(d)))'
    same_behaviour(path('python.heapatlas'), PYTHON, '-c', program, options=['--sample', '512K'], compare_stderr=True)


@check
def the_text_says_that_it_estimates():
    recorded('16K')
    text = run(HEAPATLAS, 'report', TRACE).stdout
    assert 'one in 16.0 KiB' in text and '~' in text and '±' in text, text
    leaks = run(HEAPATLAS, 'leaks', TRACE).stdout
    assert 'Sampled, one in 16.0 KiB' in leaks, leaks
    done = run(HEAPATLAS, 'report', TRACE, '--assert', 'live_bytes<=1T')
    equal(done.returncode, 2, 'exit status of an assertion about a sample')
    assert 'sample' in done.stderr, done.stderr
    by_size = run(HEAPATLAS, 'report', TRACE, '--by', 'size')
    assert by_size.returncode == 0 and '512 to 1,023 B' in by_size.stdout, by_size.stdout
    for wrong in ['0', '2T', 'x']:
        equal(run(HEAPATLAS, 'record', '--sample', wrong, '--', 'true').returncode, 2, f'exit status of --sample {wrong}')


NO_SNAPSHOT = 'sampled recording has no snapshots, classes or graph: most blocks are unknown'


@check
def what_needs_a_snapshot_says_why_there_is_none():
    recorded('16K')
    for command in [('leaks',), ('leaks', '--process', '1')]:
        text = run(HEAPATLAS, *command, TRACE).stdout
        assert NO_SNAPSHOT in text, text
    process = json.loads(run(HEAPATLAS, 'leaks', TRACE, '--json').stdout)['processes'][0]
    equal(process['snapshot'], None, 'snapshot')
    equal({name for name, of in process['classes'].items() if of['blocks']}, {'unfreed'}, 'classes')
    equal({g['why'].startswith('never freed. ') and NO_SNAPSHOT in g['why'] for g in process['groups']}, {True}, 'each group says why')
    for options in [[], ['--json'], ['--dot'], ['--snapshot', '0'], ['--type', 'int'], ['--process', '1']]:
        done = run(HEAPATLAS, 'graph', TRACE, *options)
        equal((done.returncode, done.stdout), (2, ''), f'graph {options}')
        assert NO_SNAPSHOT in done.stderr and 'Record without --sample' in done.stderr, done.stderr
    recorder = subprocess.Popen([HEAPATLAS, 'record', '-q', '--sample', '64K', '-o', path('asked.heapatlas'), '--', 'cat'],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    recorder.stdin.write(b'x')
    recorder.stdin.flush()
    equal(recorder.stdout.read(1), b'x', 'cat runs')
    pid = open(f'/proc/{recorder.pid}/task/{recorder.pid}/children').read().split()[0]
    done = run(HEAPATLAS, 'snapshot', pid)
    recorder.communicate()
    equal((done.returncode, NO_SNAPSHOT in done.stderr), (3, True), f'a snapshot that is asked for ({done.stderr})')


@check
def every_exported_view_says_that_it_estimates():
    recorded('16K')
    for view in ['overview', 'timeline', 'map', 'calls', 'graph', 'leaks', 'types', 'sizes']:
        picture = path(view + '.pdf')
        equal(run(HEAPATLAS, 'export', TRACE, '--view', view, '--size', '1280x800', '-o', picture).returncode, 0, f'export of {view}')
        # A sentence may be in several lines.
        text = ' '.join(run('pdftotext', picture, '-').stdout.split())
        assert 'sampled, one in 16.0 KiB' in text, (view, text)
        equal('~' in text and '±' in text, view not in ('graph', 'types'), f'{view} has estimates with errors ({text})')
        equal(NO_SNAPSHOT in text, view in ('graph', 'leaks', 'types'), f'{view} says why there are no classes ({text})')
        equal('Record without --sample' in text, view == 'graph', f'{view} says what to do ({text})')
        equal('what lies between is not known' in text, view == 'map', f'{view} says that gaps may be none ({text})')


main()
