#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types of blocks, fields and strengths of edges, counts, values, cycles and roots against programs that know them.

The truth programs (tests/targets/typed-*) say, one a line, what is true when their snapshot ("held") is taken:

  block|ADDRESS|TYPE               a block that is one TYPE
  array|ADDRESS|TYPE|N             a block of N elements
  within|ADDRESS|TYPE              the block around this address is a TYPE, or some
  instance|ADDRESS|TYPE            the block around this address is a GObject of the GType of that name
  edge|FROM|FIELD|TO|STRENGTH      a pointer between blocks; each address is in its block. STRENGTH: strong, weak, any
  count|BLOCK|STRONG|WEAK          references, as the library itself counts them (Rc::weak_count); -1 = it does not
  value|BLOCK|FIELD|TEXT           a plain field
  used|BLOCK|N|OF                  elements in use of a growing array
  variable|FUNCTION|NAME|TYPE|TO   a local variable that points into the block at TO; global|NAME|TO
  cycle|FIELD|BLOCK BLOCK...       lost blocks that hold each other; lost|BLOCK... lost
  mismatch|BLOCK|COUNT|HOLDERS     counts more than are found

In TYPE, * is any text and \\* a star. What they are compared to, all of `graph --json --snapshot 0`:

  nodes: "type" is "TreeNode" or, of arrays, "int[25]" or "int[]"; "type_evidence" says how it is known;
         "counted_strong", "counted_weak" (null = it has no counts; without the one weak reference that all strong ones share);
         "values": [{"name", "type", "value"}], name being a path ("value.state.step"), value text ("42", "true", "Running");
         "contents": "Vec<Rc<Node>>, 3 of 4 used" of the buffer of a container, null of others
  edges: "field" is a path ("value.children.buf.ptr", "[2].next"); the program's FIELD is one of its parts
  roots: "name" and "type" of the variable, "frame" its function, inlined ones too

and of `leaks --json --snapshot 0`: the cycle, its fields, its strengths, "certain" or "proven".

