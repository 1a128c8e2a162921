"""Progress of a child process, heard in the parent."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from edgetl import isolated, relayed
from edgetl.errors import ConversionError
from edgetl.progress import Progress


class Listener(Progress):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    @contextlib.contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        self.heard.append(("begin", what, total))
        yield lambda count: self.heard.append((what, count))
        self.heard.append(("end", what))

    def note(self, text: str) -> None:
        self.heard.append(("note", text))

    def warn(self, text: str) -> None:
        self.heard.append(("warn", text))


def work(name: str, *, progress: Progress) -> str:
    """What the child does."""
    with progress.step("outer", total=3) as advance:
        advance(2)
        with progress.step("inner"):
            progress.warn(f"mind {name}")
        advance(1)
    progress.note("done")
    return name.upper()


def die(*, progress: Progress) -> None:
    """Ends within a step."""
    with progress.step("short", total=9) as advance:
        advance(4)
        os._exit(7)


EVENTS = [
    ("begin", "outer", 3),
    ("outer", 2),
    ("begin", "inner", None),
    ("warn", "mind the gap"),
    ("end", "inner"),
    ("outer", 1),
    ("end", "outer"),
    ("note", "done"),
]


def test_the_parent_hears_every_event_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(os.path.dirname(__file__))  # noqa: PTH120 - sys.path has strings
    listener = Listener()
    assert isolated.call("test_relayed:work", "the gap", doing="working", progress=listener) == "THE GAP"
    assert listener.heard == EVENTS


def test_steps_of_a_child_that_died_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(os.path.dirname(__file__))  # noqa: PTH120 - sys.path has strings
    listener = Listener()
    with pytest.raises(ConversionError, match="its process ended with code 7"):
        isolated.call("test_relayed:die", doing="working", progress=listener)
    assert listener.heard == [("begin", "short", 9), ("short", 4), ("end", "short")]


def test_a_line_cut_off_by_a_crash_is_not_read() -> None:
    listener = Listener()
    relayed.repeat([json.dumps(["note", "whole"]).encode() + b"\n", b'["note", "ha'], listener)
    assert listener.heard == [("note", "whole")]


def test_the_child_ends_when_its_parent_is_gone() -> None:
    reading, writing = os.pipe()
    code = (
        "import time; from edgetl.relayed import Relay\n"
        f"relay = Relay({writing})\n"
        "while True: relay.note('still here'); time.sleep(0.01)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], pass_fds=[writing])
    os.close(writing)
    assert os.read(reading, 7) == b'["note"'
    os.close(reading)
    assert child.wait(timeout=20) == 1
