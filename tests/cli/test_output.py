"""What the commands draw while they work, with real threads and a real terminal's rules."""

import functools
import io
import itertools
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgetl.cli import output
from edgetl.cli.bars import ConsoleProgress
from edgetl.cli.lines import LineProgress, console_progress

CLEAR_LINE = "\x1b[2K"
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """Everything that was ever written, without colours and cursor moves."""
        return [line.strip() for line in re.split("[\r\n]", CONTROLS.sub("", self.getvalue()))]

    def left(self) -> list[str]:
        """What stands on the screen at the end."""
        rows, row = [""], 0
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", self.getvalue()):
            if part == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            elif part == CLEAR_LINE:
                rows[row] = ""
            elif re.fullmatch(r"\x1b\[\d*A", part):
                row -= int(part[2:-1] or 1)
            elif part != "\r" and not part.startswith("\x1b"):
                rows[row] += part
        return [line.rstrip() for line in rows if line.strip()]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    file = Screen()
    monkeypatch.setattr(output, "terminal", lambda: file)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return file


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    file = io.StringIO()
    monkeypatch.setattr(output, "terminal", lambda: file)
    return file


def side_by_side(*work: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(work)) as pool:
        for future in [pool.submit(part) for part in work]:
            future.result()


def without_seconds(lines: list[str]) -> list[str]:
    return [re.sub(r"\d+\.\d s|\d+ images/s", "#", line.strip()) for line in lines]


def test_steps_of_two_threads_are_drawn_together(screen: Screen) -> None:
    progress, both = ConsoleProgress(), threading.Barrier(2, timeout=20)

    def convert(what: str, total: int | None) -> None:
        with progress.step(what, total) as advance:
            advance(3)
            both.wait()
            assert progress._bars is not None
            progress._bars.refresh()
            both.wait()

    side_by_side(lambda: convert("tflite [int8]", None), lambda: convert("features", 10))
    drawn = screen.lines()
    together = [pair for pair in itertools.pairwise(drawn) if all("0:00:0" in line for line in pair)]
    assert any({"tflite" in a, "tflite" in b} == {True, False} for a, b in together)
    assert any("features" in line and "3/10" in line and "━" in line for line in drawn)
    assert not any("tflite" in line and ("━" in line or "3/" in line) for line in drawn)
    assert sorted(without_seconds(screen.left())) == ["features: #, #", "tflite [int8]: #, #"]


def test_a_step_inside_a_step_leaves_two_lines(screen: Screen) -> None:
    progress = ConsoleProgress()
    with progress.step("export"), progress.step("convert"):
        pass
    with progress.step("score", 2) as advance:
        advance(2)
    assert without_seconds(screen.left()) == ["convert: #", "export: #", "score: #, #"]


def test_notes_and_warnings_stand_above_the_bars(screen: Screen) -> None:
    progress = ConsoleProgress()
    with progress.step("convert"), progress.step("score", 100) as advance:
        for number in range(20):
            advance(1)
            progress.note(f"note {number}")
            progress.warn(f"number {number}")
    said = [line for number in range(20) for line in (f"  note {number}", f"warning: number {number}")]
    assert screen.left()[:40] == said
    assert len(screen.left()) == 42


def test_notes_that_are_results_go_above_the_bars_of_the_same_screen(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", screen)
    progress = ConsoleProgress(notes_are_results=True)
    with progress.step("convert"):
        progress.note("int8 is 0.3 points worse [really]")
    progress.note("done")
    assert without_seconds(screen.left()) == ["int8 is 0.3 points worse [really]", "convert: #", "done"]


def test_notes_that_are_results_go_into_a_pipe_while_bars_are_drawn(
    screen: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = ConsoleProgress(notes_are_results=True)
    with progress.step("convert"):
        progress.note("int8 is 0.3 points worse")
    assert capsys.readouterr().out == "int8 is 0.3 points worse\n"
    assert "worse" not in screen.getvalue()


def test_many_threads_lose_no_picture_and_no_line(pipe: io.StringIO) -> None:
    progress = ConsoleProgress()

    def work(name: str) -> None:
        for number in range(20):
            with progress.step(f"{name} {number}", 50) as advance:
                for _ in range(50):
                    advance(1)

    with progress.step("all", 400) as advance:
        side_by_side(*(functools.partial(work, name) for name in "abcdefgh"))
        side_by_side(*[lambda: [advance(1) for _ in range(50)]] * 8)
    lines = pipe.getvalue().splitlines()
    assert len(lines) == 8 * 20 + 1
    assert all(re.fullmatch(r"  [a-h] \d+: \d+\.\d s, \d+ images/s", line) for line in lines[:-1])
    assert lines[-1].startswith("  all: ")
    assert "\x1b" not in pipe.getvalue()


@pytest.mark.parametrize("kind", ["screen", "pipe"])
def test_a_step_that_fails_takes_its_bar_away_and_says_nothing(
    kind: str, request: pytest.FixtureRequest
) -> None:
    file = request.getfixturevalue(kind)
    progress = ConsoleProgress()
    with pytest.raises(ValueError, match="no"), progress.step("a"), progress.step("b", 3):
        raise ValueError("no")
    assert ": " not in CONTROLS.sub("", file.getvalue())
    with progress.step("c"):
        pass
    assert "c: 0.0 s" in file.getvalue()


def test_long_lines_stay_whole_and_leave_the_bars_alone(screen: Screen) -> None:
    progress, long = ConsoleProgress(), "long " * 60
    with progress.step("convert", 5):
        progress.warn(long)
    assert screen.left()[0] == f"warning: {long}".rstrip()
    assert not any(
        line.startswith("\x1b[33m") and "convert" in line for line in screen.getvalue().split("\n")
    )


# --- without rich --------------------------------------------------------------------------------


def test_without_rich_a_step_says_how_long_it_took(pipe: io.StringIO) -> None:
    progress = LineProgress()
    with progress.step("round 1"):
        progress.note("a fact")
    assert without_seconds(pipe.getvalue().splitlines()) == ["a fact", "round 1: #"]


def test_without_rich_the_line_is_drawn_anew_and_nothing_is_glued_to_it(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgetl.cli.lines._EVERY_S", 0.001)
    progress = LineProgress()
    with progress.step("round 1", 10) as advance:
        advance(4)
        deadline = time.monotonic() + 20
        while "4 of 10" not in screen.getvalue() and time.monotonic() < deadline:
            time.sleep(0.001)
        progress.warn("it is hot")
    assert without_seconds(screen.left()) == ["warning: it is hot", "round 1: #"]


def test_rich_draws_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(console_progress(), ConsoleProgress)
    monkeypatch.setattr("edgetl.extras.is_installed", lambda module: module != "rich")
    assert isinstance(console_progress(), LineProgress)
