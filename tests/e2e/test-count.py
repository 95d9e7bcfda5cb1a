#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts are exact (law 3): programs that count their own allocations, compared with the report."""
import json
from harness import *


def own_sums(name, own, keys, options=()):
    """Records a target whose stdout is its counters; compares them with the sites whose stack `own` accepts."""
    trace = path(name + '.heapatlas')
    done = record(trace, target(name), options=['-q', *options])
    equal(done.returncode, 0, f'exit status of {name} ({done.stderr})')
    assert 'state       whole' in run(HEAPATLAS, 'check', trace).stdout, 'the trace is not whole'
    counted = json.loads(done.stdout)
    process = report(trace)['processes'][0]
    for key in keys:
        summed = sum(s[key] for s in process['sites'] if any(own(f['function']) for f in s['stack']))
        equal(summed, counted[key], f'{name}: {key}')
    totals = process['totals']
    equal(totals['lost_events'], 0, 'lost events')
    equal(totals['bytes_allocated'] - totals['bytes_freed'] + totals['realloc_delta_bytes'] + totals['inherited_bytes'],
          totals['live_bytes'], 'the identity of totals')
    return trace, process


@check
def cxx_new_and_delete():
    own_sums('count-cxx', lambda f: f.split('(')[0].startswith('own_'), ['allocations', 'bytes', 'frees'])


@check
def frees_with_stacks_count_the_same():
    own_sums('count-cxx', lambda f: f.split('(')[0].startswith('own_'), ['allocations', 'bytes', 'frees'], ['--free-stacks'])


@check
def rust_global_allocator():
    own_sums('count-rust', lambda f: 'Counter' in f, ['allocations', 'bytes', 'frees', 'reallocations', 'realloc_delta_bytes'])


@check
def iterators_allocate_nothing():
    trace = path('sums.heapatlas')
    equal(record(trace, target('sums'), options=['-q']).returncode, 0, 'exit status')
    for expression, holds in [
            ('allocations[in:functional_sum]==0', True),
            ('allocations[in:loop_sum]==0', True),
            ('allocations[in:collected_sum]>0', True),
            ('allocations[in:collected_sum]==0', False),
            ('allocations[in:raii]>=1000', True),
            ('live_bytes[in:raii]==0', True),
            ('live_blocks[in:raii]==0', True),
            ('lost_events==0', True)]:
        done = run(HEAPATLAS, 'report', trace, '--assert', expression)
        equal(done.returncode, 0 if holds else 1, f'{expression} ({done.stdout} {done.stderr})')


@check
def live_bytes_return_to_what_they_were():
    """RAII: the live bytes just before and just after raii() are the same."""
    trace = path('sums.heapatlas')
    totals = report(trace)['processes'][0]['totals']
    sites = [s for s in report(trace)['processes'][0]['sites'] if any(f['function'].split('::')[-1] == 'raii' for f in s['stack'])]
    assert sites and sum(s['bytes'] + s['realloc_delta_bytes'] for s in sites) > 1000, 'raii allocates'
    equal(sum(s['live_bytes'] for s in sites), 0, 'live bytes of raii')
    assert totals['peak_bytes'] >= totals['live_bytes']


main()
