# SPDX-License-Identifier: Apache-2.0
"""The window under a display of its own, driven as by a person: found through AT-SPI, moved by xdotool. Nothing waits for a clock:
every step polls for what it needs until a generous deadline."""
import os, shutil, subprocess, sys, tempfile, time

BUILD = os.path.realpath(os.environ.get('HAT_BUILD', 'build/tests'))
GUI = os.path.join(BUILD, 'app', 'heapatlas-gui')
SHOTS = os.environ.get('HAT_SCREENSHOTS', os.path.join(BUILD, 'gui-screenshots'))
DEADLINE = float(os.environ.get('HAT_DEADLINE', 180))
SCREEN = 1600, 1000

if 'HAT_GUI_INNER' in os.environ:
    import gi
    gi.require_version('Atspi', '2.0')
    from gi.repository import Atspi, GLib
    Atspi.set_timeout(int(DEADLINE * 1000), int(DEADLINE * 1000))  # for an answer; 0.8 s of its own, on a busy machine too little
else:
    Atspi = GLib = None  # outside of the display


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
        return subprocess.run(['dbus-run-session', '--', '/usr/bin/python3', os.path.abspath(sys.argv[0]), *sys.argv[1:]], env=env).returncode
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
            for app in App.all:
                if app.process.poll() is not None:
                    raise AssertionError(f'{what}: the window ended with {app.process.returncode}: {app.said()}')
                print([(n.get_role_name(), n.get_name()) for n in app.walk() if n.get_name()], file=sys.stderr)
            raise AssertionError(f'{what}: not within {deadline} s ({last})')
        time.sleep(0.05)


def insist(what, action, function):
    """Does it, and again if nothing comes of it: what is pointed at may move, or not be drawn so far, when the pointer gets there."""
    def once():
        action()
        return any(function() or time.sleep(0.1) for _ in range(30))
    poll(what, once)


def x(*command):
    subprocess.run(['xdotool', *map(str, command)], check=True, stdout=subprocess.DEVNULL)


def screenshot(name):
    os.makedirs(SHOTS, exist_ok=True)
    subprocess.run(['import', '-window', 'root', os.path.join(SHOTS, name + '.png')], check=False)


class App:
    all = []

    def __init__(self, *arguments, gui=GUI, **env):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([gui, *arguments], stderr=self.errors, env=dict(os.environ, **env))
        App.all.append(self)
        self.frame = poll('the window appears', self.find_frame)

    @staticmethod
    def end_all():
        """Those that a failed step left."""
        for app in App.all:
            if app.process.poll() is None:
                app.process.kill()
                app.process.wait()
        App.all.clear()

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

    def windows(self):
        """The last one, a dialog if there is one, first."""
        application = self.frame.get_parent()
        return [application.get_child_at_index(i) for i in reversed(range(application.get_child_count()))]

    def n_on_screen(self):
        """Windows, as the X server knows: GTK 4.8 crashes now and then if the bus asks after a dialog in the instant that it goes."""
        found = subprocess.run(['xdotool', 'search', '--onlyvisible', '--pid', str(self.process.pid)], capture_output=True, text=True)
        return len(found.stdout.split())

    def walk(self, node=None, depth=0, most=300):
        """Each node is a few calls over the bus: a table of blocks has 3,000, unless one looks at the first rows only."""
        if node is None:
            for window in self.windows():
                yield from self.walk(window, 0, most)
            return
        yield node
        if depth < 40:
            for i in range(min(node.get_child_count(), most)):
                child = node.get_child_at_index(i)
                if child and self.shows(child):
                    yield from self.walk(child, depth + 1, most)

    def find(self, name, role=None, start=False):
        for node in self.walk():
            matches = node.get_name().startswith(name) if start else node.get_name() == name
            if matches and (role is None or node.get_role_name() == role) and self.shows(node):
                return node

    @staticmethod
    def shows(node):
        return node.get_state_set().contains(Atspi.StateType.VISIBLE)  # GTK 4.8 tells SHOWING of windows only

    def press(self, name, role='push button', start=False):
        """Waits for a button that can be pressed, and presses it."""
        def pressable():
            node = self.find(name, role, start)
            return node if node and node.get_state_set().contains(Atspi.StateType.SENSITIVE) else None
        self.act(poll(f'"{name}" can be pressed', pressable), 'click')

    def focused(self, role):
        return next((n for n in self.walk() if n.get_role_name() == role and n.get_state_set().contains(Atspi.StateType.FOCUSED)), None)

    def answer(self, name):
        """A button of a message dialog: GTK 4.8 names it twice, once with its mnemonic."""
        self.press(f'_{name} {name}')

    def text(self, name):
        node = self.find(name, 'text')
        return Atspi.Text.get_text(node, 0, Atspi.Text.get_character_count(node)) if node else ''

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
        self.check_messages()
        App.all.remove(self)  # what fails later is another window's

    def check_messages(self):
        # GTK 4.8 seldom paints a part of one of its own widgets (a gizmo, none of ours) before it has a place: it is right in the next picture.
        bad = [line for line in self.said().splitlines() if ('CRITICAL' in line or 'ERROR' in line or 'WARNING' in line)
               and 'Trying to snapshot GtkGizmo' not in line]
        assert not bad, bad[:5]
