#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`heapatlas types`: layouts against what the programs themselves print, against pahole, and against what DWARF can say in its
many ways; generics; stripped files; the contract of the JSON."""
import collections, json, os, random, re, shutil
from harness import *
import layouts, pahole

SOURCES = os.path.join(TOP, 'tests', 'targets')


def answer_of(file, *options):
    done = run(HEAPATLAS, 'types', file, '--json', *options)
    equal(done.returncode, 0, f'types {file} {options}: {done.stderr}')
    return json.loads(done.stdout)


def types_of(file, *options):
    return answer_of(file, *options)['types']


def compiled(name, source, command):
    out = path(name)
    if not os.path.exists(out):
        done = run(*command, source, '-o', out, timeout=600)
        equal(done.returncode, 0, f'{command}: {done.stderr[-2000:]}')
    return out


def leaves(fields, base=0):
    """Fields by name, those of anonymous members among them, as C's offsetof sees them."""
    for field in fields:
        if field['name'] is None:
            yield from leaves(field.get('fields', []), base + field['offset'])
        else:
            yield field['name'], base, field


def place(base, field):
    if 'bit_size' in field:
        return 'bits', base * 8 + field['bit_offset'], field['bit_size']
    return 'field', base + field['offset'], field['size']


# ---- what programs print of themselves ----

def compare_program(file, output, what, has_alignment=True):
    types, fields = layouts.said(output)
    ours = {t['name']: t for t in types_of(file)}
    for name, (size, align) in types.items():
        equal(ours[name]['size'], size, f'{what}: size of {name}')
        # A packed struct whose fields happen to be aligned looks like an unpacked one.
        if align == 1 and not ours[name].get('packed'):
            offsets = [f['offset'] % f['align'] for f in ours[name]['fields']]
            equal(any(offsets), False, f'{what}: {name} is packed and seen')
        elif has_alignment and not (align == 1 and (ours[name]['holes'] or ours[name]['tail_padding'])):  # may be pack(n) as well
            equal(ours[name]['align'], align, f'{what}: alignment of {name}')
    for (name, field), where in fields.items():
        found = [place(base, f) for its, base, f in leaves(ours[name]['fields']) if its == field]
        equal(found, [where], f'{what}: {name}.{field}')
    return len(types), len(fields)


VARIANTS = [('DWARF 5', ['gcc', '-gdwarf-5']), ('DWARF 4', ['gcc', '-gdwarf-4']), ('DWARF 3', ['gcc', '-gdwarf-3', '-gstrict-dwarf']),
            ('DWARF 2', ['gcc', '-gdwarf-2', '-gstrict-dwarf']), ('optimised', ['gcc', '-g', '-O2']), ('type units', ['g++', '-g', '-fdebug-types-section', '-xc++']),
            ('type units of DWARF 4', ['g++', '-gdwarf-4', '-fdebug-types-section', '-xc++']), ('compressed', ['gcc', '-g', '-gz'])]


@check
def random_c_programs_print_the_same_layouts():
    total = [0, 0]
    for number, (what, command) in enumerate(VARIANTS):
        program = layouts.Program(1000 + number, 60)
        source = path(f'random{number}.c')
        open(source, 'w').write(program.source())
        file = compiled(f'random{number}', source, [*command, '-w', '-std=gnu++20' if '-xc++' in command else '-std=gnu17', '-fno-eliminate-unused-debug-types'])
        counts = compare_program(file, run(file).stdout, what, '-gstrict-dwarf' not in command)  # no DW_AT_alignment before DWARF 5
        total = [total[0] + counts[0], total[1] + counts[1]]
    print(f'# {total[0]} types and {total[1]} fields in {len(VARIANTS)} forms of DWARF', flush=True)
    assert total[0] == 60 * len(VARIANTS) and total[1] > 1500, total


@check
def separate_and_shared_debug_files():
    program = layouts.Program(77, 40)
    source = path('split.c')
    open(source, 'w').write(program.source())
    files = [compiled(f'split{i}', source, ['gcc', '-g', '-w', f'-DN={i}', '-fno-eliminate-unused-debug-types']) for i in range(2)]
    wanted = run(files[0]).stdout
    for file in files:
        equal(run('objcopy', '--only-keep-debug', file, file + '.debug').returncode, 0, 'objcopy')
        equal(run('strip', file).returncode, 0, 'strip')
        equal(run('objcopy', f'--add-gnu-debuglink={file}.debug', file).returncode, 0, 'debuglink')
    compare_program(files[0], wanted, 'a separate debug file')
    shared = path('shared.debug')
    done = run('dwz', '-m', shared, '-M', shared, *[f + '.debug' for f in files])
    equal(done.returncode, 0, f'dwz: {done.stderr}')
    assert os.path.exists(shared), 'dwz found nothing to share'
    for file in files:  # dwz changed the file that the link's checksum is of
        equal(run('objcopy', '--remove-section=.gnu_debuglink', file).returncode, 0, 'remove')
        equal(run('objcopy', f'--add-gnu-debuglink={file}.debug', file).returncode, 0, 'debuglink')
        compare_program(file, wanted, 'a file shared by dwz')


