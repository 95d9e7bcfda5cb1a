#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types of allocation sites: what `report` says of the truth programs' stacks, by stack, by type and in assertions. A
site that the program speaks of must have its type; none may have a wrong one."""
from harness import *

TARGETS = os.path.join(TOP, 'tests', 'targets')

# What each function of the truth programs allocates, by the innermost function of the program's own: size -> types. A type ends in [] if
# the block is an array; 'mixed': its blocks differ in size.
C = {
    'tree_new': {40: 'TreeNode'},
    'list_append': {32: 'item', 6: 'char[]'},
    'list_build': {24: 'List'},
    'numbers_build': {100: 'int[]'},
    'table_build': {64: 'item *[]'},
    'packet_build': {24: 'packet', 100: 'unsigned char[]'},
}
CXX = {
    'house::build_tree': {64: 'std::_Sp_counted_ptr_inplace<house::Node, *>', 'mixed': 'std::shared_ptr<house::Node>[]'},
    'house::lose_ring': {56: 'std::_Sp_counted_ptr_inplace<house::Ring, *>'},
    'house::build_document': {32: 'house::Document', 24: 'std::_Sp_counted_ptr<house::Document*, *>'},
    'house::build_shapes': {24: 'house::Circle', 40: 'house::Label', 32: ('std::__cxx11::basic_string<char, *>', 'std::unique_ptr<house::Shape, *>[]'), 52: 'char[]'},
    'house::build_list': {24: 'house::Link'},
    'house::build_config': {136: 'house::Config', 24: ('std::_List_node<int>', 'std::__detail::_Hash_node<*>'), 48: 'std::_Rb_tree_node<*>', 104: 'std::__detail::_Hash_node_base \\*[]'},
    'main': {96: 'double[]'},
}
RUST = {
    'typed_rust::new_node': {72: 'alloc::rc::Rc*<typed_rust::Node>'},
    'typed_rust::build_tree': {32: 'alloc::rc::Rc<typed_rust::Node*>[]'},
    'typed_rust::lose_ring': {48: 'alloc::rc::Rc*<typed_rust::Ring>'},
    'typed_rust::build_cache': {48: 'alloc::sync::ArcInner<typed_rust::Entry>', 20: 'u16[]', 32: 'alloc::sync::Arc<typed_rust::Entry*>[]', 56: 'typed_rust::Cache', 84: '(u32, alloc::sync::Weak<typed_rust::Entry*>)[]'},
    'typed_rust::build_tasks': {40: 'typed_rust::Task', 48: 'typed_rust::Task', 14: 'u8[]'},
    'typed_rust::build_shapes': {64: 'alloc::boxed::Box<dyn typed_rust::Shape*>[]', 8: 'typed_rust::Circle', 32: 'typed_rust::Rectangle', 11: 'u8[]'},
}


def sites(name, *command):
    trace = path(f'{name}.heapatlas')
    done = record(trace, *command, options=['-q'])
    equal(done.returncode, 0, f'{name}: {done.stderr}')
    report = run(HEAPATLAS, 'report', trace, '--json')
    equal(report.returncode, 0, report.stderr)
    return trace, json.loads(report.stdout)['processes'][0]['sites']


def compare(name, said, found, optional=()):
    """Every site whose program function and size are known, against what it makes. All that are known must be there, but for `optional` ones."""
    n_typed, seen = 0, set()
    for site in found:
        own = [f['function'] for f in site['stack']]
        function = next((f for f in own if f in said), None)
        n_typed += site['type'] is not None
        if not function or not site['allocations']:
            continue
        size = 'mixed' if site['bytes'] % site['allocations'] else site['bytes'] // site['allocations']
        wanted = said[function].get(size)
        if wanted is None:
            continue
        seen.add((function, size))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        type_ = site['type'] or 'nothing'
        assert any(matches(w.removesuffix('[]'), type_) for w in wanted), f'{name}: {function} makes {size} bytes of {type_} ({site["type_evidence"]}), not {wanted}'
        assert site['type_evidence'], f'{name}: no evidence'
    equal({(f, s) for f in said for s in said[f]} - seen - set(optional), set(), f'{name}: sites that were not seen')
    print(f'# {name}: {n_typed} of {len(found)} stacks typed', flush=True)


@check
def sites_of_c():
    for level in 'O0', 'O2':
        compare(f'typed-c-{level}', C, sites(f'sites-c-{level}', target(f'typed-c-{level}'))[1])


@check
def sites_of_another_compiler():
    if not shutil.which('clang'):
        print('# no clang', flush=True)
        return
    for level in '-O0', '-O2':
        program = path(f'typed-c-clang{level}')
        done = run('clang', level, '-g', '-w', '-I' + TOP, os.path.join(TARGETS, 'typed-c.c'), '-o', program)
        equal(done.returncode, 0, done.stderr)
        compare(f'typed-c-clang{level}', C, sites(f'sites-c-clang{level}', program)[1])


@check
def sites_of_cxx():
    for level in 'O0', 'O2':
        compare(f'typed-cxx-{level}', CXX, sites(f'sites-cxx-{level}', target(f'typed-cxx-{level}'))[1])


@check
def sites_of_rust():
    for version, compiler in rust_compilers().items():
        for what, options in [('debug', ['-g']), ('release', ['-g', '-O'])]:
            name = f'sites-rust-{version.split()[1]}-{what}'
            done = run(compiler, *options, '--edition', '2021', '--crate-name', 'typed_rust', os.path.join(TARGETS, 'typed-rust.rs'), '-o', path(name))
            equal(done.returncode, 0, f'{compiler}: {done.stderr[-2000:]}')
            # A task has 40 bytes or 48, by the compiler's version.
            compare(name, RUST, sites(name, path(name))[1], [('typed_rust::build_tasks', 40), ('typed_rust::build_tasks', 48)])


def build(name, source, *options, suffix='.c', compiler=None):
    file = path(name + suffix)
    with open(file, 'w') as f:
        f.write(source)
    done = run(compiler or ('c++' if suffix == '.cpp' else 'cc'), '-g', '-w', *options, file, '-o', path(name))
    equal(done.returncode, 0, done.stderr)
    return path(name)


TRAPS = r'''
#include <stdlib.h>
#include <string.h>
#define KEEP __attribute__ ((noinline, noclone))
struct base { long kind; void *data; };            /* 16 bytes */
struct derived { struct base base; long more[2]; };/* 32 = 2 * 16 */
struct header { struct header *next; size_t n; };
struct link { struct link *next, *prev; };
struct item { struct link link; int value; };      /* begins with a link */
struct flexible { int n; char text[]; };
static struct link list = { &list, &list };
static void *pool[16];
static int n_pool;

/* A pointer to the base takes what is bigger: it is not base[2]. */
KEEP struct base *base_new (size_t size) { struct base *b = calloc (1, size); b->kind = 1; return b; }
KEEP struct derived *derived_new (void) { struct derived *d = (struct derived *) base_new (sizeof *d); d->more[0] = 1; return d; }
/* A header before what the caller gets. */
KEEP void *with_header (size_t n) { char *raw = malloc (sizeof (struct header) + n); struct header *h = (struct header *) (raw + 0); h->n = n; return raw + sizeof *h; }
/* The list's own functions see a link at its start. */
static inline void link_init (struct link *l) { l->next = l->prev = l; }
KEEP struct item *item_new (void) { struct item *i = malloc (sizeof *i); link_init (&i->link); i->value = 1; return i; }
/* Another pointer of another type comes back from another call meanwhile. */
KEEP double *pair_new (int **other) { double *d = malloc (5 * sizeof *d); int *i = malloc (7 * sizeof *i); *other = i; return d; }
KEEP struct flexible *text_new (const char *s) { size_t n = strlen (s) + 1; struct flexible *f = malloc (sizeof *f + n); f->n = n; memcpy (f->text, s, n); return f; }
KEEP struct item *items_new (int n) { struct item *all = malloc (n * sizeof *all); for (int i = 0; i < n; i++) link_init (&all[i].link); return all; }
KEEP void *either (int which) { void *p = malloc (which ? sizeof (struct item) : sizeof (struct header)); return p; }
int main (int argc, char **argv)
{
  int *ints;
  pool[n_pool++] = derived_new ();
  pool[n_pool++] = base_new (sizeof (struct base));
  pool[n_pool++] = with_header (50);
  pool[n_pool++] = item_new ();
  pool[n_pool++] = pair_new (&ints);
  pool[n_pool++] = ints;
  pool[n_pool++] = text_new ("some text");
  pool[n_pool++] = items_new (argc + 4);
  struct item *a = either (1);
  struct header *b = either (0);
  a->value = b->n = 3;
  pool[n_pool++] = a; pool[n_pool++] = b;
  return pool[3] == NULL;
}
'''
# function that calls the allocator -> size -> types that are right; None: nothing is
TRAPPED = {
    ('derived_new',): {32: (None, 'derived')},
    ('with_header',): {66: (None,)},
    ('item_new',): {24: ('item',)},
    ('pair_new',): {40: ('double',), 28: ('int',)},
    ('text_new',): {14: ('flexible',)},
    ('items_new',): {120: ('item',)},
    ('either',): {24: ('item', None), 16: ('header', None)},
}


@check
def nothing_is_called_what_it_is_not():
    levels = [['-O0'], ['-O1'], ['-O2'], ['-O3', '-fno-omit-frame-pointer'], ['-Os'], ['-O2', '-fPIC', '-pie']]
    for compiler, options in [('cc', o) for o in levels] + [('clang', o) for o in levels if shutil.which('clang')]:
        name = f'traps-{compiler}' + ''.join(options)
        found = sites(name, build(name, TRAPS, *options, compiler=compiler))[1]
        for site in found:
            functions = [f['function'] for f in site['stack']]
            for (function,), sizes in TRAPPED.items():
                size = site['bytes'] // max(site['allocations'], 1)
                if function in functions and site['allocations'] and size in sizes:
                    assert site['type'] in sizes[size], f'{name}: {function} makes {site["type"]} of {size} bytes ({site["type_evidence"]}), not {sizes[size]}'


@check
def types_group_and_assert():
    trace, _ = sites('sites-asserted', target('typed-c-O2'))
    by_type = run(HEAPATLAS, 'report', trace, '--by', 'type')
    equal(by_type.returncode, 0, by_type.stderr)
    row = next(line for line in by_type.stdout.splitlines() if line.strip().startswith('TreeNode '))
    equal(row.split()[1], '12', row)
    assert any(line.strip().startswith('int[] ') for line in by_type.stdout.splitlines()), by_type.stdout
    groups = json.loads(run(HEAPATLAS, 'report', trace, '--json', '--by', 'type').stdout)['processes'][0]['groups']
    equal(next(g for g in groups if g['label'] == 'TreeNode')['allocations'], 12, 'group')
    for expression, status in [('allocations[type:TreeNode]==12', 0), ('allocations[type:TreeNode]==11', 1), ('allocations[type:item,in:list_append]==5', 0), ('live_bytes[type:TreeNode]==320', 0)]:
        equal(run(HEAPATLAS, 'report', trace, '--assert', expression).returncode, status, expression)
    misspelt = run(HEAPATLAS, 'report', trace, '--assert', 'allocations[type:Nothing]==0')
    assert misspelt.returncode == 0 and 'note: no recorded stack makes blocks of type Nothing' in misspelt.stdout + misspelt.stderr, misspelt
    for view in 'timeline', 'map':
        picture = path(f'by-type-{view}.svg')
        equal(run(HEAPATLAS, 'export', trace, '--view', view, '--by', 'type', '-o', picture).returncode, 0, view)


@check
def a_stripped_program_has_no_types():
    stripped = path('stripped')
    shutil.copy(target('typed-c-O2'), stripped)
    equal(run('strip', stripped).returncode, 0, 'strip')
    trace, found = sites('sites-stripped', stripped)
    wrong = [s for s in found if s['type'] and 'strdup' not in s['type_evidence']]
    assert not wrong, wrong
    refused = run(HEAPATLAS, 'report', trace, '--by', 'type')
    equal(refused.returncode, 0, refused.stderr)


GENERIC = r"""
#include <memory>
#include <vector>
template <typename T> __attribute__ ((noinline)) T *make_one (T value) { return new T (value); }
template <typename T, int N> __attribute__ ((noinline)) T sum_of (const T *from) { T sum = 0; for (int i = 0; i < N; i++) sum += from[i]; return sum; }
template <typename T> static inline __attribute__ ((always_inline)) T twice (T value) { return value * value + value; }
template <typename T> struct Stack { std::vector<T> items; __attribute__ ((noinline)) void push (T item) { items.push_back (item); } };
void *kept[4]; volatile double result; volatile int number;
int main (int argc, char **argv)
{
  kept[0] = make_one<int> (argc); kept[1] = make_one<double> (argc); kept[2] = make_one<double> (2.0 * argc);
  int ints[4] = { argc, 2, 3, 4 }; double doubles[2] = { 1.0 * argc, 2 };
  number = sum_of<int, 4> (ints) + twice (argc); result = sum_of<double, 2> (doubles) + twice (2.5 * argc);
  Stack<int> stack; for (int i = 0; i < 5; i++) stack.push (i);
  return stack.items.empty ();
}
"""


@check
def generics_have_their_instances():
    program = build('generic', GENERIC, '-O2', suffix='.cpp')
    sizes = {}
    for line in run('nm', '-S', '-C', program).stdout.splitlines():
        part = line.split(maxsplit=3)
        if len(part) == 4 and part[0].isalnum() and part[2] in 'tTwW':
            sizes[part[3]] = int(part[1], 16)
    trace, _ = sites('generic', program)
    for file, has_counts in [(program, False), (trace, True)]:
        answer = json.loads(run(HEAPATLAS, 'types', file, '--json').stdout)
        generics = {g['name']: {i['arguments']: i for i in g['instances']} for g in answer['generics']}
        for name, arguments, symbol, allocations in [('make_one', 'int', 'int* make_one<int>(int)', 1), ('make_one', 'double', 'double* make_one<double>(double)', 2),
                                                     ('sum_of', 'int, 4', 'int sum_of<int, 4>(int const*)', 0), ('sum_of', 'double, 2', 'double sum_of<double, 2>(double const*)', 0),
                                                     ('Stack::push', 'int', 'Stack<int>::push(int)', 4)]:
            one = generics[name][arguments]
            equal((one['code_bytes'], one['functions'], one['allocations']), (sizes[symbol], 1, allocations if has_counts else None), symbol)
        equal(set(generics['sum_of']), {'int, 4', 'double, 2'}, 'instances')
        for arguments in 'int', 'double':
            one = generics['twice'][arguments]
            assert one['functions'] == 0 and one['inlined'] == 1 and one['code_bytes'] > 0, one
    text = run(HEAPATLAS, 'types', trace, '--generics', 'make_one')
    rows = [line.split() for line in text.stdout.splitlines()]
    assert any(row[:3] == ['make_one,', '2', 'instances'] and row[-1] == '3' for row in rows) and any(row[0] == 'double' and row[-1] == '2' for row in rows if row), text.stdout
    assert 'sum_of, 2 instances' in run(HEAPATLAS, 'types', trace, '--generics').stdout


if __name__ == '__main__':
    main()