No type may be wrong, whether the program says so (block, array, within) or not; the log lists the types of what it does not speak of."""
import bisect, collections, re
from harness import *

SOURCE = os.path.join(TOP, 'tests', 'targets', 'typed-rust.rs')


def parts_of(field):
    """'value.children[2].ptr' -> {'value', 'children', '[2]', 'ptr'}"""
    return set(re.findall(r'\[\d+\]|[^.\[\]]+', field or ''))


class Heap:
    """What a recorded truth program said, and what we know of it."""

    def __init__(self, name, *command):
        trace = path(f'{name}.heapatlas')
        done = record(trace, *command, options=['-q'], env={**os.environ, 'G_SLICE': 'always-malloc'})
        equal(done.returncode, 0, f'{name}: {done.stderr}')
        self.name, self.said = name, collections.defaultdict(list)
        for line in done.stdout.splitlines():
            what, *rest = line.split('|')
            self.said[what].append(rest)
        graph, leaks = (run(HEAPATLAS, command, trace, '--json', '--snapshot', '0') for command in ('graph', 'leaks'))
        equal((graph.returncode, leaks.returncode), (0, 0), f'{name}: {graph.stderr} {leaks.stderr}')
        self.graph, self.leaks = json.loads(graph.stdout), json.loads(leaks.stdout)['processes'][0]
        self.nodes = self.graph['nodes']
        self.at = {int(n['address'], 16): n for n in self.nodes}
        self.wrong = []

    def block(self, address):
        """The node at or around an address as the program said it."""
        address = int(address, 16)
        node = self.at.get(address) or next((n for n in self.nodes if 0 <= address - int(n['address'], 16) < n['size']), None)
        assert node, f'{self.name}: no block at {address:#x}'
        return node

    def check(self, is_right, words):
        if not is_right:
            self.wrong.append(words)

    def check_types(self):
        spoken = set()
        for what in 'block', 'array', 'within':
            for address, type_, *count in self.said[what]:
                node = self.block(address)
                spoken.add(node['id'])
                found = node['type'] or 'nothing'
                element, is_array = re.subn(r'\[\d*\]$', '', found)
                right = matches(type_, found if what == 'block' else element)
                if what == 'array':
                    right = right and is_array and found.endswith(('[]', f'[{count[0]}]'))
                self.check(right, f'{address} is {found} ({node["type_evidence"]}), not {type_}{count or ""}')
        assert spoken, f'{self.name} said nothing'
        self.check_instances()
        return spoken

    def check_instances(self):
        for address, type_ in self.said['instance']:
            node = self.block(address)
            self.check(node['type'] in (type_, '_' + type_) and 'GType' in (node['type_evidence'] or ''), f'{address} is {node["type"]} ({node["type_evidence"]}), not {type_} by its GType')

    def check_edges(self):
        found = collections.defaultdict(list)
        for edge in self.graph['edges']:
            found[edge['from'], edge['to']].append(edge)
        said = collections.defaultdict(list)
        for from_, field, to, strength in self.said['edge']:
            said[self.block(from_)['id'], self.block(to)['id']].append((field, strength))
        for (from_, to), wanted in said.items():
            for field, strength in wanted:
                its = [e for e in found[from_, to] if field in parts_of(e['field'])]
                self.check(its, f'{self.nodes[from_]["type"]} -> {self.nodes[to]["type"]}: no edge {field} in {[e["field"] for e in found[from_, to]]}')
                for edge in its:
                    self.check(strength in ('any', edge['strength']), f'{self.nodes[from_]["type"]}.{edge["field"]} is {edge["strength"]} ({edge["evidence"]}), not {strength}')
        # Between blocks that the program speaks of there is nothing else, except of a block to itself.
        for (from_, to), edges in found.items():
            if from_ != to and (from_, to) in said:
                for edge in edges:
                    self.check(any(field in parts_of(edge['field']) for field, _ in said[from_, to]), f'{self.nodes[from_]["type"]}.{edge["field"]} is none of {said[from_, to]}')

    def check_counts(self):
        for address, strong, weak in self.said['count']:
            node = self.block(address)
            found = node.get('counted_strong'), node.get('counted_weak')
            self.check(found == (int(strong), int(weak) if int(weak) >= 0 else found[1]), f'{node["type"]} {address} counts {found}, not {strong}, {weak}')
        for address, count, holders in self.said['mismatch']:
            node = self.block(address)
            self.check((node.get('counted_strong'), node['strong_count']) == (int(count), int(holders)), f'{address}: counts {node.get("counted_strong")} with {node["strong_count"]} holders, not {count} with {holders}')

    def check_values(self):
        for address, field, value in self.said['value']:
            node = self.block(address)
            found = [v['value'] for v in node.get('values') or [] if field in parts_of(v['name'])]
            self.check(value in found, f'{node["type"]} {address}: {field} is {found}, not {value}')
        for address, n, of in self.said['used']:
            node = self.block(address)
            self.check(f'{n} of {of} used' in (node.get('contents') or ''), f'{node["type"]} {address}: contents {node.get("contents")}, not {n} of {of} used')

    def check_cycles(self):
        cycles = {frozenset(n['address'] for n in c['nodes']): c for c in self.leaks['cycles']}
        for field, blocks in self.said['cycle']:
            cycle = cycles.get(frozenset(self.block(b)['address'] for b in blocks.split()))
            self.check(cycle, f'no cycle of {blocks} in {list(cycles)}')
            if cycle:
                self.check(cycle['confidence'] in ('certain', 'proven'), f'the cycle is {cycle["confidence"]}')
                for edge in cycle['edges']:
                    self.check(field in parts_of(edge['field']) and edge['strength'] == 'strong', f'the cycle has {edge}')
        equal(len(cycles), len(self.said['cycle']), f'{self.name}: cycles')
        for blocks, in self.said['lost']:
            for block in blocks.split():
                self.check(self.block(block)['class'] in ('direct', 'cycle', 'indirect'), f'{block} is {self.block(block)["class"]}, not lost')

    def check_roots(self, unknown):
        roots = self.graph['roots']
        for function, name, type_, to in self.said['variable']:
            if name in unknown:
                continue
            id_ = self.block(to)['id']
            its = [r for r in roots if r['to'] == id_ and r['name'] and name in parts_of(r['name'])]
            self.check(any(matches(type_, r.get('type') or '') and matches(function, r['frame'] or '') for r in its),
                       f'no variable {name} of {function} to {self.nodes[id_]["type"]}: {[(r["kind"], r["name"], r.get("type"), r["frame"]) for r in roots if r["to"] == id_]}')
        for name, to in self.said['global']:
            id_ = self.block(to)['id']
            self.check(any(r['to'] == id_ and name in parts_of(r['name']) for r in roots), f'no global {name}')

    def check_all(self, unknown=()):
        """unknown: variables of which the debug information does not say where they are."""
        spoken = self.check_types()
        self.check_edges()
        self.check_counts()
        self.check_values()
        self.check_cycles()
        self.check_roots(unknown)
        others = collections.Counter(f'{n["type"]} ({n["type_evidence"]})' for n in self.nodes if n['id'] not in spoken and n['type'])
        live = sum(n['size'] for n in self.nodes)
        print(f'# {self.name}: {len(spoken)} blocks spoken of; {sum(n["size"] for n in self.nodes if n["type"]) * 100 // live} % of live bytes typed; others: '
              + '; '.join(f'{n} {type_}' for type_, n in others.most_common()), flush=True)
        assert not self.wrong, f'{self.name}: {len(self.wrong)} wrong:\n' + '\n'.join(self.wrong)


@check
def types_of_c():
    for level in 'O0', 'O2':
        Heap(f'typed-c-{level}', target(f'typed-c-{level}')).check_all(['list'] if level == 'O2' else [])


@check
def types_of_cxx():
    for level in 'O0', 'O2':
        Heap(f'typed-cxx-{level}', target(f'typed-cxx-{level}')).check_all()


@check
def classes_without_debug_information():
    source = os.path.join(TOP, 'tests', 'targets', 'typed-cxx.cpp')
    ways = [[], ['-no-pie'], ['-static-libstdc++', '-static-libgcc'], ['-rdynamic'], ['-Wl,-z,pack-relative-relocs']]
    compilers = [('g++', way) for way in ways] + ([('clang++', [])] if shutil.which('clang++') else [])
    for compiler, way in compilers:
        program = path('typed-cxx-stripped')
        done = run(compiler, '-O2', '-w', '-s', '-std=c++17', '-I' + TOP, *way, source, '-o', program)
        equal(done.returncode, 0, done.stderr)
        heap = Heap('typed-cxx-stripped', program)
        wanted = {heap.block(address)['id']: (type_, count) for address, type_, *count in heap.said['block'] + heap.said['array']
                  if re.match('house::(Circle|Label)$|std::_Sp_counted', type_)}
        found = {n['id']: n for n in heap.nodes if 'virtual functions' in (n['type_evidence'] or '')}
        equal(len(wanted), 12, 'blocks with virtual functions')
        for id_, (type_, count) in wanted.items():
            name = found[id_]['type'] if id_ in found else 'nothing'
            assert name == type_ + '[]' if count else matches(type_, name), f'{compiler} {way}: {name}, not {type_}{count}'
        others = [n['type'] for n in found.values() if n['id'] not in wanted]
        assert not others, others
        print(f'# {compiler} {way}: {len(found)} blocks by ' + ', '.join({n['type_evidence'] for n in found.values()}), flush=True)


@check
def types_of_gobject():
    for level in 'O0', 'O2':
        Heap(f'typed-gobject-{level}', target(f'typed-gobject-{level}')).check_all()


@check
def instances_without_debug_information():
    stripped = path('typed-gobject-stripped')
    equal(run('strip', '-o', stripped, target('typed-gobject-O2')).returncode, 0, 'strip')
    heap = Heap('typed-gobject-stripped', stripped)
    heap.check_instances()
    equal(len({type_ for _, type_ in heap.said['instance']}), 4, 'types of instances')
    instances = {heap.block(address)['id'] for address, _ in heap.said['instance']}
    others = [n['type'] for n in heap.nodes if 'GType' in (n['type_evidence'] or '') and n['id'] not in instances]
    assert not heap.wrong and all(type_.startswith('class of ') for type_ in others), heap.wrong + others
    assert {f'class of {type_}' for _, type_ in heap.said['instance']} <= set(others), others


@check
def a_glib_that_nobody_knows_is_said_so():
    library, program = path('libgobject-2.0.so.0'), path('odd-glib')
    open(path('odd.c'), 'w').write('#include <stdlib.h>\nvoid *odd (void) { return calloc (9, 9); }\n')
    open(path('main.c'), 'w').write('void *odd (void); void *kept; int main (void) { kept = odd (); return 0; }\n')
    equal(run('cc', '-shared', '-fPIC', '-o', library, path('odd.c')).returncode, 0, 'library')
    equal(run('cc', '-o', program, path('main.c'), library).returncode, 0, 'program')
    done = record(path('odd.heapatlas'), program, env={**os.environ, 'LD_LIBRARY_PATH': TMP})
    equal(done.returncode, 0, done.stderr)
    equal(done.stderr.count("GLib's objects have no types"), 1, done.stderr)


BASES = r'''
#include <stdlib.h>
#include "base.h"
struct base *first;
void *base_new (unsigned long size) { struct base *b = calloc (1, size); b->kind = 1; b->next = first; first = b; return b; }
'''
DERIVED = r'''
#include "base.h"
struct derived { struct base base; long more[2]; };
void derived_new (void) { struct derived *d = base_new (sizeof *d); d->more[0] = 1; }
'''
HOLDER = r'''
#include "base.h"
#include "tests/targets/typed.h"
void derived_new (void);
extern struct base *first;
int main (void) { derived_new (); say ("derived|%p", (void *) first); snapshot (); return first == 0; }
'''


@check
def a_pointer_to_a_base_in_another_unit():
    """The block is twice as big as what the pointer to it says. What it is, is known in a unit whose variables nobody asks for."""
    for name, text in [('base.h', 'struct base { long kind; struct base *next; };\nvoid *base_new (unsigned long size);\n'), ('base.c', BASES), ('derived.c', DERIVED), ('holder.c', HOLDER)]:
        open(path(name), 'w').write(text)
    for level in '-O0', '-O2':
        done = run('cc', level, '-g', '-w', '-I' + TOP, '-o', path('bases'), *[path(f'{n}.c') for n in ('base', 'derived', 'holder')])
        equal(done.returncode, 0, done.stderr)
        heap = Heap('bases', path('bases'))
        node = heap.block(heap.said['derived'][0][0])
        assert node['type'] in (None, 'derived'), node


BOXES = r'''
#include <stdlib.h>
#include "boxes.h"
struct cell { long owner; struct item item; };
struct cell *first_cell;
void *box_new (size_t size) { long *raw = calloc (1, 16 + size); raw[0] = 1; raw[1] = size; return raw + 2; }
struct item *cell_new (void) { first_cell = calloc (1, sizeof *first_cell); return &first_cell->item; }
'''
BOXED = r'''
#include <stddef.h>
#include <stdlib.h>
#include "boxes.h"
#include "tests/targets/typed.h"
struct own { long number; long more; struct item item; };
struct item *one, *many, *cell, *own;
int main (void)
{
  one = box_new (sizeof *one);
  many = box_new (7 * sizeof *many);
  cell = cell_new ();
  own = (struct item *) ((char *) malloc (sizeof (struct own)) + offsetof (struct own, item));
  own->next = NULL;
  one->next = box_new (sizeof *one);
  say ("header|%p", (void *) one);
  say ("header|%p", (void *) one->next);
  say ("headers|%p", (void *) many);
  say ("other|%p", (void *) cell);
  say ("other|%p", (void *) own);
  snapshot ();
  return 0;
}
'''


@check
def objects_behind_a_header():
    for name, text in [('boxes.h', 'struct item { struct item *next; double weight; int n; };\nvoid *box_new (unsigned long size); struct item *cell_new (void);\n'), ('boxes.c', BOXES), ('boxed.c', BOXED)]:
        open(path(name), 'w').write(text)
    equal(run('cc', '-O2', '-shared', '-fPIC', '-o', path('libboxes.so'), path('boxes.c')).returncode, 0, 'library')
    for level in '-O0', '-O2':
        done = run('cc', level, '-g', '-w', '-I' + TOP, '-o', path('boxed'), path('boxed.c'), path('libboxes.so'))
        equal(done.returncode, 0, done.stderr)
        heap = Heap('boxed', path('boxed'))
        for what, wanted in [('header', 'item'), ('headers', 'item[]')]:
            for address, in heap.said[what]:
                node = heap.block(address)
                equal((node['type'], int(address, 16) - int(node['address'], 16)), (wanted, 16), f'{level}: {node["type_evidence"]}')
        # What begins elsewhere, or may be a part of what the program itself made, has no type.
        for address, in heap.said['other']:
            assert heap.block(address)['type'] in (None, 'own'), heap.block(address)
        for edge in heap.graph['edges']:
            if edge['from'] == heap.block(heap.said['header'][0][0])['id']:
                equal(edge['field'], 'next', 'field')


OBJECTS = '''
import collections, gc, os, sys
class Node:
    def __init__(self, i): self.i, self.next, self.tags = i, None, ['t%d' % i, str(i), 'h\u00e4', '\u4e2d\u6587 %d' % i, i * 1.5, 1 << i, b'%d' % i, {i}, (i, 'x')]
class Slots:
    __slots__ = 'one', 'two'
class Text(str): pass
kept = [Node(i) for i in range(40)] + [Slots(), Text('abc'), collections.deque([1]), lambda: 0, Exception('x'), range(9), memoryview(b'abc'), object()]
gc.disable()
found = {id(o): o for o in gc.get_objects()}
todo = list(found.values())
while todo:
    for o in gc.get_referents(todo.pop()):
        if id(o) not in found:
            found[id(o)] = o
            todo.append(o)
names = [(id(o), type(o).__name__) for o in found.values() if o is not found and o is not todo]
sys.stdout.write(''.join('object|%x|%s\\n' % n for n in names))
sys.stdout.flush()
os._exit(0)
'''


@check
def types_of_python():
    script = path('objects.py')
    open(script, 'w').write(OBJECTS)
    programs = [p for p in ('/usr/bin/python3.11d', '/usr/bin/python3') if os.path.exists(p)]
    for program in programs:
        os.environ['PYTHONMALLOC'] = 'malloc'
        heap = Heap(os.path.basename(program), program, '-S', script)
        del os.environ['PYTHONMALLOC']
        starts = sorted(heap.at)
        seen = collections.Counter()
        for address, name in heap.said['object']:
            start = starts[max(bisect.bisect_right(starts, int(address, 16)) - 1, 0)]
            node = heap.at[start]
            if not 0 <= int(address, 16) - start < node['size']:
                continue  # one that lies in the program itself
            seen[name] += 1
            heap.check(node['type'] and node['type'].split('.')[-1] == name, f'{address} is {node["type"]} ({node["type_evidence"]}), not {name}')
        for node in heap.nodes:
            if node['type_evidence'] == 'its Python type':  # has none of its own
                heap.check(not node['type'].endswith('Importer'), f'{node["address"]} is {node["type"]}, which is only a class')
        live = sum(n['size'] for n in heap.nodes)
        print(f'# {program}: {sum(seen.values())} objects of {len(seen)} types; {sum(n["size"] for n in heap.nodes if n["type"]) * 100 // live} % of live bytes typed', flush=True)
        assert not heap.wrong, f'{len(heap.wrong)} wrong:\n' + '\n'.join(heap.wrong[:40])
        assert len(seen) > 30 and seen['Node'] == 40 and seen['Slots'] == 1, seen


@check
def types_of_rust():
    for version, compiler in rust_compilers().items():
        for what, options in [('debug', ['-g']), ('release', ['-g', '-O'])]:
            name = f'typed-rust-{version.split()[1]}-{what}'
            done = run(compiler, *options, '--edition', '2021', '--crate-name', 'typed_rust', SOURCE, '-o', path(name))
            equal(done.returncode, 0, f'{compiler}: {done.stderr[-2000:]}')
            print(f'# {version}, {what}', flush=True)
            Heap(name, path(name)).check_all(['tree'] if what == 'release' and ' 1.63.' in version else [])


if __name__ == '__main__':
    main()
