#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged and random input never crashes report, leaks, graph, check or export. Runs in the plain build and under ASan and UBSan.

The trace to damage is made by the plain hook and recorder of the same build."""
import os, random, resource, shutil
from harness import *

random.seed(int(os.environ.get('HAT_SEED', '20')))
ENV = {**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0:exitcode=99', 'UBSAN_OPTIONS': 'halt_on_error=1:exitcode=99'}


VIEWS = ['overview', 'map', 'timeline', 'calls', 'graph', 'leaks', 'types', 'sizes']


def survives(file, what, views=(), allowed=None):
    for command in [['report', file, '--json'], ['report', file], ['leaks', file], ['graph', file], ['graph', file, '--json'], ['check', file],
                    ['types', file, '--json'],
                    *(['export', file, '--view', view, '--size', '320x200', '-o', path('damage.png')] for view in views or [random.choice(VIEWS)])]:
        done = run(HEAPATLAS, *command, env=ENV, timeout=3600, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (120, 120)))
        assert done.returncode in (allowed or ((0, 2, 3) if command[0] in ('graph', 'types') else (0, 3))), f'{what}: {command}: status {done.returncode}\n{done.stderr[-3000:]}'
        if done.returncode == 3:
            equal(done.stderr.strip().count('\n'), 0, f'{what}: one line: {done.stderr}')


def good():
    trace = path('good.heapatlas')
    if not os.path.exists(trace):
        equal(record(trace, target('count-cxx'), options=['-q'], env=ENV).returncode, 0, 'record')
    return open(trace, 'rb').read()


def variant(data, what):
    file = path('bad.heapatlas')
    with open(file, 'wb') as f:
        f.write(data)
    try:
        survives(file, what)
    except Exception:
        shutil.copy(file, os.path.join(BUILD, 'bad.heapatlas'))  # the recording is another one each time: the seed alone does not make it again
        raise


@check
def the_good_one_is_good():
    variant(good(), 'good')


@check
def programs_that_know_their_types():
    """Whole recordings with snapshots and types: what makes and shows them, under the sanitizers."""
    for name in ['typed-c-O0', 'typed-c-O2', 'typed-cxx-O0', 'typed-cxx-O2', 'typed-gobject-O2', 'leaks-c', 'leaks-cxx', 'stacks-cxx']:
        trace = path(name + '.heapatlas')
        done = record(trace, target(name), options=['-q'], env=ENV)
        equal(done.returncode, 0, f'{name}: {done.stderr[-3000:]}')
        survives(trace, name, VIEWS, allowed=(0,))


@check
def flipped_bytes():
    data = good()
    for _ in range(25):
        bad = bytearray(data)
        where = [random.randrange(len(bad)) for _ in range(random.choice([1, 1, 1, 8, 200]))]
        for i in where:
            bad[i] ^= 1 << random.randrange(8)
        variant(bad, f'bits flipped at {where[:10]}')


@check
def flipped_headers():
    data = good()
    for i in random.sample(range(256), 20):
        bad = bytearray(data)
        bad[i] = random.choice([0, 255, bad[i] ^ 1])
        variant(bad, f'byte {i}')


@check
def random_files():
    for n in [0, 1, 63, 64, 100, 5000]:
        variant(os.urandom(n), f'{n} random bytes')
        variant(good()[:64] + os.urandom(n), f'a header and {n} random bytes')


@check
def missing_and_doubled_pieces():
    data = good()
    for _ in range(10):
        a, b = sorted(random.sample(range(len(data)), 2))
        variant(data[:a] + data[b:], f'without {a}..{b}')
        variant(data[:b] + data[a:], f'twice {a}..{b}')


main()
