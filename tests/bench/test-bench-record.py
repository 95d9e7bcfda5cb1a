#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the recorder: what it captures and replays is what is recorded, and what is no capture it does not replay."""
import os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
from harness import BUILD, check, equal, main, path, record, report, run, target

BENCH = os.path.join(BUILD, 'tests', 'bench', 'bench-record')
KEYS = ['allocations', 'frees', 'reallocations', 'bytes_allocated', 'bytes_freed', 'live_blocks', 'live_bytes', 'peak_bytes', 'lost_events']


def captured(name, *program):
    done = run(BENCH, 'capture', path(name), *program)
    equal((done.returncode, done.stderr), (0, ''), 'capture')
    return path(name)


@check
def a_replayed_capture_is_the_recording():
    churn = [target('churn'), '200000', '20', '1']
    capture = captured('churn.cap', *churn)
    done = run(BENCH, capture, path('replayed.heapatlas'), '2')
    equal((done.returncode, done.stderr), (0, ''), 'replay')
    equal(done.stdout.count(' M events: recorder '), 2, 'times it was replayed')
    equal(record(path('recorded.heapatlas'), *churn, options=['-q', '--no-snapshot']).returncode, 0, 'record')
    replayed, recorded = (report(path(name + '.heapatlas')) for name in ('replayed', 'recorded'))
    assert replayed['trace']['complete'] and recorded['trace']['complete']
    for key in KEYS:
        equal(replayed['processes'][0]['totals'][key], recorded['processes'][0]['totals'][key], key)


@check
def what_is_no_capture_is_told_in_one_line():
    whole = open(captured('true.cap', 'true'), 'rb').read()
    version = whole.rindex(b'HAWIRE01') + 8
    wrong = {'empty': b'', 'text': b'no capture\n' * 1000, 'zeros': bytes(1 << 26), 'longer': whole + bytes(8),
             'another version': whole[:version] + b'\xff' + whole[version + 1:]}
    wrong |= {f'cut at {n}': whole[:n] for n in (8, 40, 41, len(whole) // 2, len(whole) - 8)}
    for name, data in wrong.items():
        with open(path('wrong.cap'), 'wb') as f:
            f.write(data)
        done = run(BENCH, path('wrong.cap'), path('wrong.heapatlas'))
        equal((done.returncode, done.stdout, done.stderr.count('\n')), (1, '', 1), f'replay of {name} ({done.stderr})')
        assert 'not a whole capture' in done.stderr, done.stderr
    for what in (['capture', path('none.cap'), path('no-such-program')], ['capture', path('no/such/folder'), 'true'],
                 [path('no-such-capture'), path('wrong.heapatlas')], [path('true.cap'), path('no/such/folder')], []):
        done = run(BENCH, *what)
        equal((done.returncode, done.stdout, done.stderr.count('\n')), (1, '', 1), f'{what} ({done.stderr})')
    equal(os.path.exists(path('none.cap')), False, 'a capture of a program that is not there')


main()