@check
def the_best_order_is_one():
    """Reordered as we say, each struct has the size we say."""
    program = layouts.Program(4242, 150, is_plain=True)
    source = path('order.c')
    open(source, 'w').write(program.source())
    file = compiled('order', source, ['gcc', '-g', '-w', '-fno-eliminate-unused-debug-types'])
    ours = {t['name']: t for t in types_of(file)}
    checked, declarations, prints = 0, list(program.declarations), []
    for name, members in program.members.items():
        order = ours[name].get('best_order')
        texts = [m for m in members if ' : ' not in m and '{' not in m]
        if not order or len(texts) != len(members):
            continue
        by_name = {re.search(r'\b(f\d+|last|rest)\b', m)[1]: m for m in members}
        declarations.append(f'struct R{name} {{ {" ".join(by_name[f["name"]] for f in order)} }};')
        prints.append(f'printf ("{name} %zu\\n", sizeof (struct R{name}));')
        checked += 1
    source = path('reordered.c')
    open(source, 'w').write('#include <stdio.h>\nenum colour { red, green = 300 };\n' + '\n'.join(declarations) + '\nint main (void) {\n' + '\n'.join(prints) + '\nreturn 0; }\n')
    for line in run(compiled('reordered', source, ['gcc', '-w'])).stdout.splitlines():
        name, size = line.split()
        equal(int(size), ours[name]['best_size'], f'{name} in the best order')
        assert int(size) < ours[name]['size'], name
    assert checked > 30, checked
    small = ours_of_text(b'struct a { char c; double d; char e; int f; char g; }; struct b { double d; int i; char c; };')
    equal((small['a']['size'], small['a']['best_size'], small['a']['tail_padding'], small['a']['holes']), (32, 16, 7, [{'offset': 1, 'size': 7}, {'offset': 17, 'size': 3}]), 'a')
    equal((small['b']['size'], small['b']['best_size'], small['b'].get('best_order')), (16, 16, None), 'b is best')


def ours_of_text(text, *options):
    source = path(f'text{abs(hash(text))}.c')
    open(source, 'wb').write(text + b'\nint main (void) { return 0; }\n')
    return {t['name']: t for t in types_of(compiled(os.path.basename(source)[:-2], source, ['gcc', '-g', '-w', '-fno-eliminate-unused-debug-types', *options]))}


CXX = [('g++', ['g++', '-g', '-O1']), ('g++, DWARF 4', ['g++', '-gdwarf-4']), ('type units', ['g++', '-g', '-fdebug-types-section']),
       ('clang++', ['clang++', '-g', '-fstandalone-debug', '-fno-eliminate-unused-debug-types'])]


@check
def cxx_programs_print_the_same_layouts():
    tried = 0
    for what, command in CXX:
        if not shutil.which(command[0]):
            continue
        tried += 1
        file = compiled('cxx-' + what.replace(' ', '-'), os.path.join(SOURCES, 'types-cxx.cpp'), [*command, '-w', '-std=c++20'])
        ours = {re.sub(r'^\(anonymous namespace\)::', '', t['name']): t for t in types_of(file)}
        for line in run(file).stdout.splitlines():
            name, first, *rest = line.split('|')
            if ':' in name.replace('::', '') and '.' not in name:
                name, base = re.split(r'(?<!:):(?!:)', name)
                found = [f['offset'] for f in ours[name]['fields'] if f.get('kind') in ('base', 'virtual base') and f['name'] == base]
                if found or (name, base) != ('Diamond', 'Virtual'):
                    equal(found, [int(first)], f'{what}: {base} in {name}')
                continue
            owner, _, field = name.rpartition('.') if '.' in name else (name, '', '')
            type_ = ours[owner]
            if not field:
                equal((type_['size'], type_['align']), (int(first), int(rest[0])), f'{what}: {owner}')
            else:
                found = [(base + f['offset'], f['size']) for its, base, f in leaves(type_['fields']) if its == field]
                equal(found, [(int(first), int(rest[0]))], f'{what}: {name}')
        assert any(f.get('kind') == 'vtable' for f in ours['Poly']['fields']), ours['Poly']
        equal([f['offset'] for f in ours['Diamond']['fields'] if f.get('kind') == 'virtual base'], [48], f'{what}: the virtual base of Diamond')
        equal(ours['Packed'].get('packed'), True, 'packed')
        equal([(v['name'], v['discriminant']) for v in ours['Colour']['variants']], [('red', -1), ('green', 100)], 'Colour')
        equal([v['discriminant'] for v in ours['Big']['variants']], [0xfedcba9876543210], 'Big')
        equal([(f['name'], f['type']) for f in ours['Matrix']['fields']], [('c', 'char'), ('m', 'int[3][4]'), ('s', ours['Matrix']['fields'][2]['type'])], 'Matrix')
        equal(ours['Flexible']['holes'], [{'offset': 5, 'size': 3}], 'before a flexible array')
        equal(ours['InTail']['tail_padding'], 2, 'a field in the tail of its base')
        union = [f for f in ours['Outer']['fields'] if f['name'] is None]
        equal((len(union), union[0]['offset'], union[0]['size']), (1, 8, 4), 'anonymous union')
    assert tried >= 3


