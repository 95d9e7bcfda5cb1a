#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Second opinions: the model against a straightforward replay of three real traces, stacks against gdb's."""
import json, os, re
from harness import *


def replay(name, *command, **options):
    trace = path(name + '.heapatlas')
    equal(record(trace, *command, options=['-q'], **options).returncode, 0, f'exit status of {name}')
    done = run(os.path.join(BUILD, 'tests', 'unit', 'replay-check'), trace)
    equal(done.returncode, 0, f'{name}: {done.stdout} {done.stderr}')


@check
def python_equals_a_replay():
    replay('python', PYTHON, '-c', 'import json, email, http.client; x = [json.loads(json.dumps({"a": [i] * 5})) for i in range(30000)]',
           env={**os.environ, 'PYTHONMALLOC': 'malloc'})


@check
def compiler_equals_a_replay():
    source = path('a.c')
    open(source, 'w').write('#include <stdio.h>\n#include <stdlib.h>\n' + ''.join(f'int f{i} (int a) {{ return printf ("%d", a + {i}); }}\n' for i in range(300)))
    replay('gcc', 'gcc', '-O1', '-c', source, '-o', path('a.o'))  # a driver with two children


@check
def sqlite_equals_a_replay():
    replay('sqlite', 'sqlite3', ':memory:', 'create table t (a, b); with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000) '
           'insert into t select i, hex (i) from n; select count (*) from t group by a % 7;')


def plain(function):
    """A name without arguments, generics and path, since debuggers differ in those."""
    name = re.sub(r'^(?:void|int) |^__GI_+', '', function)
    while True:
        shorter = re.sub(r'<[^<>]*>|\([^()]*\)|\{[^{}]*\}', '', name)
        if shorter == name:
            break
        name = shorter
    return [p.strip().lstrip('_') for p in re.split(r'::', name.replace('const', '').replace('.', '::')) if p.strip()][-1:]


def stacks_equal_gdb(name):
    done = run('gdb', '-nx', '-batch', '-x', os.path.join(TOP, 'tests', 'e2e', 'gdb-stacks.py'), target(name), env={**os.environ, 'DEBUGINFOD_URLS': ''})
    seen = {s['size']: s['functions'] for s in (json.loads(l[6:]) for l in done.stdout.split('\n') if l.startswith('STACK '))}
    equal(len(seen), 20, f'samples by gdb ({done.stdout[-800:]} {done.stderr[-800:]})')
    trace = path(name + '.heapatlas')
    equal(record(trace, target(name), options=['-q']).returncode, 0, 'exit status')
    # Bytes by stack: several samples may share one. No two sums of samples are the same.
    ours, theirs = {}, {}
    for site in report(trace)['processes'][0]['sites']:
        if site['allocations'] and 100000 < site['bytes'] // site['allocations'] <= 100020:
            add(ours, [f['function'] for f in site['stack']], site['bytes'])
    for size, functions in seen.items():
        add(theirs, functions, size)
    equal(sorted(ours.items() - theirs.items()), sorted(theirs.items() - ours.items()), 'stacks with their bytes, only ours and only theirs')


def add(stacks, functions, size):
    key = ' < '.join(' '.join(plain(f)) for f in functions)
    stacks[key] = stacks.get(key, 0) + size


@check
def stacks_of_a_c_program_equal_those_of_gdb():
    stacks_equal_gdb('stacks')


@check
def stacks_of_a_cxx_program_equal_those_of_gdb():
    stacks_equal_gdb('stacks-cxx')


@check
def stacks_of_a_rust_program_equal_those_of_gdb():
    stacks_equal_gdb('stacks-rust')


main()
