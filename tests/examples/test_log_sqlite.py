"""What is seen is found in the database, also after a power cut."""

import contextlib
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import write_fake_bundle

from examples.colours import pictures
from examples.running import Camera, Script

Start = Callable[..., Script]
FOREVER = 100_000


def query(place: Path, statement: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(place)) as log:
        return log.execute(statement).fetchall()


def test_a_row_is_written_whenever_the_label_changes(start: Start, colours: Path, tmp_path: Path) -> None:
    frames = [*5 * ["background"], *5 * ["ant"], *5 * ["bee"]]
    log = tmp_path / "seen.db"
    script = start("log_sqlite.py", colours, log, f"fake:{pictures(tmp_path / 'photos', frames)}", FOREVER)
    assert script.end() == (0, "", "")
    rows = query(log, "select label, score, time_s from seen order by id")
    assert [label for label, _, _ in rows] == ["background", "ant", "bee"]
    assert all(0.4 <= score <= 1 for _, score, _ in rows)
    assert [time for _, _, time in rows] == sorted(time for _, _, time in rows)
    assert query(log, "pragma journal_mode") == [("wal",)]


def test_unknown_is_null(start: Start, tmp_path: Path) -> None:
    unsure = write_fake_bundle(tmp_path / "unsure.edgetl", reject_threshold=0.9)
    log = tmp_path / "seen.db"
    assert start("log_sqlite.py", unsure, log, unsure / "golden", FOREVER).end() == (0, "", "")
    ((label, score),) = query(log, "select label, score from seen")
    assert label is None
    assert round(score, 4) == 0.7


def test_only_the_newest_rows_are_kept(start: Start, colours: Path, tmp_path: Path) -> None:
    frames = 5 * [*4 * ["ant"], *4 * ["bee"]]
    log = tmp_path / "seen.db"
    source = f"fake:{pictures(tmp_path / 'photos', frames)}"
    for _ in range(2):  # the second time goes on in the same file
        assert start("log_sqlite.py", colours, log, source, 4).end() == (0, "", "")
    rows = query(log, "select id, label from seen order by id")
    assert rows == [(17, "ant"), (18, "bee"), (19, "ant"), (20, "bee")]


def test_a_power_cut_takes_the_last_rows_at_most(
    start: Start, colours: Path, camera: Camera, tmp_path: Path
) -> None:
    log, journal = tmp_path / "seen.db", tmp_path / "seen.db-wal"
    script = start("log_sqlite.py", colours, log, camera.url, FOREVER)
    expected = ["background", "ant", "bee", "ant", "bee"]
    for number, label in enumerate(expected, 1):
        camera.show(label)
        while not log.exists() or number > len(_labels(log)):
            assert script.runs
            camera.wait_for_frames(2)
    script.send(signal.SIGKILL)
    script.end()

    # What had reached the card when the power went: any part of the journal.
    size = journal.stat().st_size
    found = []
    for part in range(0, size + 1, max(1, size // 40)):
        card = tmp_path / f"card{part}"
        card.mkdir()
        shutil.copy(log, card)
        (card / journal.name).write_bytes(journal.read_bytes()[:part])
        assert query(card / log.name, "pragma integrity_check") == [("ok",)]
        found.append(_labels(card / log.name))
    assert all(labels == expected[: len(labels)] for labels in found)
    assert [len(labels) for labels in found] == sorted(len(labels) for labels in found)
    assert len(found[0]) < len(_labels(log)) == len(expected)


def _labels(place: Path) -> list[str]:
    try:
        return [label for (label,) in query(place, "select label from seen order by id")]
    except sqlite3.OperationalError:  # there is no table yet
        return []