# ---- Rust ----

def rust_programs():
    for version, compiler in rust_compilers().items():
        for what, options in [('debug', ['-g']), ('release', ['-g', '-O'])]:
            yield f'{version.split("(")[0].strip()} {what}', compiled(f'rust-{version.split()[1]}-{what}', os.path.join(SOURCES, 'types-rust.rs'), [compiler, *options, '--edition', '2021', '--crate-name', 'shapes'])


def used_bytes(size, fields):
    used = set()
    for f in fields:
        used |= set(range(f['offset'], f['offset'] + f['size']))
    return set(range(size)) - used


@check
def rust_programs_print_the_same_layouts():
    for what, file in rust_programs():
        ours = {t['name'].removeprefix('shapes::'): t for t in types_of(file)}
        checked, stored = 0, collections.defaultdict(dict)
        for line in run(file).stdout.splitlines():
            name, first, *rest = line.split('|')
            if name.startswith('='):
                owner, variant = name[1:].split('.')
                stored[owner][variant] = bytes.fromhex(first)
                continue
            owner, _, field = name.rpartition('.') if '.' in name else (name, '', '')
            if owner not in ours:  # optimised away
                assert 'release' in what or owner == 'Unit', f'{what}: {owner} is not there'
                continue
            checked += 1
            if not field:
                equal((ours[owner]['size'], ours[owner]['align']), (int(first), int(rest[0])), f'{what}: {owner}')
            else:
                found = [(f['offset'], f['size']) for f in ours[owner]['fields'] if f['name'] == field]
                equal(found, [(int(first), int(rest[0]))], f'{what}: {name}')
        # The tag in memory tells the variant that was stored.
        for owner, variants in stored.items():
            if owner not in ours:
                continue
            type_ = ours[owner]
            tag = type_['tag']
            values = {v['discriminant']: v['name'] for v in type_['variants']}
            for variant, memory in variants.items():
                number = int.from_bytes(memory[tag['offset']:tag['offset'] + tag['size']], 'little')
                equal(values.get(number, values.get(None)), variant, f'{what}: {owner}::{variant} from {number:#x} in {values}')
                checked += 1
        for owner in ['Node', 'Mixed', 'Foreign', 'Slices']:
            if owner in ours:
                holes = {b for h in ours[owner]['holes'] for b in range(h['offset'], h['offset'] + h['size'])}
                holes |= set(range(ours[owner]['size'] - ours[owner]['tail_padding'], ours[owner]['size']))
                equal(holes, used_bytes(ours[owner]['size'], ours[owner]['fields']), f'{what}: holes of {owner}')
        print(f'# {what}: {checked} sizes, fields and tags', flush=True)
        assert checked > (40 if 'debug' in what else 10), checked


@check
def rust_enums_and_niches():
    for what, file in rust_programs():
        if 'release' in what:
            continue
        ours = {t['name'].removeprefix('shapes::'): t for t in types_of(file)}
        data = ours['Data']
        equal([(v['name'], v['discriminant'], v['niche']) for v in data['variants']], [('Small', 0, None), ('Large', 1, None), ('Pair', 2, None), ('None', 3, None)], f'{what}: Data')
        equal((data['tag']['offset'], data['tag']['size']), (0, 1), f'{what}: tag of Data')
        # A variant's bytes are its fields and the tag; the enum's holes are what none of them uses.
        small = {v['name']: v for v in data['variants']}['Small']
        equal([(f['name'], f['offset']) for f in small['fields'] if f.get('kind') != 'tag'], [('0', 1)], 'Small')
        equal((data['holes'], small['holes'], small['tail_padding']), ([{'offset': 2, 'size': 2}] if any(f['offset'] == 2 for v in data['variants'] for f in v['fields']) is False else data['holes'], [], 14), f'{what}: Small')
        pointer = ours['core::option::Option<alloc::boxed::Box<u64, alloc::alloc::Global>>'] if 'core::option::Option<alloc::boxed::Box<u64, alloc::alloc::Global>>' in ours else ours['core::option::Option<alloc::boxed::Box<u64>>']
        equal((pointer['size'], [(v['name'], v['discriminant'], v['niche']) for v in pointer['variants']]), (8, [('None', 0, '0'), ('Some', None, '0')]), f'{what}: Option of a Box is one word')
        assert ours['Nested']['size'] == 1 and ours['Nested']['variants'][0]['niche'], f'{what}: {ours["Nested"]}'
        equal([(v['name'], v['discriminant']) for v in ours['Plain']['variants']], [('Red', 3), ('Green', 200)], f'{what}: Plain')
        equal([(v['name'], v['discriminant']) for v in ours['Signed']['variants']], [('Low', -300), ('High', 5)], f'{what}: Signed')
        equal([(f['name'], f['offset']) for f in ours['&str']['fields']], [('data_ptr', 0), ('length', 8)], 'a slice is two words')
        equal([(f['name'], f['offset']) for f in ours['alloc::boxed::Box<dyn shapes::Shape, alloc::alloc::Global>']['fields']], [('pointer', 0), ('vtable', 8)], 'dyn is two words')
        foreign = ours['Foreign']
        equal((foreign['size'], foreign['best_size'], foreign['holes'], foreign['tail_padding']), (32, 16, [{'offset': 1, 'size': 7}, {'offset': 17, 'size': 3}], 7), 'repr(C) keeps its order')
        equal((ours['Mixed']['size'], ours['Mixed']['best_size']), (16, 16), 'Rust orders by itself')
        assert not any('::A' in n and n.startswith('Kind') for n in ours), 'variants are no types of their own'


