"""Log to SQLite what the camera sees: a row whenever it changes, and only the newest rows.

python log_sqlite.py flowers.edgetl seen.db camera:auto 100000
sqlite3 -box seen.db "select datetime(time_s, 'unixepoch', 'localtime'), label, score from seen"
"""

import contextlib
import signal
import sqlite3
import sys

import edgetl

if len(sys.argv) != 5:
    sys.exit(__doc__)
bundle, place, source, rows = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # what systemd sends: end as by Ctrl-C
with edgetl.load(bundle) as model, contextlib.closing(sqlite3.connect(place, isolation_level=None)) as log:
    # WAL appends each row to a second file, so that readers and the log do not wait for each other. NORMAL
    # flushes that file now and then, not at every row, which would wear the SD card: a power cut takes the
    # last rows, and leaves the file whole. https://sqlite.org/pragma.html#pragma_synchronous
    log.execute("pragma journal_mode = wal")
    log.execute("pragma synchronous = normal")
    log.execute("create table if not exists seen (id integer primary key, time_s real, label, score real)")
    with contextlib.suppress(KeyboardInterrupt):
        for seen in model.stream(source, smooth=3):
            if seen.changed:  # without this line, a row a frame
                row = (seen.frame.time_s, seen.label, seen.result.score)  # the label of unknown is null
                log.execute("insert into seen (time_s, label, score) values (?, ?, ?)", row)
                # SQLite uses the room of deleted rows again, so that the file stops growing.
                log.execute("delete from seen where id <= last_insert_rowid() - ?", (int(rows),))
