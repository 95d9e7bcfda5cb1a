# SPDX-License-Identifier: Apache-2.0
# Run by gdb: prints one JSON line for each malloc of 100001..100020 bytes: {"size": n, "functions": innermost first}.
import gdb, json

gdb.execute('set pagination off')
gdb.execute('set confirm off')
gdb.execute('set backtrace past-main on')
gdb.execute('break main')
gdb.execute('run >/dev/null')
gdb.execute('break malloc if $rdi > 100000 && $rdi <= 100020')
while True:
    try:
        gdb.execute('continue')
        frame = gdb.newest_frame()
    except gdb.error:
        break
    if not frame.name() or 'malloc' not in frame.name():
        continue
    size, functions = int(gdb.parse_and_eval('$rdi')), []
    frame = frame.older()
    while frame is not None:
        if frame.type() != gdb.TAILCALL_FRAME:  # gdb's own invention: it is not on the stack
            functions.append(frame.name() or '?')
        frame = frame.older()
    print('STACK ' + json.dumps({'size': size, 'functions': functions}), flush=True)