@check
def right_where_pahole_is_wrong():
    """A plain Rust struct, whose members DWARF lists in the order of the source: pahole 1.24 finds holes of 64 KiB."""
    wrong = 0
    for what, file in rust_programs():
        ours = {t['name'].rpartition('::')[2]: t for t in types_of(file)}
        for theirs in pahole.types_of(file):
            if theirs.size and sum(theirs.holes) > theirs.size and theirs.name in ours and theirs.name in ('Node', 'Mixed', 'Slices', 'Holder'):
                wrong += 1
                lost = sum(h['size'] for h in ours[theirs.name]['holes']) + ours[theirs.name]['tail_padding']
                equal(lost, theirs.size - sum(bytes_ for _, _, bytes_ in theirs.fields), f'{what}: padding of {theirs.name}')
    assert wrong > 0 or all('1.63' in v for v in rust_compilers()), 'pahole is right by now: compare it in full'


# ---- pahole ----

def last_part(name):
    """Without scopes: where pahole has none."""
    depth = 0
    for at in range(len(name) - 1, 0, -1):
        depth += (name[at] in '>)') - (name[at] in '<(')
        if depth == 0 and name[at - 1:at + 1] == '::':
            return name[at + 1:]
    return name


EMPTY = 'an empty class is not padding'


def our_fields(type_, zeros, wrong):
    """As pahole has them: base classes without a size, bit-fields with their first bit, names of members only."""
    for f in type_['fields']:
        if f.get('kind') == 'virtual base':
            continue
        if f.get('kind') == 'base':
            yield 'base', f['offset'] * 8, None
        else:
            key = f['name'] or '', f.get('bit_offset', f['offset'] * 8)
            yield (*key, None if 'bit_size' in f else 0 if key in zeros else wrong.get(key, f['size']))


def same_fields(theirs, type_):
    """Explained differences of single fields:
    - size 0 where pahole does not follow the type (_Atomic, empty classes as members);
    - sizes beyond the type's own: pointers to member functions, whose size pahole makes up;
    - virtual bases, whose place pahole does not know, are left out of both (it shows a place before the object, or none)."""
    zeros = {(n, o) for n, o, s in theirs.fields if s == 0}
    wrong = {(n, o): s for n, o, s in theirs.fields if s and s > type_['size']}
    shown = [f for f in theirs.fields if f[1] <= type_['size'] * 8]
    return sorted(our_fields(type_, zeros, wrong), key=str) == sorted(shown, key=str)


def same_padding(theirs, type_):
    """'' if holes and tail agree, else the name of the difference; None if it has none."""
    holes, tail = sum(h['size'] for h in type_['holes']), type_['tail_padding']
    if (holes, tail) == (sum(theirs.holes), theirs.padding):
        return ''
    fields = [f for f in type_['fields'] if f['size']]
    bit_fields = [f for f in fields if 'bit_size' in f]
    if not fields and (holes, tail) == (0, 0):
        return EMPTY
    free = used_bytes(type_['size'], fields)
    ours = {b for h in type_['holes'] for b in range(h['offset'], h['offset'] + h['size'])} | set(range(type_['size'] - tail, type_['size']))
    if ours != free:
        return None  # wrong, whatever pahole says: the fields' places agree, so the holes must follow
    if bit_fields:
        return 'bytes that no bit-field touches count as padding, not as bits of its unit'
    if any(f.get('kind') for f in type_['fields']):
        return 'fields in the tail of a base class, empty and virtual bases'
    if sum(theirs.holes) > type_['size']:
        return 'holes larger than the type, where fields overlap or come in another order'
    if any(s == 0 or s > type_['size'] for _, _, s in theirs.fields if s is not None):
        return 'sizes of members that pahole does not know'
    return None


def debug_file(library):
    build_id = re.search(r'Build ID: (\w\w)(\w+)', run('readelf', '-n', library).stdout)
    return f'/usr/lib/debug/.build-id/{build_id[1]}/{build_id[2]}.debug'


