# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a TAP runner, the paths of a build, recording and reading back.

A test file decorates its cases with @check and ends with main(). Build folder: $HAT_BUILD; source: found from here."""
import json, os, shutil, subprocess, sys, tempfile, traceback

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
BUILD = os.environ.get('HAT_BUILD', os.path.join(TOP, 'build', 'tests'))
HEAPATLAS = os.path.join(BUILD, 'app', 'heapatlas')
TARGETS = os.path.join(BUILD, 'tests', 'targets')
PYTHON = '/usr/bin/python3'

_checks = []
TMP = tempfile.mkdtemp(prefix='heapatlas-test-')
os.environ['XDG_CACHE_HOME'] = os.path.join(TMP, 'cache')  # what others have recorded here is not to matter


def check(function):
    _checks.append(function)
    return function


def main():
    """Runs every check (or those named on the command line), one TAP line each."""
    wanted = [c for c in _checks if not sys.argv[1:] or c.__name__ in sys.argv[1:]]
    print(f'1..{len(wanted)}', flush=True)
    bad = 0
    for number, case in enumerate(wanted, 1):
        name = case.__name__.replace('_', ' ')
        try:
            case()
            print(f'ok {number} {name}', flush=True)
        except Exception:
            bad += 1
            print(traceback.format_exc(), file=sys.stderr, flush=True)  # meson shows standard error of what failed
            print(f'not ok {number} {name}', flush=True)
    shutil.rmtree(TMP, ignore_errors=True)
    sys.exit(1 if bad else 0)


def path(name):
    return os.path.join(TMP, name)


def target(name):
    return os.path.join(TARGETS, name)


def run(*command, timeout=300, **options):
    """Runs and returns the finished process with text output; never raises for the exit status."""
    options.setdefault('stdin', subprocess.DEVNULL)
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors='replace', timeout=timeout, **options)


def record(trace, *command, options=(), **run_options):
    return run(HEAPATLAS, 'record', '-o', trace, *options, '--', *command, **run_options)


def report(trace, *options):
    """`report --json` as a dictionary."""
    done = run(HEAPATLAS, 'report', trace, '--json', *options)
    assert done.returncode == 0, f'report: {done.returncode} {done.stderr}'
    return json.loads(done.stdout)


def equal(actual, wanted, what):
    assert actual == wanted, f'{what}: {actual!r}, not {wanted!r}'


def same_behaviour(trace, *command, lost=0, options=(), compare_stderr=False, **run_options):
    """Records a program and compares stdout and exit status with a plain run. Returns the report."""
    plain = run(*command, **run_options)
    done = record(trace, *command, options=['-q', *options], **run_options)
    equal(done.returncode, plain.returncode, f'exit status of {command[0]} ({done.stderr[-500:]})')
    equal(done.stdout, plain.stdout, f'stdout of {command[0]}')
    if compare_stderr:
        equal(done.stderr, plain.stderr, f'stderr of {command[0]}')
    answer = report(trace)
    assert answer['trace']['complete'], 'the trace is not complete'
    for process in answer['processes']:
        equal(process['totals']['lost_events'], lost, f'lost events of {process["exe"]}')
    return answer


def sum_in(process, functions, key):
    """A cost summed over the sites whose stack contains one of the program's own functions."""
    return sum(site[key] for site in process['sites'] if any(f['function'] in functions for f in site['stack']))
