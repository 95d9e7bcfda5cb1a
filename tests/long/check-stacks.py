#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check-stacks.py [NAME...]: over ten million stacks of real programs, each compared with a full walk, samples with libgcc and libunwind.
Prints one line a program: name, then how many; fails if one differs or if they are too few. Writes the table to tests/long/stacks.md, unless
only some programs were named."""
import os, subprocess, sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path[:0] = [os.path.join(TESTS, 'hook'), os.path.join(TESTS, 'e2e')]
from collecting import checked
from harness import BUILD, equal, path, target

SOURCE = """#include <algorithm>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main () { std::map<std::string, std::vector<int>> m; m["a"].push_back (1); std::sort (m["a"].begin (), m["a"].end ());
  return std::regex_match ("abc", std::regex ("a.c")) ? (int) m.size () : 0; }
"""
JSON = """import json
d = [{"a": i, "b": str(i) * 3, "c": [i, i + 1.5]} for i in range(60000)]
for _ in range(2): json.loads(json.dumps(d))"""
SCRIPT = """let a = []; for (let i = 0; i < 300000; i++) a.push ({ x: [i], y: "s" + i });
JSON.parse (JSON.stringify (a)); require ("zlib").gzipSync (JSON.stringify (a));"""


def walked(facts):
    equal(facts.truncated, 0, 'stacks that were not walked to the root')


def came_and_went(facts):
    """Each time, or nearly, the second library was where the first one had been."""
    walked(facts)
    assert dict(counted(facts))['same'] > 900, facts.stdout


def of_every_shape(facts):
    walked(facts)
    assert facts.elsewhere > 1000, facts.elsewhere
    equal(len(counted(facts)), 9, 'shapes')
    for shape, times in counted(facts):
        assert times >= 200, (shape, times)


def counted(facts):
    return [(words[0], int(words[1])) for words in map(str.split, facts.stdout.splitlines())]


def main():
    source, cc1plus = path('big.cpp'), subprocess.run(['g++', '-print-prog-name=cc1plus'], capture_output=True, text=True).stdout.strip()
    with open(source, 'w') as f:
        f.write(SOURCE)
    subprocess.run(['g++', '-E', source, '-o', source + '.ii'], check=True)
    plugins = [os.path.join(BUILD, 'tests', 'targets', f'libhook-plugin-{x}.so') for x in 'ab']
    # name, command, what it must have been besides right
    programs = [
        ('python3', ['/usr/bin/python3', '-c', JSON], walked),
        ('cc1plus', [cc1plus, '-quiet', '-O1', '-fpreprocessed', source + '.ii', '-o', '/dev/null'], walked),
        ('clang', ['/usr/bin/clang-14', '-O1', '-c', source, '-o', source + '.o'], walked),
        ('cmake', ['cmake', '--help-full'], walked),
        ('node', ['node', '-e', SCRIPT], None),
        ('perl', ['perl', '-e', 'my %h; $h{$_ % 5000} .= "x" x ($_ % 50) for 1 .. 1000000'], walked),
        ('Rust', [os.path.join(BUILD, 'tests', 'bench', 'words'), '20'], walked),
        ('without frame pointers, 2 threads', [target('churn-without-frame-pointers'), '2000000', '20', '2'], walked),
        ('dlopen, dlclose at the same address', [target('hook-reload'), '1000', *plugins], came_and_went),
        *((f'torture, -{level}', [target('torture-' + level), '10000'], of_every_shape) for level in ['O0', 'O1', 'O2', 'fp']),
    ]
    n, rows = 0, []
    for name, command, right in programs:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        facts = checked(*command, env={'PYTHONMALLOC': 'malloc'}, options=['--discard'])
        if right:
            right(facts)
        n += facts.captures
        rows.append(f'| {name} | {facts.captures:,} | {facts.elsewhere:,} | {facts.truncated:,} | {facts.by_libgcc:,} | {facts.by_libunwind:,} |')
        print(f'{name}: {facts.captures:,} stacks ({facts.elsewhere:,} of coroutines and other stacks, {facts.truncated:,} not to the root), '
              f'{facts.by_libgcc:,} with libgcc, {facts.by_libunwind:,} with libunwind, 0 differ', flush=True)
    print(f'all: {n:,} stacks, 0 differ')
    if sys.argv[1:]:
        return
    assert n >= 10_000_000, n
    with open(os.path.join(TESTS, 'long', 'stacks.md'), 'w') as f:
        f.write('# Stacks checked\n\nThe table that `tests/long/check-stacks.py` wrote last: each stack that the hook sent, compared with a full walk '
                'by the generic rules; samples with libgcc and libunwind, too. A difference would have ended it.\n\n'
                '| program | stacks | of coroutines and other stacks | not to the root | also with libgcc | also with libunwind |\n'
                '|---|---|---|---|---|---|\n'
                + '\n'.join(rows) + f'\n\n{n:,} stacks, 0 differ.\n\nShapes of torture, each time, with allocations in them: '
                + ', '.join(f'{shape} {times:,}' for shape, times in counted(facts)) + '.\n')


main()
