#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Over ten million stacks of real programs, each compared with a full walk, samples with libgcc and libunwind. Prints one line a
program: name, then how many; fails if one differs or if they are too few. Writes the table to tests/long/stacks.md."""
import os, subprocess, sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path[:0] = [os.path.join(TESTS, 'hook'), os.path.join(TESTS, 'e2e')]
from collecting import checked
from harness import BUILD, path, target

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


def main():
    source, cc1plus = path('big.cpp'), subprocess.run(['g++', '-print-prog-name=cc1plus'], capture_output=True, text=True).stdout.strip()
    with open(source, 'w') as f:
        f.write(SOURCE)
    subprocess.run(['g++', '-E', source, '-o', source + '.ii'], check=True)
    plugins = [os.path.join(BUILD, 'tests', 'targets', f'libhook-plugin-{x}.so') for x in 'ab']
    programs = {
        'python3': ['/usr/bin/python3', '-c', JSON],
        'cc1plus': [cc1plus, '-quiet', '-O1', '-fpreprocessed', source + '.ii', '-o', '/dev/null'],
        'clang': ['/usr/bin/clang-14', '-O1', '-c', source, '-o', source + '.o'],
        'cmake': ['cmake', '--help-full'],
        'node': ['node', '-e', SCRIPT],
        'perl': ['perl', '-e', 'my %h; $h{$_ % 5000} .= "x" x ($_ % 50) for 1 .. 1000000'],
        'Rust': [os.path.join(BUILD, 'tests', 'bench', 'words'), '20'],
        'no frame pointers, 2 threads': [target('churn'), '2000000', '20', '2'],
        'libraries come and go': [target('hook-reload'), '1000', *plugins],
        **{f'torture, -{level}': [target('torture-' + level), '5000'] for level in ['O0', 'O1', 'O2', 'fp']},
    }
    n, rows = 0, []
    for name, command in programs.items():
        facts = checked(*command, env={'PYTHONMALLOC': 'malloc'}, options=['--discard'])
        n += facts.captures
        rows.append(f'| {name} | {facts.captures:,} | {facts.elsewhere:,} | {facts.by_libgcc:,} | {facts.by_libunwind:,} |')
        print(f'{name}: {facts.captures:,} stacks ({facts.elsewhere:,} of coroutines and other stacks), '
              f'{facts.by_libgcc:,} with libgcc, {facts.by_libunwind:,} with libunwind, 0 differ', flush=True)
    print(f'{n:,} stacks, 0 differ')
    assert n >= 10_000_000, n
    with open(os.path.join(TESTS, 'long', 'stacks.md'), 'w') as f:
        f.write('# Stacks checked\n\nThe table that `tests/long/check-stacks.py` wrote last: each stack that the hook sent, compared with a full walk '
                'by the generic rules; samples with libgcc and libunwind, too. A difference would have ended it.\n\n'
                '| program | stacks | of coroutines and other stacks | also with libgcc | also with libunwind |\n|---|---|---|---|---|\n'
                + '\n'.join(rows) + f'\n\n{n:,} stacks, 0 differ.\n')


main()
