#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs in unusual situations (tests/hook/EDGE-CASES.md): they do what they do unrecorded, and nothing is lost."""
import os, shutil, signal, subprocess
from harness import *

CASES = target('edge-cases')


def library(name):
    return os.path.join(TARGETS, f'lib{name}.so')


def case(name, *arguments, **options):
    """Records a case; returns the report."""
    answer = same_behaviour(path(f'{name}.heapatlas'), CASES, name, *arguments, compare_stderr=True, **options)
    equal(answer['processes'][0]['exit_status'], 0, f'exit status of {name}')
    return answer


def own(answer, functions, key='allocations'):
    return sum(sum_in(process, functions, key) for process in answer['processes'])


def nothing_missing(answer):
    for process in answer['processes']:
        for key in 'unknown_frees', 'missed_frees':
            equal(process['totals'][key], 0, f'{key} of {process["argv"]}')
        equal(process['stack_quality']['truncated'], 0, f'truncated stacks of {process["argv"]}')


# ---- start-up ----

@check
def any_function_may_be_called_first():
    for function in ['malloc', 'calloc', 'realloc', 'reallocarray', 'posix_memalign', 'aligned_alloc', 'memalign', 'valloc', 'pvalloc',
                     'malloc_usable_size', 'free', 'fork', 'dlclose']:
        answer = case('first', function)
        equal(own(answer, ['own_blocks']), 1000, f'blocks after {function}')
        if function not in ('malloc_usable_size', 'free', 'fork', 'dlclose'):
            equal(own(answer, ['first']), 1, f'allocations of {function}')
        nothing_missing(answer)


@check
def static_tls_is_not_used_up():
    nothing_missing(case('library', library('edge-tls'), 'plain', 100))


# ---- completeness ----

@check
def children_that_nothing_tells_of_have_their_parents_blocks():
    answer = case('secret')
    equal(sorted(process['totals']['inherited_blocks'] for process in answer['processes']), [0, 500, 500, 1200], 'blocks that were inherited')
    equal(own(answer, ['own_blocks']), 500 + 700 + 50, 'allocations')
    nothing_missing(answer)


@check
def allocations_inside_the_c_library_are_seen():
    answer = case('internal')
    for function in ['own_strdup', 'own_asprintf', 'own_getline', 'own_memstream', 'own_directory']:
        assert own(answer, [function]) > 0, function
        equal(own(answer, [function], 'live_blocks'), 0, f'blocks left by {function}')
    equal(own(answer, ['own_strdup'], 'bytes'), 7, 'bytes of strdup')
    nothing_missing(answer)


@check
def pointers_to_malloc_are_recorded():
    answer = case('pointers')
    equal(own(answer, ['own_pointers']), 20, 'allocations')
    equal(own(answer, ['own_pointers'], 'live_blocks'), 0, 'live blocks')
    nothing_missing(answer)


@check
def another_interposer_keeps_working():
    told = path('interposer')
    env = {**os.environ, 'LD_PRELOAD': library('edge-interposer'), 'EDGE_INTERPOSER': told}
    answer = case('blocks', env=env)
    equal(own(answer, ['own_blocks']), 1000, 'allocations')
    assert int(open(told).read()) >= 1000, 'the other library saw them too'
    answer = same_behaviour(path('api.heapatlas'), target('hook-api'), env=env, compare_stderr=True)
    equal(answer['processes'][0]['exit_status'], 0, 'every function answers as without us')
    nothing_missing(answer)
    for value in ['', ' ', library('missing')]:
        answer = same_behaviour(path('preload.heapatlas'), CASES, 'blocks', env={**os.environ, 'LD_PRELOAD': value})
        equal(own(answer, ['own_blocks']), 1000, f'allocations with LD_PRELOAD={value!r}')


# ---- modules and stacks ----

@check
def libraries_that_do_not_see_us():
    plugin = library('hook-plugin-a')
    nothing_missing(case('library', plugin, 'plain', 100))
    # Their calls go to the C library at once: unseen; that the blocks come from nowhere is counted.
    answer = case('library', plugin, 'deepbind', 100)
    equal(answer['processes'][0]['totals']['unknown_frees'], 100, 'unknown frees of a deeply bound library')
    equal(own(answer, ['own_passing']), 10, 'allocations of the program')
    answer = case('library', plugin, 'namespace', 100)
    equal(own(answer, ['own_passing']), 10, 'allocations of the program')
    nothing_missing(answer)


@check
def libraries_of_two_threads_take_each_others_places():
    answer = case('reload', 2500, library('hook-plugin-a'), library('hook-plugin-b'))
    for site in answer['processes'][0]['sites']:
        functions = [f['function'] for f in site['stack']]
        assert 'plugin_allocate' not in functions or functions[1] == 'own_reload', functions
    equal(own(answer, ['own_reload', 'plugin_allocate']) >= 100000, True, 'allocations')
    nothing_missing(answer)


