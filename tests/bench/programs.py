# SPDX-License-Identifier: Apache-2.0
"""The programs that the benchmarks run, and the build that they run with."""
import os, re, subprocess

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))


def build(directory):
    """Installs what the benchmarks need and makes a release build."""
    packages = [l.split('#')[0].strip() for f in ['app/packages.txt', 'tests/packages.txt'] for l in open(os.path.join(TOP, f))]
    wanted = [p for p in packages if p] + ['heaptrack', 'clang-14']
    missing = [p for p in wanted if subprocess.run(['dpkg-query', '-W', p], capture_output=True).returncode]
    if missing:
        print('Installing:', *missing)
        subprocess.run(['apt-get', '-qq', 'update'], check=True)
        subprocess.run(['apt-get', '-qq', 'install', '-y', '--no-install-recommends', *missing], check=True)
    if not os.path.exists(os.path.join(directory, 'build.ninja')):
        subprocess.run(['meson', 'setup', '--buildtype=release', '-Dtests=true', directory, TOP], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['ninja', '--quiet', '-C', directory], check=True)


def workloads(directory, temporary):
    """Name: command, goal for the ratio of added wall time, goal for bytes per event. The build's directory; one for the programs' input."""
    churn, words = os.path.join(directory, 'tests', 'targets', 'churn'), os.path.join(directory, 'tests', 'bench', 'words')
    source = os.path.join(temporary, 'big.cpp')
    with open(source, 'w') as f:
        f.write('#include <algorithm>\n#include <map>\n#include <regex>\n#include <string>\n#include <vector>\n'
                'int main () { std::map<std::string, std::vector<int>> m; m["a"].push_back (1); std::sort (m["a"].begin (), m["a"].end ());'
                ' return std::regex_match ("abc", std::regex ("a.c")) ? (int) m.size () : 0; }\n')
    cc1plus = subprocess.run(['g++', '-print-prog-name=cc1plus'], capture_output=True, text=True).stdout.strip()
    subprocess.run(['g++', '-E', source, '-o', source + '.ii'], check=True)
    clang = subprocess.run(['/usr/bin/clang-14', '-###', '-O1', '-c', source, '-o', '/dev/null'], capture_output=True, text=True).stderr
    clang = [a.replace('\\"', '"') for a in re.findall(r'"((?:[^"\\]|\\.)*)"', [l for l in clang.splitlines() if '"-cc1"' in l][0])]
    repository = os.path.join(temporary, 'repository')
    subprocess.run(f'git init -q {repository} && cd {repository} && git config user.email a@b.c && git config user.name a && '
                   'for i in $(seq 300); do for k in 1 2 3 4 5 6 7; do echo "line $i" >> file$(((i * k) % 97)); done; git add .; '
                   'git commit -qm "commit $i"; done', shell=True, check=True)
    python = ('import json; d = [{"a": i, "b": str(i) * 3, "c": [i, i + 1.5]} for i in range(60000)]; '
              '[len(json.loads(json.dumps(d))) for _ in range(6)]')
    sql = ('create table t (a integer primary key, b text); with recursive n (i) as (select 1 union all select i + 1 from n where i < 1500000) '
           'insert into t select i, hex (i * 7919) from n; create index x on t (b); select count (*) from t;')
    return {
        'churn, depth 5': ([churn, '6000000', '5', '1'], 0.30, 2.8),
        'churn, depth 20': ([churn, '6000000', '20', '1'], 0.30, 2.8),
        'churn, depth 60': ([churn, '6000000', '60', '1'], 0.30, 2.8),
        'churn, 2 threads': ([churn, '6000000', '20', '2'], 0.30, 2.8),
        'churn, 4 threads': ([churn, '6000000', '20', '4'], 0.30, 2.8),
        'python3 json': (['/usr/bin/python3', '-c', python], 0.20, 0.4),
        'cc1plus -O1': ([cc1plus, '-quiet', '-O1', '-fpreprocessed', source + '.ii', '-o', '/dev/null'], 0.30, 1.3),
        'clang -cc1 -O1': (clang, 0.30, 2.0),
        'sqlite3 bulk insert': (['sqlite3', ':memory:', sql], 0.20, None),
        'git log --stat': (['git', '-C', repository, 'log', '--stat'], 0.20, None),
        'Rust words': ([words, '60'], 0.20, None),
    }
