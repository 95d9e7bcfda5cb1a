# SPDX-License-Identifier: Apache-2.0
"""C and C++ programs of random types that print their own layout: sizeof, alignof, offsetof, and where the bits of a
bit-field lie. Deterministic: the same seed makes the same program."""
import random

PRINT = '''
#define TYPE(T) printf ("%s size %zu align %zu\\n", #T, sizeof (T), ALIGN (T));
#define FIELD(T, f) printf ("%s.%s %zu %zu\\n", #T, #f, __builtin_offsetof (T, f), sizeof (((T *) 0)->f));
#define BITS(T, f) do { union { T t; unsigned char b[sizeof (T)]; } u; memset (&u, 0, sizeof u); u.t.f = ~0ull; long first = -1, n = 0; \\
  for (unsigned long i = 0; i < 8 * sizeof (T); i++) if (u.b[i / 8] >> i % 8 & 1) { n++; if (first < 0) first = i; } \\
  printf ("%s.%s bits %ld %ld\\n", #T, #f, first, n); } while (0);
'''
SCALARS = ['char', 'short', 'int', 'long', 'long long', 'float', 'double', 'long double', 'void *', '_Bool', '__int128', 'unsigned char',
           'int (*)(int)', 'enum colour', '_Complex double']


def declare(kind, name):
    return kind.replace('(*)', f'(*{name})') if '(*)' in kind else f'{kind} {name}'


class Program:
    """`declarations` and `prints` of n types; `fields[type]` their names in order, as C wrote them."""

    def __init__(self, seed, n, is_plain=False):
        self.random, self.names, self.is_plain = random.Random(seed), [], is_plain
        self.declarations, self.prints, self.members = [], [], {}
        for i in range(n):
            self.add(f'T{i}')

    def member(self, i, path, is_packed):
        r = self.random
        name = f'{path}f{i}'
        what = r.uniform(0.34, 1) if self.is_plain else r.random()
        if what < 0.2:
            base, width = r.choice([('unsigned int', 32), ('unsigned char', 8), ('unsigned long', 64), ('unsigned short', 16), ('_Bool', 1)])
            return f'{base} {name} : {r.randint(1, width)};', [('bits', name)]
        if what < 0.24:
            return f'{r.choice(["unsigned int", "unsigned long"])} : {r.choice([3, 11] if is_packed else [0, 3, 11])};', []  # a packed struct with forced gaps cannot be told from pack(n)
        if what < 0.34 and path.count('_') < 2:
            inner, names = [], []
            for k in range(r.randint(1, 4)):
                text, its = self.member(k, f'{name}_', is_packed)
                inner.append(text)
                names += its
            if names:
                return f'{r.choice(["struct", "union"])} {{ {" ".join(inner)} }};', names
        kind = r.choice(SCALARS)
        if what < 0.5 and self.names:
            kind = f'struct {r.choice(self.names)}'
        text = declare(kind, name)
        if what > 0.8 and '(*)' not in kind:
            text += ''.join(f'[{r.randint(1, 5)}]' for _ in range(r.randint(1, 3)))
        if r.random() < 0.06:
            text += f' __attribute__ ((aligned ({r.choice([2, 4, 16, 32])})))'
        return text + ';', [('field', name)]

    def add(self, name):
        r = self.random
        attribute = r.choice([''] * 8 + ['__attribute__ ((packed)) ', '__attribute__ ((aligned (32))) '])
        members, fields = [], []
        for i in range(r.randint(1, 9)):
            text, its = self.member(i, '', 'packed' in attribute)
            members.append(text)
            fields += its
        if not any(kind == 'field' for kind, _ in fields):
            members.append('int last;')
            fields.append(('field', 'last'))
        if r.random() < 0.08:
            members.append('double rest[];')
            fields.append(('flexible', 'rest'))
        else:
            self.names.append(name)
        self.members[name] = members
        self.declarations.append(f'struct {attribute}{name} {{ {" ".join(members)} }};')
        lines = [f'TYPE (struct {name})']
        for kind, field in fields:
            lines.append({'bits': 'BITS', 'field': 'FIELD'}.get(kind, '//') + f' (struct {name}, {field})')
        self.prints.append('\n  '.join(lines))

    def source(self):
        return ('#include <stdio.h>\n#include <string.h>\n#ifdef __cplusplus\n#define ALIGN alignof\n#define _Bool bool\n#else\n#define ALIGN _Alignof\n#endif\n'
                'enum colour { red, green = 300 };\n' + PRINT + '\n'.join(self.declarations) + '\nint main (void)\n{\n  ' + '\n  '.join(self.prints)
                + '\n  return 0;\n}\n')


def said(output):
    """What such a program printed: {type: (size, align)}, {(type, field): ('field', offset, size) or ('bits', first, n)}."""
    types, fields = {}, {}
    for line in output.splitlines():
        words = line.removeprefix('struct ').split()
        if words[1] == 'size':
            types[words[0]] = (int(words[2]), int(words[4]))
        else:
            where = ('bits', int(words[2]), int(words[3])) if words[1] == 'bits' else ('field', int(words[1]), int(words[2]))
            fields[tuple(words[0].split('.', 1))] = where
    return types, fields
