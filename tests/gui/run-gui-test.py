#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The window, end to end, as a person with a pointer, a keyboard and a screen reader uses it: under Xvfb and openbox, found
through AT-SPI. Then a screenshot of every view, light, dark and high contrast, large and small, into $HAT_SCREENSHOTS or
gui-screenshots/ in the build folder.

run-gui-test.py [STEP...]: all steps, or those named (functions called test_STEP)."""
import glob, itertools, json, os, re, shutil, signal, subprocess, sys, time, warnings

from driver import Atspi, BUILD, GUI, SCREEN, SHOTS, App, insist, outer, poll, screenshot, x

LIBRARY = os.path.join(BUILD, 'data', 'examples', 'library')
STEADY = os.path.join(BUILD, 'tests', 'targets', 'steady')
HEAPATLAS = os.path.join(BUILD, 'app', 'heapatlas')
VIEWS = ['overview', 'map', 'blocks', 'graph', 'calls', 'leaks', 'types', 'sizes', 'recording']


def recordings():
    folder = os.path.join(os.environ['XDG_DATA_HOME'], 'heapatlas', 'recordings')
    return sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith('.heapatlas')) if os.path.isdir(folder) else []


def launch_from_the_start_page(app):
    app.maximise()
    screenshot('start')
    entry = app.wait('Program')
    def fill_in():
        app.click(entry)
        x('key', '--clearmodifiers', 'ctrl+a')
        x('type', '--delay', '2', LIBRARY)
    insist('the program is named', fill_in, lambda: app.text('Program') == LIBRARY)
    app.press('Launch and Record')


def watch_it_finish(app):
    app.wait('Views', start=True)
    app.wait('Overview')
    poll('the title names the program', lambda: app.frame.get_name() == 'library')
    assert len(recordings()) == 1, recordings()


def select_a_range(app):
    timeline = app.wait('Heap timeline', start=True)
    left, top, width, height = app.place(timeline)
    starts = itertools.cycle(range(width // 3, width // 2, 50))
    def drag():
        start = left + next(starts)  # elsewhere each time: at the cursor it would move that
        x('mousemove', start, top + 40, 'mousedown', 1)
        for step in range(1, 6):
            x('mousemove', start + step * 40, top + 40)
        x('mouseup', 1)
    insist('a range is selected', drag, lambda: app.find('Clear the range', 'push button'))
    poll('the range is told in words', lambda: any(' allocated in ' in n.get_name() for n in app.walk()))
    for action in ('timeline.zoom-to-range', 'timeline.step', 'timeline.fit', 'timeline.range-clear'):
        app.act(timeline, action)


def read_the_stack_of_a_leak(app):
    app.view(6)
    app.wait('Leak candidates', start=True)
    row = poll('a leak candidate', lambda: next((n for n in app.walk() if n.get_name().startswith('GROWING: history_add,') and app.shows(n)), None))
    def frames():
        stack = app.find('Stack')
        names = [stack.get_child_at_index(i).get_name() for i in range(stack.get_child_count())] if stack else []
        return any(n.startswith('history_add') for n in names) and any(n.startswith('main') for n in names)
    insist('its stack is shown', lambda: app.click(row), frames)
    app.wait('Source')
    screenshot('leak-selected')


def home(name):
    return os.path.join(os.environ['HOME'], name)


def save_as(app, action, path):
    """Through the file dialog, as typed."""
    before = app.n_on_screen()
    app.act(app.frame, action)
    poll('the name can be typed', lambda: len(app.windows()) > 1 and app.focused('text'))
    x('key', '--clearmodifiers', 'ctrl+a')
    x('type', '--delay', '2', path)
    x('key', 'Return')
    poll('the dialog is gone', lambda: app.n_on_screen() == before)


def export_pictures(app):
    save_as(app, 'win.export', home('leaks.png'))
    poll('it is a whole PNG', lambda: b'PNG 2560x1600' in subprocess.run(['identify', home('leaks.png')], capture_output=True).stdout)
    save_as(app, 'win.export', home('leaks.svg'))
    poll('it is a whole SVG', lambda: subprocess.run(['rsvg-convert', '-o', home('svg.png'), home('leaks.svg')]).returncode == 0)
    save_as(app, 'win.export', home('leaks.pdf'))
    poll('it is a whole PDF', lambda: b'Pages:           1' in subprocess.run(['pdfinfo', home('leaks.pdf')], capture_output=True).stdout)
    app.act(app.frame, 'win.copy-picture')
    poll('the picture is on the clipboard', lambda: subprocess.run(
        ['xclip', '-selection', 'clipboard', '-t', 'image/png', '-o'], capture_output=True, timeout=60).stdout.startswith(b'\x89PNG'))


def save_elsewhere(app):
    save_as(app, 'win.save', home('copy.heapatlas'))
    poll('the copy is whole', lambda: subprocess.run([HEAPATLAS, 'check', home('copy.heapatlas')], capture_output=True).returncode == 0)


def test_everyday():
    app = App()
    launch_from_the_start_page(app)
    watch_it_finish(app)
    select_a_range(app)
    read_the_stack_of_a_leak(app)
    export_pictures(app)
    save_elsewhere(app)
    app.close()
    app = App(recordings()[0])
    app.wait('Overview')
    assert app.frame.get_name() == 'library', app.frame.get_name()
    app.close()


def test_error():
    app = App(__file__)  # not a trace
    app.wait('The Trace Could Not Be Opened')
    screenshot('error')
    app.close()


def counter(app, name):
    node = app.find(name + ': ', start=True)
    return node.get_name()[len(name) + 2:] if node else ''


def test_recording():
    """Counters, a mark, a snapshot, ending the program from the window."""
    app = App('--', STEADY, '0')
    for name in ('Live', 'Events', 'Events per second', 'Resident', 'Trace', 'Allocated per second'):
        poll(f'{name} counts', lambda: counter(app, name) not in ('', '0', '0 B', '0/s', '0 B/s'))
    poll('one process, nothing lost', lambda: counter(app, 'Lost') == '0' and counter(app, 'Processes') == '1')
    app.maximise()
    app.press('Mark')
    app.press('Snapshot')
    poll('the snapshot is told of', lambda: app.find('snapshot 0: the program stood still for ', start=True))
    screenshot('live')
    app.press('End Program')
    app.wait('Overview')
    app.view(9)
    app.wait('Recording')
    app.close()


def test_input():
    """What is typed reaches the program, what it says is shown."""
    app = App('--', '/bin/sh', '-c', 'read line; echo "got $line"; read other || echo "no more" >&2; kill -TERM $$')
    entry = app.wait('Input for the program')
    app.maximise()
    insist('the entry has the focus', lambda: app.click(entry), lambda: app.focused('text'))
    x('type', '--delay', '2', 'hello')
    x('key', 'Return')
    poll('the answer is shown', lambda: 'got hello' in app.text('Output of the program'))
    screenshot('live-output')
    left, top, width, height = app.place(entry)
    x('mousemove', left + width - 14, top + height // 2, 'click', 1)  # end of input
    app.wait('Overview')
    app.view(9)
    poll('the output stays', lambda: 'no more' in app.text('Output of the program'))
    app.close()


def test_kill():
    app = App('--', '/bin/sh', '-c', 'trap "" TERM; echo deaf; while :; do sleep 0.1; done')
    poll('the program is deaf', lambda: 'deaf' in app.text('Output of the program'))
    app.press('End Program')
    app.press('Kill Program')
    app.wait('Overview')
    app.close()


def leave(app, answer):
    """Closes a window that records, and answers what is asked."""
    app.act(app.frame, 'window.close')
    app.answer(answer)
    poll('the window closes', lambda: app.process.poll() is not None)
    app.check_messages()


def test_close_and_keep():
    """The program neither ends nor notices when the window is gone, and its recording becomes whole."""
    before = recordings()
    script = 'echo ready; while [ ! -e "$0" ]; do sleep 0.05; done; i=0; while [ $i -lt 2000 ]; do echo "line $i" || exit 9; ' \
             'i=$((i+1)); done; echo "still here" >&2 && echo whole > "$0.done"'
    app = App('--', '/bin/sh', '-c', script, home('closed'))
    poll('the program speaks', lambda: 'ready' in app.text('Output of the program'))
    leave(app, 'Keep Recording')
    open(home('closed'), 'w').close()
    poll('the program lived to its end', lambda: os.path.exists(home('closed.done')))
    trace = (set(recordings()) - set(before)).pop()
    poll('the trace is whole', lambda: subprocess.run([HEAPATLAS, 'check', trace], capture_output=True).returncode == 0)
    assert b'incomplete' not in subprocess.run([HEAPATLAS, 'report', trace], capture_output=True).stdout
    assert not glob.glob(os.path.join(os.path.dirname(trace), '.output*'))


def test_close_and_stop():
    before = recordings()
    app = App('--', STEADY, '0', home('stopped'))
    poll('the counters count', lambda: counter(app, 'Events') not in ('', '0'))
    leave(app, 'Stop Recording')
    trace = (set(recordings()) - set(before)).pop()
    poll('the trace is whole', lambda: subprocess.run([HEAPATLAS, 'check', trace], capture_output=True).returncode == 0)
    open(home('stopped'), 'w').close()
    poll('the program ran on', lambda: open(home('stopped')).read() == 'done\n')


FAKE_RECORDER = """#!/usr/bin/python3
import shutil, socket, sys
control = socket.socket(fileno=3)
lines = control.makefile('r')
def say(line): control.sendall((line + '\\n').encode())
say('process index=0 pid=1 parent=-1 state=running exit=-1 signal=0 name=fake')
for i in range(1, 5):
    say(f'status time_ns={i}000000000 live_bytes={i}000000 live_blocks={i} events={i}000 allocations={i} lost=0 rss=1 running=1 '
        f'bytes_written={i * 1000} allocated_bytes={i * 1048576} events_per_s=1000')
