"""Programs that are run for labels: what they are told, what goes wrong, and how they end."""

import gc
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgetl.errors import UsageError
from edgetl.runtime.commands import CommandRunner
from edgetl.runtime.result import Result, Timings
from edgetl.runtime.sources import Frame
from edgetl.runtime.stream import Seen


def seen(label: str = "bee", name: str = "photos/1.jpg", index: int = 7) -> Seen:
    row = np.array([0.25, 0.75], np.float32)
    result = Result(label, 0.75, False, row, ("ant", label), Timings(0, 0, 0, 0))
    return Seen(Frame(name, b"", index, 0.0), result, True, 0)


class Runner:
    """Starts runners of Python code, notes their problems, and stops them in the end."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.started: list[CommandRunner] = []

    def of(self, *command: str, **options: Any) -> CommandRunner:
        self.started.append(CommandRunner(command, **{"on_problem": self.problems.append, **options}))
        return self.started[-1]

    def python(self, code: str, *arguments: str, **options: Any) -> CommandRunner:
        return self.of(sys.executable, "-c", code, *arguments, **options)


@pytest.fixture
def runner() -> Iterator[Runner]:
    made = Runner()
    yield made
    for one in made.started:
        one.stop()


def wait_for(path: Path) -> str:
    """What a program has written, once it has."""
    for _ in range(3000):
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.01)
    raise AssertionError(f"{path} was never written")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    """Whether a process that was killed a moment ago is gone."""
    for _ in range(1000):
        if not is_running(pid):
            return True
        time.sleep(0.01)
    return False


def test_the_program_is_told_by_its_environment(runner: Runner, tmp_path: Path) -> None:
    code = (
        "import os, sys; keys = ('EDGETL_LABEL', 'EDGETL_SCORE', 'EDGETL_PICTURE', 'EDGETL_FRAME');"
        "print({key: os.environ[key] for key in keys},"
        "sys.argv[1:], sys.stdin.read(), file=open('told.txt', 'w'))"
    )
    run = runner.python(f"import os; os.chdir({str(tmp_path)!r}); {code}", "--now", "$HOME;`id`")
    run.run(seen("--help $(touch hacked)", "a b.jpg"))
    run.finish()
    assert (tmp_path / "told.txt").read_text() == (
        "{'EDGETL_LABEL': '--help $(touch hacked)', 'EDGETL_SCORE': '0.750000', 'EDGETL_PICTURE': 'a b.jpg', "
        "'EDGETL_FRAME': '7'} ['--now', '$HOME;`id`'] \n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["told.txt"]
    assert runner.problems == []


def test_what_it_prints_is_no_result(runner: Runner, capfd: pytest.CaptureFixture[str]) -> None:
    run = runner.python("import sys; print('one', flush=True); print('two', file=sys.stderr)")
    run.run(seen())
    run.finish()
    assert capfd.readouterr() == ("", "one\ntwo\n")


def test_calls_run_one_after_the_other_in_order(runner: Runner, tmp_path: Path) -> None:
    place = tmp_path / "order.txt"
    run = runner.python(
        "import os, sys, time; file = open(sys.argv[1], 'a'); n = os.environ['EDGETL_FRAME'];"
        "file.write(f'<{n}'); file.flush(); time.sleep(0.02); file.write(f'{n}>')",
        str(place),
    )
    for index in range(4):
        run.run(seen(index=index))
    run.finish()
    assert place.read_text() == "<00><11><22><33>"


@pytest.mark.parametrize("command", [(), ("",), ("/not/there",), ("no-such-program",), (__file__,)])
def test_a_program_that_cannot_be_run_is_refused_at_once(runner: Runner, command: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="cannot be run: give its path, and chmod"):
        runner.of(*command)


def test_what_fails_is_told_and_the_next_one_runs(runner: Runner, tmp_path: Path) -> None:
    place = tmp_path / "ran"
    run = runner.python(
        "import os, sys; open(sys.argv[1], 'a').write('x'); sys.exit(os.environ['EDGETL_LABEL'] == 'bee')",
        str(place),
    )
    run.run(seen("bee"))
    run.run(seen("no\0label"))
    run.run(seen("ant"))
    run.finish()
    assert place.read_text() == "xx"
    assert runner.problems == [
        f"{sys.executable} ended with code 1",
        f"{sys.executable} cannot be run: embedded null byte",
    ]


def test_a_program_that_vanishes_is_told(runner: Runner, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    run = runner.of(str(program))
    program.unlink()
    run.run(seen())
    run.finish()
    assert len(runner.problems) == 1
    assert f"{program} cannot be run: " in runner.problems[0]


def test_problems_that_nobody_reads_do_not_end_it(runner: Runner, tmp_path: Path) -> None:
    def broken(_: str) -> None:
        raise BrokenPipeError

    place = tmp_path / "ran"
    run = runner.python(
        "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(1)", str(place), on_problem=broken
    )
    for _ in range(3):
        run.run(seen())
    run.finish()
    assert place.read_text() == "xxx"


_FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN);"
                          "print('ready', flush=True); time.sleep(600)"], stdout=subprocess.PIPE)
child.stdout.readline()
def off(*_):
    open(sys.argv[2], "w").write("switched off")
    os._exit(0)
signal.signal(15, off)
with open(sys.argv[1] + ".part", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""


def test_stopped_it_may_tidy_up_and_what_it_started_ends_with_it(runner: Runner, tmp_path: Path) -> None:
    pids, off = tmp_path / "pids", tmp_path / "off"
    run = runner.python(_FAMILY, str(pids), str(off))
    run.run(seen())
    run.run(seen())
    family = [int(pid) for pid in wait_for(pids).split()]
    run.stop()
    assert off.read_text() == "switched off"
    assert all(ends(pid) for pid in family)
    assert runner.problems == []


def test_what_takes_too_long_is_ended_and_told(runner: Runner, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    run = runner.python(_FAMILY, str(pids), str(tmp_path / "off"), timeout_s=2.0)
    run.run(seen())
    run.finish()
    assert runner.problems == [f"{sys.executable} was ended after 2 s"]
    assert all(ends(int(pid)) for pid in wait_for(pids).split())


def test_a_wait_that_a_signal_ends_leaves_nothing_running(runner: Runner, tmp_path: Path) -> None:
    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    pids = tmp_path / "pids"
    run = runner.python(_FAMILY, str(pids), str(tmp_path / "off"))
    run.run(seen())
    family = [int(pid) for pid in wait_for(pids).split()]
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(Interrupted):
            run.finish()
    finally:
        signal.signal(signal.SIGUSR1, before)
    run.stop()
    assert all(ends(pid) for pid in family)


def test_a_camera_leaves_frames_out_where_pictures_wait(runner: Runner, tmp_path: Path) -> None:
    go, count = tmp_path / "go", tmp_path / "count"
    run = runner.python(
        "import os, sys, time\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"
        "open(sys.argv[2], 'a').write('x')",
        str(go),
        str(count),
    )
    for index in range(40):
        run.run(seen(name=f"frame {index}", index=index))
    left_out = len(runner.problems)
    assert left_out in (7, 8)  # 32 wait, and the first may run already
    assert runner.problems[-1] == f"{sys.executable} is too slow: 32 calls wait, frame 39 is left out"
    threading.Timer(0.05, go.touch).start()
    run.run(seen(), wait=True)
    run.finish()
    assert len(runner.problems) == left_out
    assert len(count.read_text()) == 41 - left_out


def test_a_frame_that_waits_is_not_kept(runner: Runner, tmp_path: Path) -> None:
    go = tmp_path / "go"
    run = runner.python(
        "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)", str(go)
    )
    frame = seen()
    kept = weakref.ref(frame)
    for _ in range(3):
        run.run(frame)
    del frame
    gc.collect()
    assert kept() is None  # a camera's are megabytes each
    go.touch()
    run.finish()
