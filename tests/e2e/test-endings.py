#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How processes end: their exit status or signal, their last memory sample, and nothing changed by our asking; and threads that take each
other's addresses while one reallocates."""
import re
from harness import *

ENDINGS = {'return': (7, None), 'exit': (8, None), '_exit': (9, None), '_Exit': (10, None), 'kill': (None, 9), 'vfork': (None, 9),
           'sandbox': (11, None), 'sandbox-syscall': (11, None), 'sandbox-exit': (12, None)}


def samples(trace):
    return int(re.search(r'samples\s+([\d,]+)', run(HEAPATLAS, 'check', trace).stdout)[1].replace(',', ''))


@check
def every_ending_is_what_it_was():
    """Also in a sandbox that kills whoever makes any system call but the last."""
    for how, (status, signal) in ENDINGS.items():
        trace = path('end.heapatlas')
        done = record(trace, target('endings'), how, options=['-q'])
        equal((done.returncode, done.stdout, done.stderr), (128 + signal if signal else status, '', ''), how)
        process = report(trace)['processes'][0]
        equal((process['exit_status'], process['signal']), (status, signal), how)


@check
def short_programs_have_their_last_sample():
    for how in ['return', 'exit', '_exit', '_Exit']:
        for megabytes in ['0', '20']:
            trace = path('sample.heapatlas')
            record(trace, target('endings'), how, megabytes, options=['-q'])
            assert samples(trace) >= 1, (how, megabytes)


@check
def children_that_others_wait_for():
    trace = path('children.heapatlas')
    answer = same_behaviour(trace, target('endings'), 'children')
    children = [p for p in answer['processes'] if p['argv'][1:] != ['children']]
    equal([p['exit_status'] for p in children], [7, 8, 9, 10] * 10, 'exit status of programs that their parent has waited for')


@check
def programs_that_never_allocate_are_there():
    trace = path('silent.heapatlas')
    record(trace, 'env', 'true', options=['-q'])
    first, second = report(trace)['processes']
    equal((os.path.basename(second['exe']), second['exit_status'], second['totals']['allocations']), ('true', 0, 0), 'what env became')
    equal((first['pid'], first['exit_status']), (second['pid'], None), 'one process, two images')


@check
def threads_take_the_addresses_that_others_leave():
    for n_threads, rounds in [('32', '20000'), ('8', '100000')]:
        totals = same_behaviour(path('exchange.heapatlas'), target('exchange'), n_threads, rounds)['processes'][0]['totals']
        equal((totals['missed_frees'], totals['unknown_frees']), (0, 0), f'missed and unknown frees of {n_threads} threads')
        assert totals['reallocations'] > 100000, totals


main()