say('progress share=0.42 what=resolving symbols')
assert lines.readline() == 'cancel\\n'
target = sys.argv[sys.argv.index('-o') + 1]
shutil.copy(%r, target)
say('done path=' + target)
"""


def test_skip_symbols():
    """A recorder that resolves symbols for ever, until it is told not to."""
    os.makedirs(home('fake/app'))
    shutil.copy(GUI, home('fake/app'))
    os.symlink(os.path.join(BUILD, 'data'), home('fake/data'))
    with open(home('fake/app/heapatlas'), 'w') as f:
        f.write(FAKE_RECORDER % a_trace())
    os.chmod(home('fake/app/heapatlas'), 0o755)
    app = App('--', 'fake', gui=home('fake/app/heapatlas-gui'))
    app.wait('Finishing the trace: resolving symbols')
    assert counter(app, 'Allocated per second') == '1.00 MiB/s', counter(app, 'Allocated per second')
    app.maximise()
    screenshot('live-finishing')
    app.press('Skip Symbols')
    app.wait('Overview')
    app.close()


def is_checked(node):
    return node.get_state_set().contains(Atspi.StateType.CHECKED)


def test_preferences():
    """Kept by GSettings, in a program that is not installed."""
    app = App(GSETTINGS_BACKEND='keyfile')
    app.act(app.frame, 'win.preferences')
    switch = app.wait('Show the inspector', 'check box')
    screenshot('preferences')
    assert is_checked(switch)
    switch.do_action(0)  # GTK 4.8 does it and says that it did not
    keyfile = home('config/glib-2.0/settings/keyfile')
    poll('it is kept', lambda: 'inspector-open=false' in open(keyfile).read())
    app.process.terminate()
    app.process.wait()
    app = App(GSETTINGS_BACKEND='keyfile')
    app.act(app.frame, 'win.preferences')
    assert not is_checked(app.wait('Show the inspector', 'check box'))
    app.process.terminate()
    app.process.wait()
    app.check_messages()


def test_delete():
    a_trace()
    n = len(recordings())
    app = App()
    app.press('Delete ', start=True)
    app.answer('Delete')
    poll('one less', lambda: len(recordings()) == n - 1)
    app.close()


def a_trace():
    """The recording of the first step, or one made now."""
    path = home('data/heapatlas/recordings/library for tests.heapatlas')
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.run([HEAPATLAS, 'record', '-q', '-o', path, LIBRARY], check=True, stdout=subprocess.DEVNULL)
    return path


def selected(picture):
    # GTK 4.8 says only in the accessible's description what a picture shows
    return picture.get_description().partition('Selected: ')[2]


def test_graph():
    """The object graph: unfold, follow, who holds it, back; its selection is everybody's; a field is declared weak and stays so."""
    copy = home('weak.heapatlas')
    shutil.copy(a_trace(), copy)
    app = App(copy)
    app.maximise()
    app.view(4)
    picture = app.wait('Object graph')
    poll('it tells what it shows', lambda: picture.get_description().startswith('Object graph, tree of owners:'))
    screenshot('graph')
    app.act(picture, 'graph.right')  # the first chip
    app.act(picture, 'graph.right')
    poll('a block is selected', lambda: selected(picture).startswith('char *[] at 0x'))
    poll('the inspector knows what holds it', lambda: app.find('Held by (1)'))
    app.wait('Points to', start=True)
    app.act(picture, 'graph.holders')
    poll('its holders are told', lambda: picture.get_description().startswith('Who holds char *[]: 1 roots lead to it.'))
    screenshot('graph-holders')
    app.act(picture, 'graph.back')
    poll('back again', lambda: picture.get_description().startswith('Object graph, tree of owners:'))
    app.act(picture, 'graph.follow')
    app.act(picture, 'graph.all')
    for action in ('graph.zoom-in', 'graph.zoom-in', 'graph.zoom-out', 'graph.fit', 'graph.down', 'graph.up', 'graph.left', 'graph.page-down'):
        app.act(picture, action)
    screenshot('graph-moved')
    # An edge in the inspector is a way to the block at its other end.
    poll('the block is still selected, or again', lambda: selected(picture).startswith('char *[] at 0x') or app.act(picture, 'graph.right'))
    row = poll('a pointer to follow', lambda: app.find('char[], [0]', start=True))
    left, top, width, _ = app.place(app.wait('Stack'))
    x('mousemove', left + width // 2, top + 20)
    def in_view():  # rows scrolled out have a place, too
        x('click', 5)
        return app.place(row)[1] < SCREEN[1] * 0.72
    poll('it is in view', in_view)
    poll('it stands still', lambda: app.place(row) == app.place(row))
    app.click(row)
    poll('it is selected here, too', lambda: re.match(r'(char\[\] at 0x|[0-9,]+ × char\[\])', selected(picture)))
    screenshot('graph-followed')
    app.act(app.frame, 'win.search')
    poll('the search can be typed', lambda: app.focused('text') or app.focused('entry'))
    x('type', '--delay', '2', 'reader_borrow')
    poll('the search finds', lambda: re.match(r'[0-9,]+ × Book \*\[\]', selected(picture)))
    screenshot('graph-search')
    x('key', 'Escape')
    app.act(picture, 'graph.all')
    poll('all of it again', lambda: not selected(picture))
    # To the right as long as it takes: a look that is still being made forgets what was selected.
    poll('a pointer is chosen', lambda: re.match(r'[0-9,]+ × char\[\]', selected(picture)) or app.act(picture, 'graph.right'))
    app.act(picture, 'graph.declare-weak')
    poll('the rule is told', lambda: any(n.get_name() == 'weak:char *[].[]: kept with the trace' for n in app.walk()))
    poll('the graph is there anew', lambda: picture.get_description().startswith('Object graph, tree of owners:'))
    poll('what was selected still is', lambda: 'char[]' in selected(picture))
    screenshot('graph-weak')
    app.press('Mapped regions hold nothing')
    poll('it still is', lambda: 'char[]' in selected(picture))
    # What is exported is what is seen: the recording was opened before the field was declared.
    save_as(app, 'win.export', home('graph.json'))
    poll('the declared field is exported', lambda: any(e['evidence'] == 'declared weak' for e in json.load(open(home('graph.json')))['edges']))
    app.act(picture, 'graph.holders')
    poll('its holders are told', lambda: picture.get_description().startswith('Who holds char[]: '))
    save_as(app, 'win.export', home('graph-holders.png'))
    poll('a picture of them', lambda: b'PNG 2560x1600' in subprocess.run(['identify', home('graph-holders.png')], capture_output=True).stdout)
    shutil.copy(home('graph-holders.png'), SHOTS)
    app.act(picture, 'graph.back')
    save_as(app, 'win.export', home('graph.dot'))
    poll('Graphviz reads it', lambda: b'</svg>' in subprocess.run(['dot', '-Tsvg', home('graph.dot')], capture_output=True).stdout)
    app.close()
    with open(copy, 'rb') as f:
        assert b'weak:char *[].[]' in f.read()


def test_narrow():
    """In a window of 640 pixels the graph's headline stands above what can be chosen, and is not cut off."""
    app = App(a_trace())
    app.wait('Overview')
    window = poll('the window is on the screen', lambda: subprocess.run(
        ['xdotool', 'search', '--onlyvisible', '--name', '^library$'], capture_output=True, text=True).stdout.split())[0]
    x('windowsize', window, 640, 700, 'windowmove', window, 0, 0)
    poll('the window has its size', lambda: abs(app.box(app.frame)[2] - 640) <= 40)
    app.view(4)
    app.wait('Object graph')
    def above():
        left, top, width, height = app.box(poll('a headline', lambda: next(n for n in app.walk() if re.fullmatch('[0-9,]+ blocks', n.get_name()))))
        return width > 300 and top + height <= app.box(app.find('Who holds this'))[1] + 4
    poll('the headline has a row of its own', above)
    screenshot('graph-narrow')
    app.close()


def test_classes():
    """Leak classes in the views: the table of blocks and the map know them; leaks are suppressed, and stay so."""
    copy = home('classes.heapatlas')
    shutil.copy(a_trace(), copy)
    app = App(copy)
    app.maximise()
    app.wait('Lost: ', start=True)
    app.view(2)
    choice = poll('the map has colours to choose', lambda: next((n for n in app.walk() if n.get_role_name() == 'combo box' and n.get_name() == 'Colour'), None))
    app.click(choice)
    poll('they can be chosen', lambda: app.find('Leak class'))
    x('key', 'Down', 'Return')
    picture = app.wait('Live-object map')
    poll('the map tells of classes', lambda: 'lost' in picture.get_description().lower() or any('lost' in n.get_name() for n in app.walk()))
    screenshot('map-classes')
    app.view(3)
    app.wait('Class')
    poll('blocks have a class', lambda: app.find('reachable'))
    screenshot('blocks-classes')
    app.view(6)
    poll('something is lost', lambda: any(' lost, from ' in n.get_name() for n in app.walk()))
    before = next(n.get_name() for n in app.walk() if ' lost, from ' in n.get_name())
    app.press('Suppress…')
    app.wait('Suppress These Leaks?')
    app.answer('Suppress')
    poll('less is lost', lambda: not app.find(before) and (app.find('Nothing is lost') or any(' lost, from ' in n.get_name() for n in app.walk())))
    screenshot('leaks-suppressed')
    app.close()
    with open(copy, 'rb') as f:
        assert b'leak:reader_new' in f.read()


def says_that_it_is_a_sample(app):
    """What a sample cannot tell, and why; what it can, with an error."""
    why = 'A sampled recording has no snapshots, classes or graph'
    poll('why there is no graph', lambda: any('knows only some of the blocks' in n.get_name() for n in app.walk()))
    for view, text in ((6, why), (9, why), (1, r'Peak ~.*±'), (5, r'^Flame graph of .*~.*±'), (8, r'^Sizes of ~.*±')):
        app.view(view)
        poll(f'{VIEWS[view - 1]} of a sample', lambda: any(re.search(text, line) for n in app.walk(most=40)
                                                           for line in (n.get_name(), n.get_description())))
    assert re.search('peak ~.*±', app.wait('Heap timeline', start=True).get_description()), 'the timeline'


def test_no_graph():
    for option, title in (('--no-snapshot', 'No Snapshot Was Taken'), ('--sample=4096', 'A Sample Has No Graph')):
        trace = home(option + '.heapatlas')
        subprocess.run([HEAPATLAS, 'record', '-q', option, '-o', trace, LIBRARY], check=True, stdout=subprocess.DEVNULL)
        app = App(trace)
        app.wait('Overview')
        app.view(4)
        app.wait(title)
        if option.startswith('--sample'):
            says_that_it_is_a_sample(app)
        app.close()


TYPED = os.path.join(BUILD, 'tests', 'targets', 'typed-cxx-O0')


def test_types():
    """The table of types and the layout of one: chosen, walked through, unfolded, searched for, exported; and what to do where there are none."""
    trace = home('typed.heapatlas')
    subprocess.run([HEAPATLAS, 'record', '-q', '-o', trace, TYPED], check=True, stdout=subprocess.DEVNULL)
    app = App(trace)
    app.maximise()
    app.view(7)
    # A table has more rows than are worth a look over the bus.
    picture = poll('the layout', lambda: next(n for n in app.walk(most=12) if n.get_name() == 'Layout of the type'))
    poll('a type is shown', lambda: ' bytes, aligned to ' in picture.get_description())
    screenshot('types')
    app.act(app.frame, 'win.search')
    poll('the search can be typed', lambda: app.focused('text') or app.focused('entry'))
    x('type', '--delay', '2', 'house::label')
    poll('the type is found', lambda: picture.get_description().startswith('struct house::Label: C++, 40 bytes, aligned to 8'))
    app.wait('Types', 'tree table')
    app.act(picture, 'types.next')
    app.wait('house::Shape, 16 bytes at 0')
    app.act(picture, 'types.inner')
    poll('fields of fields', lambda: 'house::Shape.vtable: ' in picture.get_description())
    screenshot('types-inner')
    for action in ('types.next', 'types.previous', 'types.next-variant', 'types.page-down', 'types.page-up', 'types.inner'):
        app.act(picture, action)
    poll('folded again', lambda: 'house::Shape.vtable: ' not in picture.get_description())
    save_as(app, 'win.export', home('types.svg'))
    poll('a picture of it', lambda: os.path.exists(home('types.svg')) and os.path.getsize(home('types.svg')) > 10000)
    app.close()
    # What stands in a block of known type.
    trace = home('typed-c.heapatlas')
    subprocess.run([HEAPATLAS, 'record', '-q', '-o', trace, TYPED.replace('cxx', 'c')], check=True, stdout=subprocess.DEVNULL)
    app = App(trace)
    app.maximise()
    app.view(4)
    picture = app.wait('Object graph')
    poll('it tells what it shows', lambda: picture.get_description().startswith('Object graph, tree of owners:'))
    app.act(app.frame, 'win.search')
    poll('the search can be typed', lambda: app.focused('text') or app.focused('entry'))
    x('type', '--delay', '2', 'packet')
    poll('the block is found', lambda: selected(picture).startswith('packet at 0x'))
    app.wait('colour = BLUE', start=True)
    app.wait('is_sent = true', start=True)
    screenshot('types-fields')
    app.close()
    trace = home('untyped.heapatlas')
    subprocess.run([HEAPATLAS, 'record', '-q', '--no-snapshot', '-o', trace, '/bin/true'], check=True, stdout=subprocess.DEVNULL)
    app = App(trace)
    app.wait('Overview')
    app.view(7)
    app.wait('No Types Are Known')
    poll('it says what to install', lambda: any('-dbgsym' in n.get_name() or '-g' in n.get_name() for n in app.walk()))
    app.close()


SIZES = {'large': (1580, 980), 'small': (800, 600)}
SCHEMES = {'light': {'ADW_DEBUG_COLOR_SCHEME': 'prefer-light'}, 'dark': {'ADW_DEBUG_COLOR_SCHEME': 'prefer-dark'},
           'contrast': {'ADW_DEBUG_COLOR_SCHEME': 'prefer-light', 'ADW_DEBUG_HIGH_CONTRAST': '1'}}


def is_calm(app):
    return not any(n.get_name() == 'Working' for n in app.walk(most=12))


def shots(app, scheme, size):
    """A picture of the window when two looks in a row are the same: the frame after the answer has been drawn."""
    for number, view in enumerate(VIEWS, 1):
        app.view(number)
        poll(f'{view} has its answer', lambda: is_calm(app))
        looks = [b'']
        def still():
            looks.append(subprocess.run(['import', '-window', 'root', 'rgb:-'], capture_output=True).stdout)
            return looks[-1] == looks[-2]
        poll(f'{view} is still', still)
        screenshot(f'{view}-{scheme}-{size}')


def test_tour():
    for scheme, env in SCHEMES.items():
        for size, (width, height) in SIZES.items():
            app = App(a_trace(), **env)
            app.wait('Overview')
            window = poll('the window is on the screen', lambda: subprocess.run(
                ['xdotool', 'search', '--onlyvisible', '--name', '^library$'], capture_output=True, text=True).stdout.split())[0]
            x('windowsize', window, width, height, 'windowmove', window, 0, 0)
            poll('the window has its size', lambda: abs(app.box(app.frame)[2] - width) <= 40)
            shots(app, scheme, size)
            app.close()


TESTS = [test_everyday, test_error, test_recording, test_input, test_kill, test_close_and_keep, test_close_and_stop, test_skip_symbols,
         test_preferences, test_delete, test_graph, test_narrow, test_classes, test_no_graph, test_types,
         test_tour]


def main(names):
    runs = home('window-manager-runs')
    manager = subprocess.Popen(['openbox', '--startup', 'touch ' + runs], stderr=subprocess.DEVNULL)
    failed = 0
    try:
        poll('the window manager runs', lambda: os.path.exists(runs))
        for test in TESTS:
            name = test.__name__[len('test_'):]
            if names and name not in names:
                continue
            begin = time.monotonic()
            try:
                test()
            except Exception as error:
                failed += 1
                print(f'not ok {name}: {error!r}', flush=True)
            else:
                print(f'ok {name} ({time.monotonic() - begin:.0f} s)', flush=True)
            finally:
                App.end_all()
        print('screenshots in', SHOTS)
        return 1 if failed else 0
    finally:
        manager.send_signal(signal.SIGTERM)
        manager.wait()


if __name__ == '__main__':
    if 'HAT_GUI_INNER' not in os.environ:
        sys.exit(outer())
    warnings.simplefilter('ignore')
    sys.exit(main(sys.argv[1:]))