def libraries():
    folder = '/usr/lib/x86_64-linux-gnu'
    for name in ['libc.so.6', 'libm.so.6', 'ld-linux-x86-64.so.2', 'libresolv.so.2']:
        yield name, debug_file(os.path.join(folder, name))
    yield 'libstdc++', os.path.join(folder, 'debug', 'libstdc++.so.6')
    yield 'python3.11d', '/usr/bin/python3.11d'
    # Not heapatlas itself: it has both of libunwind's archives, in which structs of one name and size differ.
    for name in ['heapatlas-export', 'heapatlas-gui']:
        yield name, os.path.join(BUILD, 'app', name)
    # Public structs of GTK and its libraries, as this project's window includes them; and those of a C++ library.
    flags = run('pkg-config', '--cflags', 'gtk4', 'libadwaita-1', 'gtksourceview-5', 'gio-unix-2.0').stdout.split()
    open(path('public.c'), 'w').write('#include <adwaita.h>\n#include <gtk/gtk.h>\n#include <gtksourceview/gtksource.h>\n#include <gio/gunixsocketaddress.h>\nint main (void) { return 0; }\n')
    yield "GTK's headers", compiled('public', path('public.c'), ['gcc', '-g', '-fno-eliminate-unused-debug-types', *flags])
    open(path('json.cpp'), 'w').write('#include <nlohmann/json.hpp>\nint main () { return (int) nlohmann::json::parse ("[1,2,{}]").size (); }\n')
    yield 'nlohmann-json', compiled('json', path('json.cpp'), ['g++', '-g', '-fno-eliminate-unused-debug-types'])


@check
def five_thousand_types_equal_paholes():
    total, unexplained, classes = 0, [], collections.Counter()
    for what, file in libraries():
        ours = collections.defaultdict(list)
        for type_ in types_of(file):
            ours[last_part(type_['name'])].append(type_)
        seen, equal_here = set(), 0
        for theirs in pahole.types_of(file):
            key = theirs.name, theirs.size, tuple(theirs.fields)
            if key in seen or not theirs.name:
                continue
            seen.add(key)
            if not theirs.fields and theirs.keyword == 'union':
                classes['members of a transparent union, which pahole leaves out'] += 1
                continue
            same = [t for t in ours.get(theirs.name, []) if theirs.size in (None, t['size']) and same_fields(theirs, t)]
            if not same and theirs.is_typedef and theirs.name == 'type' and what == 'nlohmann-json':
                classes["std's typedefs of lambdas, which have no name with us"] += 1
                continue
            if not same:
                unexplained.append((what, theirs.name[:200], theirs.size, theirs.fields[:20], [(t['size'], list(our_fields(t, [], {}))[:20]) for t in ours.get(theirs.name, [])[:3]]))
                continue
            reasons = [same_padding(theirs, t) for t in same] if theirs.keyword != 'union' else ['']
            if '' in reasons:
                equal_here += 1
            elif any(reasons):
                classes[next(r for r in reasons if r)] += 1
                equal_here += 1  # in size and fields, and the padding follows from them
            else:
                unexplained.append((what, theirs.name[:200], theirs.holes, theirs.padding, same[0]['holes'], same[0]['tail_padding']))
        print(f'# {what}: {equal_here} types', flush=True)
        total += equal_here
    for reason, n in classes.most_common():
        print(f'# {n} times: {reason}', flush=True)
    assert not unexplained, f'{len(unexplained)} differ: ' + '\n'.join(map(str, unexplained[:8]))
    print(f'# {total} types in all, {classes[EMPTY]} of them empty', flush=True)
    assert total - classes[EMPTY] >= 5000, total


# ---- the command ----

@check
def json_has_the_keys_of_the_contract():
    answer = answer_of(target('steady'))
    equal(set(answer), {'process', 'types', 'generics'}, 'answer')
    equal(answer['process'], None, 'a file is no process')
    for type_ in types_of(os.path.join(BUILD, 'app', 'heapatlas')):
        equal(set('name language size align fields holes tail_padding best_size variants live_count wasted_live_bytes'.split()) - set(type_), set(), type_['name'])
        equal((type_['live_count'], type_['wasted_live_bytes']), (None, None), 'what is not known is null')
        assert type_['best_size'] <= type_['size'], type_
        for field in type_['fields']:
            equal(set('name type offset size align'.split()) - set(field), set(), 'field')
        used = sum(h['size'] for h in type_['holes']) + type_['tail_padding']
        assert used <= type_['size'], type_


