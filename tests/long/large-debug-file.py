#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program with a debug file of many megabytes, without hours of compiling: FILE MEGABYTES. Compiles one C unit and one C++ unit,
and repeats their debug information as a linker would lay it out. The C units' types get names of their own, the C++ units' are
the same in each, as those of shared headers are."""
import os, re, struct, subprocess, sys, tempfile

target, megabytes = sys.argv[1], int(sys.argv[2])
STRUCTS = 2000
FILLERS = ['line', 'loclists', 'rnglists', 'aranges']  # not read for types, but a file has them


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def c_unit():
    for k in range(STRUCTS):
        yield (f'struct unit0_record{k} {{ char tag_{k % 97}; long value_{k}; struct unit0_record{max(k - 1, 0)} *next; short flags[{k % 9 + 1}]; double weight_{k % 31}; '
               f'unsigned int bits_{k % 7} : {k % 20 + 1}; void (*call_{k % 13}) (struct unit0_record{k} *, int); }};\n'
               f'static inline int unit0_function{k} (struct unit0_record{k} *r, int by) {{ int result = by * {k}; for (int i = 0; i < 3; i++) '
               f'{{ long partial = r->value_{k} + i; result += partial; }} return result; }}\n')
    yield 'int unit0 (void) { int sum = 0;\n' + ''.join(f'{{ struct unit0_record{k} r = {{ 0 }}; sum += unit0_function{k} (&r, {k}); }}\n' for k in range(STRUCTS)) + ' return sum; }\n'


CXX = '''#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>
int unit (const std::string &s) { std::map<std::string, std::vector<int>> m; m[s].push_back (1); std::unordered_map<int, std::shared_ptr<std::string>> u;
  u[1] = std::make_shared<std::string> (s); std::function<int (int)> f = [&] (int i) { return i + (int) u.size (); };
  std::sort (m[s].begin (), m[s].end ()); return f (m.size ()) + std::regex_match (s, std::regex ("a.c")); }
'''


class Unit:
    """The debug sections of an object file, and where in .debug_info offsets into the others stand."""

    def __init__(self, folder, name, source, compiler, *options):
        path = os.path.join(folder, name)
        open(path, 'w').write(source)
        subprocess.run([compiler, '-g', '-O2', *options, '-c', path, '-o', path + '.o'], check=True)
        self.sections = {}
        for section in ['info', 'abbrev', 'str', 'line_str', *FILLERS]:
            out = path + '.' + section
            run('objcopy', '-O', 'binary', '--set-section-flags', f'.debug_{section}=alloc', f'--only-section=.debug_{section}', path + '.o', out)
            self.sections[section] = open(out, 'rb').read() if os.path.exists(out) else b''
        self.places = {'str': [], 'line_str': [], 'abbrev': []}
        inside = False
        for line in run('readelf', '-rW', path + '.o').splitlines():
            if line.startswith('Relocation section'):
                inside = "'.rela.debug_info'" in line
            found = re.match(r'^(\w{16})\s+\w+\s+R_X86_64_32\s+\w+ \.debug_(\w+) \+ (\w+)', line)
            if inside and found and found[2] in self.places:
                self.places[found[2]].append((int(found[1], 16), int(found[3], 16)))


def patched(unit, bases):
    info = bytearray(unit.sections['info'])
    for section, base in bases.items():
        for at, offset in unit.places[section]:
            struct.pack_into('<I', info, at, base + offset)
    return info


with tempfile.TemporaryDirectory() as folder:
    c = Unit(folder, 'c.c', ''.join(c_unit()), 'gcc')
    cxx = Unit(folder, 'cxx.cpp', CXX, 'g++', '-fno-eliminate-unused-debug-types')
    files = {s: open(os.path.join(folder, s), 'wb') for s in ['info', 'abbrev', 'str', 'line_str', *FILLERS]}
    for section in ['abbrev', 'line_str', 'str']:
        files[section].write(c.sections[section] if section != 'str' else b'')
        files[section].write(cxx.sections[section])
    of_cxx = {'abbrev': len(c.sections['abbrev']), 'line_str': len(c.sections['line_str']), 'str': 0}
    again = patched(cxx, of_cxx)
    n = 0
    while sum(f.tell() for f in files.values()) < megabytes << 20:
        files['info'].write(patched(c, {'str': files['str'].tell(), 'line_str': 0, 'abbrev': 0}))
        files['str'].write(c.sections['str'].replace(b'unit0_', b'u%04d_' % n))
        for _ in range(3):
            files['info'].write(again)
        for section in FILLERS:
            files[section].write(c.sections[section] + cxx.sections[section] * 3)
        n += 1
    for f in files.values():
        f.close()
    main = os.path.join(folder, 'main.c')
    open(main, 'w').write('#include <stdlib.h>\nint main (void) { return malloc (1) == NULL; }\n')
    subprocess.run(['gcc', main, '-o', target], check=True)
    subprocess.run(['objcopy', *[f'--add-section=.debug_{s}={os.path.join(folder, s)}' for s in files], target], check=True)
    print(f'{n} C and {3 * n} C++ units, {n * STRUCTS} structs of their own')
