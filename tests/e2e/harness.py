# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a TAP runner, the paths of a build, recording and reading back.

A test file decorates its cases with @check and ends with main(). Build folder: $HAT_BUILD; source: found from here.
Nothing waits for a clock: what is waited for comes, or until() gives up long after any machine would have done it."""
import contextlib, ctypes, functools, json, os, re, shutil, signal, subprocess, sys, tempfile, time, traceback

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
    """Runs every check (or those named on the command line), one TAP line each; ends what they have left running."""
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans become ours
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
    end_children()
    shutil.rmtree(TMP, ignore_errors=True)
    sys.exit(1 if bad else 0)


def children(pid='self'):
    with contextlib.suppress(OSError):
        return [int(child) for task in os.listdir(f'/proc/{pid}/task') for child in open(f'/proc/{pid}/task/{task}/children').read().split()]
    return []


def end_children():
    """A GTK program without a session bus starts one, and a settings service: they outlive it."""
    while left := children():
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def until(what, condition, seconds=300):
    """Returns what the condition gives as soon as that is something; an exception of the condition's ends the waiting."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f'{what}: not within {seconds} s'
        time.sleep(0.02)
    return value


def has_ended(pid):
    """Whether a process, which may be nobody's child any more, is gone."""
    try:
        return open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0] in 'ZX'
    except OSError:
        return True


@contextlib.contextmanager
def display():
    """The environment of a display of its own. (xvfb-run waits for ever if its server is ready before it looks.)"""
    sys.path.append(os.path.join(TOP, 'tests', 'gui'))
    from driver import start_display
    server, name = start_display()
    try:
        yield {'DISPLAY': name, 'GDK_BACKEND': 'x11'}
    finally:
        server.terminate()
        server.wait()


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


def matches(pattern, text):
    """Whether a name is what a pattern says: * is anything, \\* a star."""
    parts = re.split(r'(\\\*|\*)', pattern)
    return re.fullmatch(''.join('.*' if p == '*' else re.escape('*') if p == '\\*' else re.escape(p) for p in parts), text) is not None


@functools.cache
def rust_compilers():
    """{version: path} of Debian's compiler and those of the user."""
    places = ['/usr/bin/rustc', shutil.which('rustc'), os.path.expanduser('~/.cargo/bin/rustc')]
    found = {}
    for place in places:
        if place and os.path.exists(place):
            found.setdefault(run(place, '--version').stdout.strip(), place)
    assert found, 'no rustc'
    return found


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
