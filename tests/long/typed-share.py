#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""typed-share.py [LANGUAGE...]: how much of a heap is of known type, at the peaks of real programs with debug information. Writes its table to
types.md beside it (of the languages named, else of all); fails if a language has less than is wanted of it.

Rust: crates of Debian's (serde_json, regex) in a program that parses and indexes. C++: nlohmann's JSON. C: Debian's python with debug
information, and our own command line. Needs librust-serde-json-dev, librust-regex-dev, cargo, nlohmann-json3-dev and python3.11-dbg."""
import collections, json, os, subprocess, sys, tempfile

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
HEAPATLAS = os.path.join(os.environ.get('HAT_BUILD', os.path.join(TOP, 'build', 'tests')), 'app', 'heapatlas')
WANTED = {'Rust': 90, 'C++': 80, 'C': 60}
TABLE = os.path.join(TOP, 'tests', 'long', 'types.md')
TMP = tempfile.mkdtemp(prefix='heapatlas-typed-')

RUST = '''
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
struct Word { text: String, places: Vec<usize>, lines: Vec<Rc<Line>> }
struct Line { number: usize, text: String }
fn main() {
    let text: String = (0..4000).map(|i| format!("line {} has word{} and name{} = {}\\n", i, i % 97, i % 1013, i * i)).collect();
    let names = regex::Regex::new(r"(?P<name>[a-z]+\\d*) = (?P<value>\\d+)").unwrap();
    let mut words: HashMap<String, Word> = HashMap::new();
    let mut values: BTreeMap<u64, Rc<Line>> = BTreeMap::new();
    for (number, l) in text.lines().enumerate() {
        let line = Rc::new(Line { number, text: l.to_string() });
        for (place, w) in l.split(' ').enumerate() {
            let word = words.entry(w.to_string()).or_insert_with(|| Word { text: w.to_string(), places: Vec::new(), lines: Vec::new() });
            word.places.push(place);
            word.lines.push(line.clone());
        }
        if let Some(c) = names.captures(l) { values.insert(c["value"].parse().unwrap(), line); }
    }
    let document = format!("[{}]", (0..3000).map(|i| format!("{{\\"id\\": {}, \\"tags\\": [\\"a\\", \\"b{}\\"], \\"inner\\": {{\\"x\\": null}}}}", i, i)).collect::<Vec<_>>().join(","));
    let parsed: serde_json::Value = serde_json::from_str(&document).unwrap();
    let n: usize = words.values().map(|w| w.text.len() + w.places.len() + w.lines.iter().map(|l| l.number + l.text.len()).sum::<usize>()).sum();
    println!("{} {} {}", n, values.len(), parsed.as_array().unwrap().len());
}
'''
CXX = r'''
#include <iostream>
#include <nlohmann/json.hpp>
using json = nlohmann::json;
struct Account { std::string name; std::vector<double> amounts; std::map<std::string, int> counts; std::shared_ptr<Account> parent; };
int main () {
  std::string text = "[";
  for (int i = 0; i < 4000; i++)
    text += (i ? "," : "") + std::string ("{\"id\": ") + std::to_string (i) + ", \"name\": \"a name that is longer than its string " + std::to_string (i) + "\", \"list\": [1, 2, {\"x\": true}]}";
  json parsed = json::parse (text + "]");
  std::vector<std::shared_ptr<Account>> accounts;
  for (auto &one : parsed) {
    auto account = std::make_shared<Account> ();
    account->name = one["name"].get<std::string> ();
    account->amounts.assign (one["id"].get<int> () % 7, 1.5);
    account->counts["list"] = (int) one["list"].size ();
    if (!accounts.empty ()) account->parent = accounts[accounts.size () / 2];
    accounts.push_back (account);
  }
  std::cout << parsed.size () << accounts.size () << parsed.dump ().size () << '\n';
}
'''
PYTHON = '''import json
class Node:
    def __init__(self, i): self.i, self.next, self.tags = i, None, ['t%d' % i, str(i)]
nodes = [Node(i) for i in range(6000)]
for a, b in zip(nodes, nodes[1:]): a.next = b
data = json.loads(json.dumps([{'id': i, 'name': 'n%d' % i, 'inner': {'x': [i, i + 0.5]}} for i in range(6000)]))
print(len(nodes), len(data))'''


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    assert done.returncode == 0, f'{command}: {done.stderr[-3000:]}'
    return done.stdout


def path(name):
    return os.path.join(TMP, name)


def built_rust(profile):
    folder = path('rust')
    os.makedirs(os.path.join(folder, 'src'), exist_ok=True)
    os.makedirs(os.path.join(folder, '.cargo'), exist_ok=True)
    open(os.path.join(folder, 'src', 'main.rs'), 'w').write(RUST)
    open(os.path.join(folder, '.cargo', 'config.toml'), 'w').write(
        '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "/usr/share/cargo/registry"\n')
    open(os.path.join(folder, 'Cargo.toml'), 'w').write(
        '[package]\nname = "words"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nserde_json = "1"\nregex = "1"\n[profile.release]\ndebug = 2\n')
    run('/usr/bin/cargo', 'build', '--offline', '-q', *(['--release'] if profile == 'release' else []), cwd=folder,
        env={**os.environ, 'RUSTC': '/usr/bin/rustc', 'CARGO_HOME': path('cargo')})
    return [os.path.join(folder, 'target', profile, 'words')]


def built_cxx(level):
    source, out = path('json.cpp'), path(f'json{level}')
    open(source, 'w').write(CXX)
    run('g++', '-g', level, '-std=c++17', source, '-o', out)
    return [out]


def programs():
    yield 'Rust', 'serde_json and regex, release', lambda: built_rust('release'), {}
    yield 'Rust', 'serde_json and regex, debug', lambda: built_rust('debug'), {}
    yield 'C++', 'nlohmann-json, -O2', lambda: built_cxx('-O2'), {}
    yield 'C++', 'nlohmann-json, -O0', lambda: built_cxx('-O0'), {}
    trace = path('of-python.heapatlas')
    run(HEAPATLAS, 'record', '-q', '-o', trace, '--', '/usr/bin/python3', '-S', '-c', PYTHON, env={**os.environ, 'PYTHONMALLOC': 'malloc'})
    yield 'C', 'heapatlas report', lambda: [HEAPATLAS, 'report', trace], {}
    yield 'C', 'heapatlas leaks', lambda: [HEAPATLAS, 'leaks', trace], {}
    yield 'C', 'python3.11d, json and objects', lambda: ['/usr/bin/python3.11d', '-S', '-c', PYTHON], {'PYTHONMALLOC': 'malloc', 'PYTHONHASHSEED': '1'}


def of_peak(trace):
    """The blocks of the snapshot at the peak."""
    for index in range(100):
        graph = json.loads(run(HEAPATLAS, 'graph', trace, '--json', '--snapshot', str(index)))
        if json.loads(run(HEAPATLAS, 'leaks', trace, '--json', '--snapshot', str(index)))['processes'][0]['snapshot']['reason'] == 'peak':
            return graph['nodes'], graph['stacks']


def main():
    rows, short = [], []
    rest = ''.join(open(TABLE).read().partition('\n## ')[1:])
    known_rows = {line.split('|')[2].strip(): line.strip() for line in open(TABLE) if line.startswith('| ')}
    for language, what, builder, environment in programs():
        if sys.argv[1:] and language not in sys.argv[1:]:
            rows += [known_rows[what]] if what in known_rows else []
            continue
        command = builder()
        trace = path('t.heapatlas')
        run(HEAPATLAS, 'record', '-q', '--snapshot-at-peak', '-o', trace, '--', *command, env={**os.environ, **environment})
        by_stack = json.loads(run(HEAPATLAS, 'types', trace, '--json', '--at', 'peak'))
        nodes, stacks = of_peak(trace)
        live, known = sum(n['size'] for n in nodes), sum(n['size'] for n in nodes if n['type'])
        share, stack_share = 100 * known / live, 100 * by_stack['known_bytes'] / by_stack['live_bytes']
        wanted = WANTED[language]
        rows.append(f'| {language} | {what} | {live / 2**20:.1f} MiB | {share:.1f} % | {stack_share:.1f} % | {wanted} % |')
        print(rows[-1], flush=True)
        if share < wanted:
            short.append(f'{what}: {share:.1f} %')
            unknown = collections.Counter()
            for node in nodes:
                if not node['type']:
                    unknown[node['stack']] += node['size']
            for stack, size in unknown.most_common(6):
                print('   ', size, ' < '.join(f['function'][:40] for f in stacks[stack][:5]), file=sys.stderr)
    with open(TABLE, 'w') as file:
        file.write('# Blocks of known type\n\nThe table that `tests/long/typed-share.py` wrote last: shares of the bytes that were live in the snapshot at the peak.\n\n'
                   '| language | program | live | of known type | as `types --at peak` counts | wanted |\n|---|---|---|---|---|---|\n' + '\n'.join(rows) + '\n' + rest)
    subprocess.run(['rm', '-rf', TMP])
    sys.exit('short: ' + ', '.join(short) if short else 0)


main()
