"""SIGKILL at random moments of the real commands: the old state or the new, and the next one needs no hand.

    PYTHONPATH=tests python -m faults.kills [--kills 5000] [--minutes 10] [--slow 20] [--seed 0]

Each command is run once undisturbed, then again and again from the same beginning in a process that is killed
at a random moment of the time the first one took. ``--slow`` is how many of ``edgetl train`` and ``export``.
Prints a line a fault; exits with 1 when anything was lost, half-written or left behind.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import support

from edgetl.benchmarks import reading
from edgetl.bundle import Bundle
from edgetl.cli import main as command_line
from faults.judging import Recording
from faults.recorder import temporary_names
from faults.scenarios import SCENARIOS, Scenario, Value
from faults.states import History


def _bench(root: Path) -> None:
    with contextlib.ExitStack() as stack:
        nothing = stack.enter_context(Path(os.devnull).open("w"))
        stack.enter_context(contextlib.redirect_stdout(nothing))
        stack.enter_context(contextlib.redirect_stderr(nothing))
        with contextlib.suppress(SystemExit):
            command_line(["bench", str(root / "insects.edgetl"), "--runs", "5", "--rounds", "1"])


def _read_bench(root: Path) -> Value:
    """That all four files are whole; the times in them are others each time."""
    Bundle.open(root / "insects.edgetl")
    place = root / "insects-bench"
    if not place.exists():
        return None
    reading.read_report(place)
    assert (place / "bench.html").read_text("utf-8").rstrip().endswith("</html>")
    return sorted(path.name for path in place.glob("bench.*"))


BENCH = Scenario(
    "edgetl bench",
    lambda root: (support.write_fake_bundle(root / "insects.edgetl"), _bench(root)),
    _bench,
    _read_bench,
)
COMMANDS = (*SCENARIOS, BENCH)


@dataclass
class Tally:
    """What came of the kills of a command."""

    killed: int = 0
    """That it had not ended before."""
    ended: int = 0
    faults: tuple[str, ...] = ()


def kill_at_random(scenario: Scenario, kills: int, chance: np.random.Generator, room: Path) -> Tally:
    """Kill a command so many times, each in a process of its own."""
    prepared, undisturbed = room / "prepared", room / "undisturbed"
    prepared.mkdir()
    with scenario.at(prepared):
        scenario.prepare(prepared)
    shutil.copytree(prepared, undisturbed)
    with scenario.at(undisturbed):
        before = scenario.read(undisturbed)
        start = time.perf_counter()
        scenario.run(undisturbed)
        took = time.perf_counter() - start
        after = scenario.read(undisturbed)
    tally = Tally()
    for number in range(kills):
        place = room / f"kill-{number}"
        shutil.copytree(prepared, place)
        delay = float(chance.uniform(0, 1.3 * took))
        ended = _killed(lambda place=place: scenario.run(place), scenario, place, delay)
        tally.killed += not ended
        tally.ended += ended
        told = f"killed after {1000 * delay:.1f} ms of {1000 * took:.1f}"
        with scenario.at(place):
            try:
                found = scenario.read(place)
            except Exception as error:  # noqa: BLE001 - whatever a reader raises is a fault
                tally.faults += (f"{told}: cannot be read: {error!r}",)
                continue
            if not scenario.fits(found, before, after):
                tally.faults += (f"{told}: found is {found!r}",)
            elif fault := Recording(scenario, History([]), before, after).after_the_next(place, told):
                tally.faults += (fault,)
        shutil.rmtree(place)
    return tally


def _killed(command: Callable[[], object], scenario: Scenario, place: Path, delay: float) -> bool:
    """Run a command in a process that is killed after so many seconds; whether it had ended."""
    ready, begun = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            with scenario.at(place):
                os.write(begun, b".")
                command()
            os._exit(0)
        finally:
            os._exit(1)
    os.close(begun)
    os.read(ready, 1)
    os.close(ready)
    time.sleep(delay)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.WIFEXITED(status)


def kill_slow(kills: int, chance: np.random.Generator, room: Path) -> list[str]:
    """The same of ``edgetl train`` and ``export``, which take seconds and have processes of their own."""
    from edgetl.training.run import Run

    photos, cells, bundle = support.solar_photos(room / "photos"), room / "cells", room / "cells.edgetl"
    scratch = room / "tmp"
    scratch.mkdir()
    surroundings = {**os.environ, "EDGETL_CACHE": str(room / "cache"), "TMPDIR": str(scratch)}
    train = ["train", str(photos), "--out", str(cells), "--layers", "last", "--force"]
    kind = ["--formats", "onnx", "--precisions", "float32"]
    export = ["export", str(cells), *kind, "--out", str(bundle), "--force"]
    faults: list[str] = []
    readers: tuple[Callable[[], object], ...] = (lambda: Run.open(cells), lambda: _whole(bundle))
    for words, read in zip((train, export), readers, strict=True):
        line = [sys.executable, "-m", "edgetl", *words]
        for _ in range(2):  # the first fills the cache
            start = time.monotonic()
            subprocess.run(line, env=surroundings, check=True, capture_output=True)
            took = time.monotonic() - start
        for number in range(kills // 2):
            process = subprocess.Popen(
                line,
                env=surroundings,
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            # Most of the time is imports and computing: half of the moments are late ones, when it writes.
            delay = float(chance.uniform(0.0 if number % 2 else 0.7, 1.1) * took)
            time.sleep(delay)
            (os.kill if number % 4 == 3 else os.killpg)(process.pid, signal.SIGKILL)
            process.wait()
            told = f"edgetl {words[0]} killed after {delay:.1f} s of {took:.1f}"
            try:
                read()
                done = subprocess.run(
                    line,
                    env=surroundings,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                read()
            except Exception as error:  # noqa: BLE001
                faults.append(f"{told}: {error!r}")
                continue
            if done.returncode != 0:
                faults.append(f"{told}: the next one failed: {done.stderr[-300:]}")
            if left := temporary_names(room):
                faults.append(f"{told}: left {left}")
        _say(f"edgetl {words[0]}: {kills // 2} kills in {took:.1f} s, {len(faults)} faults so far")
    return faults


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _whole(place: Path) -> None:
    bundle = Bundle.open(place)
    for variant in bundle.manifest.variants:
        bundle.model_files(variant)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--slow", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    chance = np.random.default_rng(wanted.seed)
    end = time.monotonic() + 60 * wanted.minutes
    each = min(10, -(-wanted.kills // len(COMMANDS)))
    tried, killed, faults = 0, 0, []
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    while tried < wanted.kills and time.monotonic() < end:
        for scenario in COMMANDS:
            with tempfile.TemporaryDirectory(dir=memory, prefix="edgetl-kills-") as folder:
                tally = kill_at_random(scenario, each, chance, Path(folder))
            tried, killed = tried + each, killed + tally.killed
            faults += [f"{scenario}, {fault}" for fault in tally.faults]
            for fault in tally.faults:
                _say(f"{scenario}, {fault}")
    _say(
        f"{tried} kills of {len(COMMANDS)} commands, {killed} before they ended: {len(faults)} faults",
    )
    if wanted.slow:
        with tempfile.TemporaryDirectory(prefix="edgetl-kills-") as folder:
            faults += kill_slow(wanted.slow, chance, Path(folder))
    _say("\n".join(faults) or "nothing lost, nothing half-written, nothing left behind")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
