# SPDX-License-Identifier: Apache-2.0
"""Programs under the hook alone, with a recorder of its own (collect.c)."""
import os, struct

from harness import BUILD, equal, path, run

HOOK = os.path.join(BUILD, 'core', 'hook', 'libheapatlas-hook.so')
CHECK_HOOK = os.path.join(BUILD, 'core', 'hook', 'libheapatlas-hook-check.so')
COLLECT = os.path.join(BUILD, 'tests', 'hook', 'collect')


class Facts:
    def __init__(self, file):
        self.marks, self.modules, self.forks, self.processes, self.totals, self.events = [], [], [], {}, {}, []
        self.numbers = {}
        with open(file, encoding='utf-8', errors='replace') as f:
            for line in f:
                words = line.rstrip('\n').split(' ')
                if words[0] == 'mark':
                    self.marks.append(' '.join(words[2:]))
                elif words[0] == 'module':
                    self.modules.append(' '.join(words[5:]))
                elif words[0] == 'fork':
                    self.forks.append((int(words[1]), int(words[2])))
                elif words[0] == 'process':
                    self.processes[int(words[1])] = {'pid': int(words[2]), 'kind': int(words[3]), 'parent': int(words[4]),
                                                     'fork_id': int(words[5]), 'exe': words[6], 'provider': words[8]}
                elif words[0] == 'totals':
                    self.totals[int(words[1])] = {k: int(v) for k, v in zip(words[2::2], words[3::2])}
                elif words[0] == 'event':
                    slot, kind, address, size, old, depth, complete, own = words[1:]
                    self.events.append({'process': int(slot), 'type': int(kind), 'address': int(address, 16), 'size': int(size),
                                        'depth': int(depth), 'complete': complete == '1', 'own': own == '1'})
                elif words[0] == 'problem':
                    raise AssertionError(line)
                elif len(words) == 2:
                    self.numbers[words[0]] = int(words[1])
        equal(self.numbers['bad'], 0, 'words that make no sense')


def collect(*command, options=(), hook=HOOK, allocator=None, env=None, lost=0, timeout=300):
    """Runs a program under the hook; returns its finished process and the facts."""
    full = dict(os.environ, HOOK=hook, **(env or {}))
    if allocator:
        full['HOOK_MORE_PRELOAD'] = allocator
    facts = path('facts')
    done = run(COLLECT, facts, *options, *command, env=full, timeout=timeout)
    facts = Facts(facts)
    if lost is not None:
        equal(facts.numbers['lost'], lost, 'lost events')
    return done, facts


def checked(*command, env=None, options=(), may_dispute=False, has_others=True):
    """Runs under the check build, which compares stacks; returns the facts, with how many were compared and what the program printed.
    may_dispute: libunwind may differ where libgcc agrees with us; has_others: they can be asked."""
    file = path('checked')
    if os.path.exists(file):
        os.unlink(file)
    done, facts = collect(*command, options=options, hook=CHECK_HOOK, env=dict(env or {}, HOOK_CHECK_FILE=file), timeout=600)
    equal(done.returncode, 0, f'status of {command[0]} ({done.stderr[-300:]})')
    with open(file, 'rb') as f:
        data = f.read()
    numbers = struct.unpack('11Q', data[:88])
    (captures, gcc, unwind), differences, (elsewhere, _, skipped, truncated, disputed) = numbers[0:6:2], numbers[1:6:2], numbers[6:]
    text = data[88:].rstrip(b'\0').decode()
    equal((differences, skipped), ((0, 0, 0), 0), f'stacks that differ, of {captures}: {text}')
    assert captures > 1000 and (not has_others or (gcc > 3 and unwind > 0)), numbers
    assert disputed == 0 or may_dispute, numbers
    facts.stdout = done.stdout
    facts.captures, facts.by_libgcc, facts.by_libunwind, facts.elsewhere, facts.truncated = captures, gcc, unwind, elsewhere, truncated
    facts.disputed = disputed
    return facts