@check
def calls_at_the_end_of_a_function_and_wide_values():
    answer = case('stacks')
    equal(own(answer, ['own_ends_with_call']), 1, 'the function that ends with a call')
    equal(own(answer, ['with_doubles']), 1, 'doubles')
    equal(own(answer, ['with_wide']), 1, 'integers of 128 bits')
    nothing_missing(answer)


@check
def coroutines_near_the_main_stack():
    command = ['setarch', '-R', CASES, 'coroutines']
    equal(run(*command).stdout, 'near 1\n', 'as near as it gets')
    answer = same_behaviour(path('coroutines.heapatlas'), *command)
    equal(own(answer, ['own_passing']), 20, 'allocations')
    nothing_missing(answer)


@check
def deep_stacks_say_what_they_leave_out():
    trace = path('deep.heapatlas')
    equal(record(trace, target('hook-threads'), 'deep', 5000, options=['-q']).returncode, 0, 'status')
    process = report(trace)['processes'][0]
    equal(sum_in(process, ['own'], 'allocations'), 5001, 'allocations')
    longest = max(process['sites'], key=lambda site: site['allocations'])['stack']
    equal(len(longest), 256, 'frames of a cut stack: of 128 at each end one is ours, and the cut')


# ---- processes ----

@check
def images_without_our_environment_just_run():
    answer = case('exec')
    equal(own(answer, ['own_blocks']), 1000, 'allocations of the image that has it')


@check
def a_setuid_program_among_others_just_runs():
    os.chmod(TMP, 0o755)
    setuid = path('setuid')
    shutil.copy(CASES, setuid)
    os.chmod(setuid, 0o4755)
    answer = same_behaviour(path('setuid.heapatlas'), 'sh', '-c', f'{CASES} blocks; setpriv --reuid=65534 --clear-groups {setuid} stacks',
                            compare_stderr=True)
    equal(own(answer, ['own_blocks']), 1000, 'allocations of the first')


@check
def a_root_of_its_own_and_dropped_rights():
    root = path('root')
    os.makedirs(root)
    answer = case('chroot', root)
    equal(own(answer, ['own_passing']), 3000, 'allocations after chroot and setuid, in a thread and in a child')
    nothing_missing(answer)


@check
def all_descriptors_closed_and_taken():
    answer = case('descriptors')
    equal(own(answer, ['own_passing']), 3000, 'allocations')
    nothing_missing(answer)


@check
def limits_that_forbid_almost_everything():
    answer = case('limits')
    equal(own(answer, ['own_passing']), 3000, 'allocations')
    nothing_missing(answer)


@check
def little_memory_for_a_group_of_processes():
    # Rings count as the group's. Where the first version of control groups is not there, or not ours, there is nothing to try.
    group = f'/sys/fs/cgroup/memory/heapatlas-test-{os.getpid()}'
    try:
        os.mkdir(group)
    except OSError:
        return
    try:
        with open(f'{group}/memory.limit_in_bytes', 'w') as f:
            f.write('24M')
        enter = f'echo $$ >{group}/cgroup.procs && exec "$0" "$@"'
        answer = same_behaviour(path('group.heapatlas'), 'sh', '-c', enter, target('churn'), 400000, 20, 4)
        nothing_missing(answer)
        assert sum(process['totals']['allocations'] for process in answer['processes']) >= 200000
    finally:
        os.rmdir(group)


@check
def no_address_space_is_counted():
    trace = path('space.heapatlas')
    plain = run(CASES, 'address-space', 1 << 20)
    done = record(trace, CASES, 'address-space', 1 << 20)
    equal((done.returncode, done.stdout), (plain.returncode, plain.stdout), 'the program')
    process = report(trace)['processes'][0]
    missing = 4000 - sum_in(process, ['own_passing'], 'allocations')
    assert process['totals']['lost_events'] >= 2 * missing > 0, (missing, process['totals'])
    assert 'lost' in done.stderr, done.stderr


@check
def sandboxes():
    answer = case('sandbox')
    equal(own(answer, ['own_passing']), 200000, 'allocations with few system calls')
    equal(own(answer, ['own_blocks'], 'live_blocks'), 20010, 'live blocks')
    nothing_missing(answer)
    answer = case('sandbox-threads')
    equal(own(answer, ['own_passing']), 102000, 'allocations of threads with few system calls')
    nothing_missing(answer)


