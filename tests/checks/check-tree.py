#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Facts about the tree: who may include what (the table of the design), no include cycles, a licence line in every file,
an untouched top level."""
import os, re, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'e2e'))
from harness import check, main, TOP

MAY = {  # folder: own project folders it may include besides itself
    'core/wire': set(),
    'core/hook': {'core/wire'},
    'core/trace': set(),
    'core/heap': {'core/trace'},
    'core/symbols': {'core/trace'},
    'core/types': {'core/trace', 'core/symbols'},
    'core/graph': {'core/trace', 'core/heap', 'core/types'},
    'core/record': {'core/wire', 'core/trace', 'core/heap', 'core/symbols', 'core/types'},
    'core/report': {'core/heap', 'core/trace', 'core/graph', 'core/types'},
    'ui/draw': {'core/heap', 'core/trace', 'core/graph', 'core/report', 'core/symbols', 'core/types'},
    'ui/views': {'ui/draw', 'core/heap', 'core/trace', 'core/graph', 'core/report', 'core/symbols', 'core/types'},
    'app': {'core/heap', 'core/trace', 'core/graph', 'core/report', 'core/symbols', 'core/types', 'core/record', 'ui/draw', 'ui/views'},
}
SYSTEM = {  # system headers by first folder that a folder may use beyond the C library
    'core/wire': set(), 'core/hook': set(),
    'core/trace': {'glib', 'zstd', 'xxhash'},
    'core/heap': {'glib'},
    'core/graph': {'glib'},
    'core/symbols': {'glib', 'elfutils', 'libelf', 'gelf', 'dwarf', 'libiberty', 'demangle'},
    'core/types': {'glib', 'elfutils', 'gelf', 'dwarf'},
    'core/record': {'glib', 'gio', 'glib-unix', 'libunwind'},
    'core/report': {'glib'},
    'ui/draw': {'glib', 'cairo', 'cairo-svg', 'cairo-pdf', 'pango'},
    'ui/views': {'glib', 'glib-object', 'gio', 'cairo', 'pango', 'gtk', 'gdk', 'adwaita', 'gtksourceview', 'graphene'},
    'app': {'glib', 'glib-object', 'gio', 'gtk', 'adwaita'},
}
LIBRARIES = {'glib', 'gio', 'glib-unix', 'glib-object', 'gobject', 'zstd', 'xxhash', 'elfutils', 'libelf', 'gelf', 'dwarf', 'libiberty', 'demangle', 'libunwind',
             'cairo', 'cairo-svg', 'cairo-pdf', 'pango', 'gtk', 'gdk', 'adwaita', 'gtksourceview', 'graphene', 'json-glib', 'sqlite3', 'graphviz'}


def sources():
    for root, dirs, names in os.walk(TOP):
        dirs[:] = [d for d in dirs if not d.startswith(('.', 'build', '__pycache__', 'heapatlas-out'))]
        for name in names:
            path = os.path.relpath(os.path.join(root, name), TOP)
            yield path


def folder_of(path):
    for folder in sorted(MAY, key=len, reverse=True):
        if path.startswith(folder + '/'):
            return folder
    return None


def includes(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as f:
        for line in f:
            m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if m:
                yield m.group(1), m.group(2)


@check
def includes_follow_the_table():
    bad = []
    for path in sources():
        folder = folder_of(path)
        if not folder or not path.endswith(('.c', '.h')):
            continue
        for kind, name in includes(path):
            if kind == '"':
                target = folder_of(name)
                # A name without a folder is the file's neighbour, or generated (resources).
                if '/' in name and target != folder and target not in MAY[folder] and name != 'core/heapatlas.h':
                    bad.append(f'{path}: "{name}"')
            else:
                first = re.sub(r'\.h$', '', name.split('/')[0])
                if first in LIBRARIES and first not in SYSTEM[folder]:
                    bad.append(f'{path}: <{name}>')
    assert not bad, '\n'.join(bad)


@check
def no_include_cycles():
    graph = {p: [n for k, n in includes(p) if k == '"' and os.path.exists(os.path.join(TOP, n))]
             for p in sources() if p.endswith(('.c', '.h'))}
    done, path = set(), []

    def visit(node):
        if node in path:
            raise AssertionError(' -> '.join(path[path.index(node):] + [node]))
        if node in done:
            return
        path.append(node)
        for n in graph.get(node, []):
            visit(n)
        path.pop()
        done.add(node)
    for node in list(graph):
        visit(node)


@check
def every_file_names_its_licence():
    bad = []
    for path in sources():
        if path.endswith(('.c', '.h', '.py', '.cpp', '.rs', '.build', '.sh', '.css', '.map', '/run')) or os.path.basename(path) == 'meson_options.txt':
            with open(os.path.join(TOP, path), encoding='utf-8') as f:
                if 'SPDX-License-Identifier: Apache-2.0' not in ''.join(f.readlines()[:3]):
                    bad.append(path)
    assert not bad, bad


@check
def top_level_is_as_designed():
    allowed = {'app', 'ui', 'core', 'data', 'tests', 'meson.build', 'meson_options.txt', 'README.md', 'LICENSE'}
    tracked = subprocess.run(['git', '-c', 'safe.directory=*', 'ls-files'], cwd=TOP, capture_output=True, text=True).stdout.split('\n')
    found = {p.split('/')[0] for p in tracked if p and not p.startswith('.')}
    assert found <= allowed, found - allowed


@check
def nothing_is_left_unfinished():
    bad = []
    for path in sources():
        if path.endswith(('.c', '.h')):
            with open(os.path.join(TOP, path), encoding='utf-8') as f:
                for n, line in enumerate(f, 1):
                    if re.search(r'\b(TODO|FIXME|XXX|HACK)\b', line):
                        bad.append(f'{path}:{n}')
    assert not bad, bad


@check
def tables_name_tests_that_exist():
    """"edges: `this`, `that`": what a table calls a test must stand in the file of those tests."""
    folders = {'unit': 'unit/test-{}.c', 'hook': 'hook/test-hook.py', 'risks': 'long/risks.py', 'stacks': 'long/check-stacks.py', 'applications': 'long/applications.py', 'gui': 'gui/run-gui-test.py'}
    n, bad = 0, []
    for table in ['hook/EDGE-CASES.md', 'long/RISKS.md']:
        with open(os.path.join(TOP, 'tests', table), encoding='utf-8') as f:
            text = f.read()
        for kind, unit, names in re.findall(r'\b([a-z]+)(?::([a-z-]+))?:? ((?:`[^`]+`(?:, | and )?)+)', text):
            path = os.path.join(TOP, 'tests', folders.get(kind, f'e2e/test-{kind}.py').format(unit))
            if not os.path.exists(path):
                continue
            with open(path, encoding='utf-8') as f:
                tests = f.read()
            for name in re.findall('`([^`]+)`', names):
                n += 1
                if name.rstrip('*') not in tests:
                    bad.append((table, kind, name))
    assert n > 80 and not bad, (n, bad)


main()
