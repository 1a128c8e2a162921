"""Objects on a belt are counted once each."""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from examples.colours import pictures
from examples.running import Camera, Script


def belt(text: str) -> list[str]:
    """Frames from letters: a dot is the empty belt, ``a`` an ant and ``b`` a bee."""
    return [{".": "background", "a": "ant", "b": "bee"}[letter] for letter in text.replace(" ", "")]


def counted(
    start: Callable[..., Script], bundle: Path, frames: Sequence[str], folder: Path
) -> tuple[list[tuple[str, int, int]], str]:
    """What is counted, as rows (label, of its class, in all), and the last line."""
    script = start("count_objects.py", bundle, f"fake:{pictures(folder, frames)}", "background")
    code, out, err = script.end()
    assert (code, err) == (0, "")
    header, *rows, last = out.splitlines()
    assert header.split() == ["frame", "object", "of", "these", "in", "all"]
    cells = [row.split() for row in rows]
    return [(label, int(own), int(every)) for _, label, own, every in cells], last


BUSY = (
    "..... aaaaaaaa ..... aaaaaaaa ....."
    "bbbbbbbb aaaaaaaa bbbbbbbb ....."  # without a gap between different ones
    "aaa.aaaa ..... a.aaa.aaaaa ....."  # a frame lost within an object
    "aaabaaabaaaa ..... bbabbbbb ....."  # another class in single frames
)
EMPTY = "a ..... b ..... a .... b .... a.a.... bb ....."  # nothing stays, not even in the first frame


@pytest.mark.parametrize(("frames", "expected"), [(BUSY, "aababaaab"), (EMPTY, "")])
def test_each_object_is_counted_once_however_it_flickers(
    start: Callable[..., Script], colours: Path, tmp_path: Path, frames: str, expected: str
) -> None:
    rows, last = counted(start, colours, belt(frames), tmp_path / "belt")
    names = {"a": "ant", "b": "bee"}
    assert [label for label, _, _ in rows] == [names[letter] for letter in expected]
    assert [every for _, _, every in rows] == list(range(1, len(expected) + 1))
    assert last.startswith(f"{len(expected)} in all:")


def test_the_table_and_the_last_line_have_the_counts_of_each_class(
    start: Callable[..., Script], colours: Path, tmp_path: Path
) -> None:
    rows, last = counted(start, colours, belt("bbbbbb ..... aaaaaa ..... bbbbbb ....."), tmp_path / "belt")
    assert rows == [("bee", 1, 1), ("ant", 1, 2), ("bee", 2, 3)]
    assert last == "3 in all: bee 2, ant 1"


def test_a_belt_that_is_stopped_by_ctrl_c_still_gets_its_sum(
    start: Callable[..., Script], colours: Path, camera: Camera
) -> None:
    script = start("count_objects.py", colours, camera.url, "background")
    script.line()
    camera.wait_for_frames(10)
    camera.show("ant")
    assert script.line().split()[1:] == ["ant", "1", "1"]
    script.send(signal.SIGINT)
    assert script.end() == (0, "1 in all: ant 1\n", "")