@check
def names_find_types():
    file = compiled('cxx-g++', os.path.join(SOURCES, 'types-cxx.cpp'), ['g++', '-g', '-O1', '-w', '-std=c++20'])
    equal([t['name'] for t in types_of(file, 'Outer::Inner')], ['Outer::Inner'], 'in full')
    equal([t['name'] for t in types_of(file, 'Inner')], ['Outer::Inner'], 'without scopes')
    equal([t['name'] for t in types_of(file, 'Box')], ['Box<double>', 'Box<int>'], 'without arguments')
    equal([(t['name'], t['size']) for t in types_of(file, 'long int')], [('long int', 8)], 'a base type')
    equal([(t['name'], t['kind']) for t in types_of(file, 'Named')], [('Named', 'struct')], 'a struct that a typedef names')
    done = run(HEAPATLAS, 'types', file, 'NoSuchType')
    equal((done.returncode, done.stdout, done.stderr.count('\n')), (3, '', 1), 'no such type')
    text = run(HEAPATLAS, 'types', file, 'Padded').stdout
    for words in ['32 bytes, aligned to 8', 'hole', '17 of 32 bytes are padding', 'Best order: 16 bytes, saves 16', 'b, d, a, c, e']:
        assert words in text, text
    table = run(HEAPATLAS, 'types', file).stdout
    assert 'Padded' in table and all(len(l) <= 80 for l in table.split('\n')), table


@check
def one_name_finds_what_reading_all_finds():
    """With a name only the units are read that may have it; JSON tells generics, too, and reads all."""
    random = __import__('random').Random(1)
    for file in [target('typed-cxx-O0'), target('typed-c-O2'), target('count-rust'), HEAPATLAS]:
        names = {t['name'] for t in types_of(file)}
        names = [n for n in sorted(names) if len(n) < 200]
        parts = sorted({last_part(n).split('<')[0] for n in names if '{' not in n})
        for name in random.sample(names, min(len(names), 12)) + random.sample(parts, min(len(parts), 12)) + ['int', 'char *', 'guint32', 'size_type', 'nothing_of_that_name']:
            text = run(HEAPATLAS, 'types', file, name)
            found = re.findall(r'^  (C|C\+\+|Rust|other), (\d+) bytes?, aligned to (\d+)', text.stdout, re.M)
            answer = run(HEAPATLAS, 'types', file, name, '--json')
            wanted = [(t['language'], str(t['size']), str(t['align'])) for t in json.loads(answer.stdout)['types']] if answer.stdout else []
            equal(found, wanted, f'{file}: {name}')


@check
def declarations_find_their_definitions():
    for name, text in [('decl-a.c', 'struct part; struct whole { struct part *p; }; struct whole w; int get (struct part *); int main (void) { return get (w.p); }'),
                       ('decl-b.c', 'struct part { char a; long b; }; int get (struct part *p) { return p ? p->b : 0; }')]:
        open(path(name), 'w').write(text)
    equal(run('gcc', '-g', path('decl-a.c'), path('decl-b.c'), '-o', path('decl')).returncode, 0, 'gcc')
    ours = {t['name']: t for t in types_of(path('decl'))}
    equal(ours['part']['size'], 16, 'part')
    equal(ours['whole']['fields'][0]['type'], 'part *', 'whole')
    # Two that share a name are two; the same one in two units is one.
    open(path('decl-c.c'), 'w').write('struct part { int n[7]; }; struct part other; struct whole { struct part *p; }; struct whole v;')
    equal(run('gcc', '-g', path('decl-a.c'), path('decl-b.c'), path('decl-c.c'), '-o', path('decl3')).returncode, 0, 'gcc')
    names = sorted((t['name'], t['size']) for t in types_of(path('decl3')))
    equal(names, [('part', 16), ('part', 28), ('whole', 8)], 'types of three units')


@check
def stripped_files_say_so_in_one_line():
    file = path('stripped')
    shutil.copy(target('steady'), file)
    equal(run('strip', file).returncode, 0, 'strip')
    for options in [[], ['--json'], ['Anything'], ['Anything', '--json']]:
        done = run(HEAPATLAS, 'types', file, *options)
        equal((done.returncode, done.stderr.count('\n')), (0, 1), f'{options}: {done.stderr}')
        assert '-g' in done.stderr and file in done.stderr, done.stderr
        if '--json' in options:
            equal(json.loads(done.stdout), {'process': None, 'types': [], 'generics': None}, 'JSON')
    done = run(HEAPATLAS, 'types', '/bin/true')
    assert 'install the -dbgsym or -dbg package of true' in done.stderr, done.stderr


@check
def types_of_a_recording():
    trace = path('types.heapatlas')
    equal(record(trace, target('churn'), '1000', '20', '1', options=['-q']).returncode, 0, 'record')
    answer = answer_of(trace)
    equal(answer['process'], 0, 'process')
    equal([t['name'] for t in answer['types']], [t['name'] for t in types_of(target('churn'))], 'the types of the program itself')
    totals = [answer[key] for key in ('time_ns', 'live_blocks', 'live_bytes', 'known_blocks', 'known_bytes')]
    assert all(isinstance(n, int) for n in totals) and totals[3] <= totals[1] and totals[4] <= totals[2], totals
    for type_ in answer['types']:
        lost = sum(h['size'] for h in type_['holes']) + type_['tail_padding']
        equal((type_['live_bytes'], type_['wasted_live_bytes']), (type_['live_count'] * type_['size'], type_['live_count'] * lost), type_['name'])
    done = run(HEAPATLAS, 'types', trace, '--process', '7')
    equal((done.returncode, done.stderr.count('\n')), (2, 1), done.stderr)
    trace = path('true.heapatlas')
    record(trace, '/bin/true', options=['-q'])
    done = run(HEAPATLAS, 'types', trace)
    equal((done.returncode, done.stdout, done.stderr.count('\n')), (0, '', 1), 'a stripped program')


