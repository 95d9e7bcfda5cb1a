#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The window, end to end, as a person with a pointer, a keyboard and a screen reader uses it: under Xvfb and openbox, found
through AT-SPI. Launches a program from the start page, watches it finish, selects a range, opens the leaks, selects a group
and reads its stack, exports a PNG, closes, opens the saved trace again. Then a screenshot of every view, light and dark,
large and small, into $HAT_SCREENSHOTS or gui-screenshots/ in the build folder.

Nothing waits for a clock: every step polls for what it needs until a generous deadline."""
import os, shutil, signal, subprocess, sys, tempfile, time, warnings

BUILD = os.path.realpath(os.environ.get('HAT_BUILD', 'build/tests'))
GUI = os.path.join(BUILD, 'app', 'heapatlas-gui')
LIBRARY = os.path.join(BUILD, 'data', 'examples', 'library')
STEADY = os.path.join(BUILD, 'tests', 'targets', 'steady')
SHOTS = os.environ.get('HAT_SCREENSHOTS', os.path.join(BUILD, 'gui-screenshots'))
DEADLINE = 60
SCREEN = 1280, 820
VIEWS = ['overview', 'map', 'blocks', 'calls', 'leaks', 'sizes', 'recording']


def start_display():
    """Xvfb picks a free number, so that tests may run side by side, and must not start over when its first client happens to
    leave before the second one comes (-noreset)."""
    read, write = os.pipe()
    server = subprocess.Popen(['Xvfb', '-displayfd', str(write), '-screen', '0', '%dx%dx24' % SCREEN, '-nolisten', 'tcp', '-noreset'],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as f:
        number = f.readline().strip()
    assert number, 'Xvfb did not start'
    return server, ':' + number


def outer():
    """Makes the display and the session bus, then runs itself inside."""
    home = tempfile.mkdtemp(prefix='heapatlas-gui-')
    server, display = start_display()
    env = dict(os.environ, DISPLAY=display, HAT_GUI_INNER='1', GDK_BACKEND='x11', GSK_RENDERER='cairo', GSETTINGS_BACKEND='memory',
               LC_ALL='C.UTF-8', HOME=home, XDG_DATA_HOME=home + '/data', XDG_CACHE_HOME=home + '/cache',
               XDG_CONFIG_HOME=home + '/config', XDG_RUNTIME_DIR=home + '/run', GTK_A11Y='atspi', NO_AT_BRIDGE='0', G_DEBUG='')
    env.pop('WAYLAND_DISPLAY', None)
    for folder in ('data', 'cache', 'config', 'run'):
        os.mkdir(os.path.join(home, folder), 0o700)
    try:
        return subprocess.run(['dbus-run-session', '--', '/usr/bin/python3', os.path.abspath(__file__)], env=env).returncode
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(home, ignore_errors=True)


def poll(what, function, deadline=DEADLINE):
    end = time.monotonic() + deadline
    while True:
        try:
            value = function()
        except Exception as error:  # objects vanish while we look at them
            value, last = None, error
        else:
            last = None
        if value:
            return value
        if time.monotonic() > end:
            screenshot('failed')
            raise AssertionError(f'{what}: not within {deadline} s ({last})')
        time.sleep(0.05)


def x(*command):
    subprocess.run(['xdotool', *map(str, command)], check=True, stdout=subprocess.DEVNULL)


def screenshot(name):
    os.makedirs(SHOTS, exist_ok=True)
    subprocess.run(['import', '-window', 'root', os.path.join(SHOTS, name + '.png')], check=False)


class App:
    def __init__(self, *arguments):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([GUI, *arguments], stderr=self.errors)
        self.frame = poll('the window appears', self.find_frame)

    def find_frame(self):
        if self.process.poll() is not None:
            sys.exit(f'the window ended with {self.process.returncode}: {self.said()}')
        desktop = Atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            app = desktop.get_child_at_index(i)
            if app and app.get_name() == 'heapatlas-gui' and app.get_process_id() == self.process.pid and app.get_child_count():
                return app.get_child_at_index(0)

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors='replace')

    def walk(self, node=None, depth=0):
        node = node or self.frame
        yield node
        if depth < 40:
            for i in range(min(node.get_child_count(), 300)):
                child = node.get_child_at_index(i)
                if child and self.shows(child):
                    yield from self.walk(child, depth + 1)

    def find(self, name, role=None, start=False):
        for node in self.walk():
            matches = node.get_name().startswith(name) if start else node.get_name() == name
            if matches and (role is None or node.get_role_name() == role) and self.shows(node):
                return node

    @staticmethod
    def shows(node):
        return node.get_state_set().contains(Atspi.StateType.VISIBLE)  # GTK 4.8 tells SHOWING of windows only

    def wait(self, name, role=None, start=False):
        return poll(f'"{name}" shows', lambda: self.find(name, role, start))

    def act(self, node, action):
        for i in range(node.get_n_actions()):
            if node.get_action_name(i) == action:
                assert node.do_action(i)
                return
        raise AssertionError(f'{node.get_name()} has no action {action}')

    @staticmethod
    def box(node):
        """In the coordinates of the window, inside its frame."""
        e = node.get_extents(Atspi.CoordType.WINDOW)
        return e.x, e.y, e.width, e.height

    def place(self, node):
        """On the screen, of a maximised window: without a compositor GTK keeps a frame of a few pixels."""
        left, top, width, height = self.box(node)
        _, _, all_width, all_height = self.box(self.frame)
        return left + (SCREEN[0] - all_width) // 2, top + (SCREEN[1] - all_height) // 2, width, height

    def click(self, node):
        left, top, width, height = self.place(node)
        x('mousemove', left + width // 2, top + height // 2, 'click', 1)

    def maximise(self):
        self.act(self.frame, 'window.toggle-maximized')
        poll('the window is maximised', lambda: self.box(self.frame)[2] >= SCREEN[0] - 30)

    def view(self, number):
        x('key', '--clearmodifiers', f'alt+{number}')

    def close(self):
        try:
            self.act(self.frame, 'window.close')
        except GLib.GError:
            pass  # it may be gone before it can answer
        poll('the window closes', lambda: self.process.poll() is not None)
        assert self.process.returncode == 0, self.process.returncode
        bad = [line for line in self.said().splitlines() if 'CRITICAL' in line or 'Gtk:ERROR' in line]
        assert not bad, bad[:5]


def recordings():
    folder = os.path.join(os.environ['XDG_DATA_HOME'], 'heapatlas', 'recordings')
    return sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith('.heapatlas')) if os.path.isdir(folder) else []


def launch_from_the_start_page(app):
    app.maximise()
    screenshot('start')
    entry = app.wait('Program')
    app.click(entry)
    x('type', '--delay', '2', LIBRARY)
    app.act(poll('the button can be pressed', lambda: next(
        (n for n in app.walk() if n.get_name() == 'Launch and Record' and n.get_role_name() == 'push button'
         and n.get_state_set().contains(Atspi.StateType.SENSITIVE)), None)), 'click')


def watch_it_finish(app):
    app.wait('Views', start=True)
    app.wait('Overview')
    poll('the title names the program', lambda: app.frame.get_name() == 'library')
    assert len(recordings()) == 1, recordings()


def select_a_range(app):
    timeline = app.wait('Heap timeline', start=True)
    left, top, width, height = app.place(timeline)
    x('mousemove', left + width // 3, top + 40, 'mousedown', 1)
    for step in range(1, 6):
        x('mousemove', left + width // 3 + step * 40, top + 40)
    x('mouseup', 1)
    app.wait('Clear the range', 'push button')
    poll('the range is told in words', lambda: any(' allocated in ' in n.get_name() for n in app.walk()))
    for action in ('timeline.zoom-to-range', 'timeline.step', 'timeline.fit', 'timeline.range-clear'):
        app.act(timeline, action)


def read_the_stack_of_a_leak(app):
    app.view(5)
    app.wait('Leak candidates', start=True)
    row = poll('a leak candidate', lambda: next((n for n in app.walk() if n.get_name().startswith('history_add,') and app.shows(n)), None))
    app.click(row)
    stack = app.wait('Stack')
    names = poll('the stack has frames', lambda: [stack.get_child_at_index(i).get_name() for i in range(stack.get_child_count())])
    assert any(n.startswith('history_add') for n in names) and any(n.startswith('main') for n in names), names
    app.wait('Source')
    screenshot('leak-selected')


def export_a_picture(app):
    target = os.path.join(os.environ['HOME'], 'leaks.png')
    app.act(app.frame, 'win.export')
    poll('the dialog opens', lambda: app.frame.get_parent().get_child_count() > 1)
    time.sleep(0.5)  # the name field takes the focus a moment after the dialog is there
    x('key', '--clearmodifiers', 'ctrl+a')
    x('type', '--delay', '2', target)
    x('key', 'Return')
    poll('the picture is written', lambda: os.path.exists(target) and os.path.getsize(target) > 1000)
    poll('it is a whole PNG', lambda: subprocess.run(['identify', target], capture_output=True).stdout.find(b'PNG 2560x1600') > 0)


def stop_a_recording_and_end_the_program(app):
    poll('the counters count', lambda: (n := app.find('Events: ', start=True)) and n.get_name() != 'Events: 0')
    assert app.wait('Lost: ', start=True).get_name() == 'Lost: 0'
    app.maximise()
    app.act(app.wait('Mark', 'push button'), 'click')
    screenshot('recording-light')
    app.act(app.wait('End Program', 'push button'), 'click')
    poll('the trace opens', lambda: app.find('Overview'))
    app.view(7)
    app.wait('Recording')


def tour(app, name):
    for number, view in enumerate(VIEWS, 1):
        app.view(number)
        poll(f'{view} has its answer', lambda: not any(n.get_name() == 'Working' and app.shows(n) for n in app.walk()))
        time.sleep(0.3)  # the frame after the answer
        screenshot(f'{view}-{name}')


def tours(trace):
    for scheme in ('light', 'dark'):
        for size in ('large', 'small'):
            os.environ['ADW_DEBUG_COLOR_SCHEME'] = 'prefer-dark' if scheme == 'dark' else 'prefer-light'
            app = App(trace)
            app.wait('Overview')
            if size == 'large':
                app.maximise()
            else:
                window = poll('the window is on the screen', lambda: subprocess.run(
                    ['xdotool', 'search', '--onlyvisible', '--name', '^library$'], capture_output=True, text=True).stdout.split())[0]
                x('windowsize', window, 640, 700)
                poll('the window is small', lambda: app.box(app.frame)[2] <= 680)
            tour(app, f'{scheme}-{size}')
            app.close()


def main():
    manager = subprocess.Popen(['openbox'], stderr=subprocess.DEVNULL)
    try:
        app = App()
        launch_from_the_start_page(app)
        watch_it_finish(app)
        select_a_range(app)
        read_the_stack_of_a_leak(app)
        export_a_picture(app)
        app.close()
        trace = recordings()[0]
        app = App(trace)
        app.wait('Overview')
        assert app.frame.get_name() == 'library', app.frame.get_name()
        app.close()
        app = App('--', STEADY, '0')
        stop_a_recording_and_end_the_program(app)
        app.close()
        app = App(__file__)  # not a trace
        app.wait('The Trace Could Not Be Opened')
        screenshot('error')
        app.close()
        tours(trace)
        print('window: all steps done, screenshots in', SHOTS)
        return 0
    finally:
        manager.send_signal(signal.SIGTERM)
        manager.wait()


if __name__ == '__main__':
    if 'HAT_GUI_INNER' not in os.environ:
        sys.exit(outer())
    warnings.simplefilter('ignore')
    import gi
    gi.require_version('Atspi', '2.0')
    from gi.repository import Atspi, GLib
    sys.exit(main())