@check
def the_strict_sandbox_ends_the_recording():
    trace = path('strict.heapatlas')
    plain, done = run(CASES, 'strict'), record(trace, CASES, 'strict')
    equal((plain.returncode, plain.stdout), (3, 'in\n'), 'the program')
    equal((done.returncode, done.stdout), (3, 'in\n'), f'recorded ({done.stderr})')
    process = report(trace)['processes'][0]
    equal(sum_in(process, ['own_blocks'], 'allocations'), 10, 'allocations before')
    assert process['totals']['lost_events'] > 0 and 'lost' in done.stderr, 'it says that something is missing'


@check
def without_proc_a_program_just_runs():
    # Only /proc is made private: in a chroot, / is no mount.
    script = f'mount --make-private /proc && mount -t tmpfs none /proc && exec {CASES} stacks'
    command = ['unshare', '-m', '--propagation', 'unchanged', 'sh', '-c', script]
    equal(run(*command).returncode, 0, 'status')
    same_behaviour(path('proc.heapatlas'), *command, compare_stderr=True)


@check
def nobody_sees_that_we_are_there():
    case('state')


@check
def core_dumps_leave_our_memory_out():
    case('dump')


# ---- threads ----

@check
def more_threads_than_rings():
    """Or as many as the machine allows: hook: `more_threads_than_rings_that_are_left` is for any."""
    made = path('made')
    answer = case('threads', 4500, made)
    n = int(open(made).read())
    print(f'# {n} threads at once', flush=True)
    assert n > 0
    equal(own(answer, ['own_passing']), 2 * n, 'allocations')
    nothing_missing(answer)


@check
def names_of_threads_that_come_late():
    trace = path('names.heapatlas')
    recorder = subprocess.Popen([HEAPATLAS, 'record', '-q', '-o', trace, '--', CASES, 'names'], stdin=subprocess.PIPE)
    until('the name is seen', lambda: 'late-name' in run(HEAPATLAS, 'report', trace, '--by', 'thread').stdout)
    recorder.stdin.close()
    equal(recorder.wait(300), 0, 'status')
    assert 'late-name' in run(HEAPATLAS, 'report', trace, '--by', 'thread').stdout, 'the name is gone'
    nothing_missing(report(trace))


# ---- full rings ----

def is_asleep(pid):
    with open(f'/proc/{pid}/stat') as f:
        return f.read().rsplit(')', 1)[1].split()[0] == 'S'


def blocked(trace):
    """A recording whose target waits for a stopped recorder: the recorder, the target's marker."""
    marker = trace + '.done'
    recorder = subprocess.Popen([HEAPATLAS, 'record', '-q', '-o', trace, '--', CASES, 'forever', marker, '2000000'], stdin=subprocess.PIPE)

    def the_target():
        assert recorder.poll() is None, f'the recorder ended with {recorder.returncode}'
        for child in children(recorder.pid):
            with open(f'/proc/{child}/cmdline') as f:
                if f.read().startswith(CASES + '\0forever'):
                    return child
    pid = until('the target is there', the_target)
    until('its trace is there', lambda: os.path.exists(trace))
    until('it waits to be told', lambda: is_asleep(pid))
    recorder.send_signal(signal.SIGSTOP)
    recorder.stdin.write(b'x')
    recorder.stdin.close()

    def waits():
        assert not os.path.exists(marker), 'the target does not wait'
        seen.append(is_asleep(pid))
        return len(seen) > 5 and all(seen[-5:])
    seen = []
    until('the target waits', waits)
    return recorder, marker


@check
def a_stopped_recorder_loses_nothing():
    trace = path('stopped.heapatlas')
    recorder, marker = blocked(trace)
    recorder.send_signal(signal.SIGCONT)
    equal(recorder.wait(300), 0, 'status')
    answer = report(trace)
    equal(own(answer, ['own_passing']), 2000000, 'allocations')
    equal(answer['processes'][0]['totals']['lost_events'], 0, 'lost events')
    nothing_missing(answer)


@check
def a_recorder_killed_while_its_target_waits():
    trace = path('gone.heapatlas')
    recorder, marker = blocked(trace)
    recorder.kill()
    recorder.wait()
    until('the target goes on', lambda: os.path.exists(marker))
    equal(report(trace)['trace']['complete'], False, 'complete')


# ---- ends ----

@check
def what_exit_handlers_free_is_freed():
    answer = case('end')
    equal(own(answer, ['own_blocks']), 1001, 'allocations')
    equal(own(answer, ['own_blocks'], 'live_blocks'), 0, 'live blocks')
    nothing_missing(answer)


@check
def a_program_that_allocates_nothing():
    answer = same_behaviour(path('nothing.heapatlas'), '/bin/true')
    equal(len(answer['processes']), 1, 'processes')


main()