@check
def live_objects_are_counted():
    """Those in others, too; at any instant; and where the binary is gone."""
    trace, file = path('live.heapatlas'), path('live')
    shutil.copy(target('typed-cxx-O0'), file)
    equal(record(trace, file, options=['-q']).returncode, 0, 'record')
    wanted = {'house::Link': (4, 24), 'house::Node': (4, 16), 'std::shared_ptr<house::Node>': (4, 0), 'std::_List_node<int>': (3, 12)}
    held = {t['name']: t for t in types_of(trace, '--at', 'mark:held')}
    for name, counts in wanted.items():
        equal((held[name]['live_count'], held[name]['wasted_live_bytes']), counts, name)
    first = {t['name']: t for t in types_of(trace, '--at', '0s')}
    equal([first[name]['live_count'] for name in wanted], [0] * len(wanted), 'at the start')
    lines = run(HEAPATLAS, 'types', trace, '--at', 'mark:held').stdout.splitlines()
    assert all(len(l) <= 80 for l in lines), lines
    assert re.fullmatch(r'\d+ live at .*: .* of known type \(\d+ %\), .* lost to padding', lines[1]), lines[1]
    assert re.match(r' +32 B +8 +128 B +16 +4 +house::Shape', lines[4]) and re.match(r' +24 B +4 +96 B +24 +6 +house::Link', lines[5]), lines[4:6]
    os.remove(file)
    done = run(HEAPATLAS, 'types', trace, '--at', 'mark:held', '--json')
    kept = {t['name']: t for t in json.loads(done.stdout)['types']}
    equal((done.returncode, done.stderr.count('\n')), (0, 1), done.stderr)
    for name, counts in wanted.items():
        equal((kept[name]['live_count'], kept[name]['wasted_live_bytes'], kept[name]['fields']), (*counts, held[name]['fields']), f'{name} without the binary')


# Types of one name in two units, each by its first field: where it is defined, and what one of it loses to padding.
NAMESAKES = {'node': {'tag': ('namesakes.c', 'struct node', 11), 'weight': ('namesakes-other.c', 'struct node', 0)},
             'item': {'id': ('namesakes.c', 'typedef struct', 0), 'code': ('namesakes-other.c', 'typedef struct', 7)},
             'pair': {'a': (None, None, 0)}}


def place_of(file, text):
    return (file, open(os.path.join(SOURCES, file)).read().splitlines().index(text) + 1) if file else (None, None)


@check
def types_of_one_name_are_told_apart():
    program, trace, picture = path('namesakes'), path('namesakes.heapatlas'), path('namesakes.pdf')
    shutil.copy(target('namesakes'), program)
    truth = json.loads(record(trace, program, options=['-q']).stdout)
    for file in [program, trace, trace]:
        of = {name: {t['fields'][0]['name']: t for t in types_of(file) if t['name'] == name} for name in NAMESAKES}
        for name, wanted in NAMESAKES.items():
            places = {field: place_of(*where[:2]) for field, where in wanted.items()}
            equal({field: (t.get('file') and os.path.basename(t['file']), t.get('line')) for field, t in of[name].items()}, places, f'places of {name}')
            if file == trace:
                live = dict(zip(wanted, truth[name]))
                equal({field: t['live_count'] for field, t in of[name].items()}, live, f'live objects of {name}')
                equal({field: t['wasted_live_bytes'] for field, t in of[name].items()}, {field: live[field] * wanted[field][2] for field in live}, 'padding')
            for unit, line in places.values():
                label = f'{name} at {unit}:{line}' if unit else name
                assert any(row.endswith(f'  {label}') for row in run(HEAPATLAS, 'types', file).stdout.splitlines()), label
                one = run(HEAPATLAS, 'types', file, label).stdout
                equal(one.count('struct '), 1, f'types {label}: {one}')
                assert one.startswith(f'struct {label}\n'), one
        if file == trace and os.path.exists(program):
            os.remove(program)  # the trace alone says the same
    # Reports and graphs say the same names, and find them.
    nodes = {f'node at {unit}:{line}': n for (unit, line), n in zip((place_of(*where[:2]) for where in NAMESAKES['node'].values()), truth['node'])}
    rows = [row.split() for row in run(HEAPATLAS, 'report', trace, '--by', 'type').stdout.splitlines() if row.startswith('  node')]
    equal({' '.join(row[:3]): int(row[3]) for row in rows}, nodes, 'report --by type')
    graph = json.loads(run(HEAPATLAS, 'graph', trace, '--json').stdout)
    equal({label: sum(n['type'] == label for n in graph['nodes']) for label in nodes}, nodes, 'nodes of the graph')
    for name, n in [*nodes.items(), ('node', sum(nodes.values()))]:
        found = json.loads(run(HEAPATLAS, 'graph', trace, '--json', '--depth', '0', '--type', name).stdout)
        equal(len(found['nodes']), n, f'graph --type "{name}"')
    equal(run(HEAPATLAS, 'export', trace, '--view', 'types', '-o', picture).returncode, 0, 'export')
    text = ' '.join(run('pdftotext', '-layout', picture, '-').stdout.split())
    for unit, line in [place_of('namesakes.c', 'struct node'), place_of('namesakes-other.c', 'typedef struct')]:
        assert f' at {unit}:{line}' in text, text


UNIT_A = """#include <stdlib.h>
void *opaque (size_t);
struct node { char tag; struct node *next; int value; };
struct list { struct node *head; long n; } *list_a;
void make_a (int n) { list_a = calloc (1, sizeof *list_a);
  for (; n > 0; n--) { struct node *p = opaque (sizeof *p); p->next = list_a->head; list_a->head = p; } }
"""
UNIT_B = """#include <stdlib.h>
void *opaque (size_t);
struct node { double weight; struct node *left, *right; };
struct LIST { struct node *head; long n; } *list_b;
void make_b (int n) { list_b = calloc (1, sizeof *list_b);
  for (; n > 0; n--) { struct node *p = opaque (sizeof *p); p->left = list_b->head; list_b->head = p; } }
"""
MAIN = """#include <stdlib.h>
void make_a (int); void make_b (int);
__attribute__ ((noinline)) void *opaque (size_t n) { return calloc (1, n); }
int main (void) { make_a (3); make_b (5); return 0; }
"""


@check
def no_pointer_makes_one_type_of_two():
    """Two units have the same struct list of nodes of their own: what it leads to is one of two types, and so not known."""
    for name, wanted in [('list', [0, 0]), ('tree', [3, 5])]:
        for unit, source, debug in [('a', UNIT_A, '-g'), ('b', UNIT_B.replace('LIST', name), '-g'), ('main', MAIN, '-g0')]:
            open(path(f'{name}-{unit}.c'), 'w').write(source)
            equal(run('gcc', debug, '-O0', '-c', path(f'{name}-{unit}.c'), '-o', path(f'{name}-{unit}.o')).returncode, 0, 'gcc')
        equal(run('gcc', *(path(f'{name}-{unit}.o') for unit in ('a', 'b', 'main')), '-o', path(name)).returncode, 0, 'gcc')
        equal(record(path(name + '.heapatlas'), path(name), options=['-q']).returncode, 0, 'record')
        found = {t['fields'][0]['name']: t['live_count'] for t in types_of(path(name + '.heapatlas')) if t['name'] == 'node'}
        equal([found['tag'], found['weight']], wanted, f'live nodes, struct {name}')


@check
def wrong_use():
    open(path('noise'), 'wb').write(b'noise' * 100)
    for command, status in [([], 2), ([target('steady'), 'a', 'b'], 2), ([target('steady'), '--process', '-3'], 2), ([target('steady'), '--at', 'end'], 2), ([path('missing')], 3), ([path('noise')], 3), ([TMP], 3)]:
        done = run(HEAPATLAS, 'types', *command)
        equal((done.returncode, done.stderr.count('\n')), (status, 1), f'{command}: {done.stderr}')


@check
def damaged_debug_information():
    """Bytes of .debug_info and its abbreviations changed at random: an answer or an error, no crash, in time."""
    sources = [compiled('cxx-g++', os.path.join(SOURCES, 'types-cxx.cpp'), ['g++', '-g', '-O1', '-w', '-std=c++20']), next(file for what, file in rust_programs())]
    r = random.Random(int(os.environ.get('HAT_SEED', '1')))
    for file in sources:
        whole = open(file, 'rb').read()
        sections = re.findall(r' (\.debug_(?:info|abbrev))\s+PROGBITS\s+\S+\s+(\w+)\s+(\w+)', run('readelf', '-SW', file).stdout)
        assert len(sections) == 2, sections
        for _ in range(25):
            data = bytearray(whole)
            for _, offset, size in sections:
                for _ in range(r.choice([1, 5, 200])):
                    data[int(offset, 16) + r.randrange(min(int(size, 16), 40000))] = r.choice([0, 1, 0x7f, 0xff, r.randrange(256)])
            open(path('damaged'), 'wb').write(data)
            done = run(HEAPATLAS, 'types', path('damaged'), '--json', timeout=60)
            assert done.returncode in (0, 3), f'{file}: {done.returncode} {done.stderr[-300:]}'


main()
