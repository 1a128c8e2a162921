"""Run one variant for minutes: how fast it stays, and when the board throttles: ``edgetl bench --soak``."""

import contextlib
import json
import math
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgetl import debug, isolated
from edgetl.benchmarks.board.power import Meter
from edgetl.benchmarks.board.sampling import Sampler
from edgetl.benchmarks.board.soak_curve import SoakCurve, SoakWindow, curve, window_of
from edgetl.benchmarks.board.soaking import SoakRequest
from edgetl.bundle import Bundle
from edgetl.errors import ModelError, UsageError
from edgetl.progress import SILENT, Progress
from edgetl.runtime import engines
from edgetl.runtime.choosing import choose

WINDOWS = 60
SHORTEST_WINDOW_S = 1.0
_NOTES = 10
_SILENCE_S = 600.0
"""A process that says nothing for so long beyond a window is ended: the same patience as ``measure.py``'s."""
_ENDING_S = 10.0
_STOPPED = "it was stopped"


def soak(
    bundle: str | Path,
    variant: str | None = None,
    *,
    minutes: float,
    threads: int | None = None,
    meter: Meter | None = None,
    progress: Progress = SILENT,
) -> SoakCurve:
    """Run one variant without a pause in a fresh process, and sample the board's state meanwhile.

    Ctrl-C, and a process that dies, end it early: the curve is of what was measured until then, and says so.

    Args:
        bundle: the folder ``edgetl export`` wrote.
        variant: which; None takes the bundle's pick, or what is next best here.
        minutes: for how long; the curve has 60 windows, of a second at least.
        threads: of one inference; None takes all cores, at most 4.
        meter: what tells the power, see ``power.find_meter``.
        progress: hears of the soak ten times.

    Raises:
        BundleError: no bundle there, or a damaged one.
        UsageError: an unknown variant, minutes that are no time, or fewer than one thread.
        MissingPackageError: no engine for it is installed.
        ModelError: it ended before the first window did; the message says why.
    """
    if not 0 < minutes < math.inf:
        raise UsageError(f"a soak of {minutes:g} minutes measures nothing: ask for more than 0")
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads cannot run anything: ask for 1 or more")
    opened = Bundle.open(bundle)
    chosen, row = choose(opened, variant)
    seconds = 60 * minutes
    request = SoakRequest(
        bundle=str(opened.path.resolve()),
        variant=chosen.name,
        engine=row.name,
        threads=threads or engines.default_threads(),
        seconds=seconds,
        window_s=max(SHORTEST_WINDOW_S, seconds / WINDOWS),
    )
    windows: list[SoakWindow] = []
    ended = None
    with (
        progress.step(f"soaking {chosen.name} in {row.name} for {minutes:g} minutes"),
        Sampler(meter=meter) as sampler,
    ):
        start_s = math.inf
        try:
            with contextlib.closing(_told(request)) as answers:
                for told in answers:
                    sampler.mark()
                    start_s = min(start_s, told["start_s"])
                    windows.append(window_of(told, start_s, sampler.samples(told["start_s"])))
                    if len(windows) % max(1, WINDOWS // _NOTES) == 0:
                        progress.note(windows[-1].text)
        except ModelError as error:
            ended = str(error)
        except KeyboardInterrupt:
            ended = _STOPPED
        end_s = sampler.mark()
    if not windows:
        if ended == _STOPPED:
            raise KeyboardInterrupt
        raise ModelError(ended or f"{row.name} ended before its first inference: try edgetl verify")
    return curve(request, windows, sampler.samples(start_s, end_s), sampler.cost(), ended)


def _told(request: SoakRequest) -> Generator[dict[str, Any], None, None]:
    """The windows as the process tells them; it is ended with this generator.

    Raises:
        ModelError: it refused, crashed or hangs.
    """
    command = isolated.command("edgetl.benchmarks.board.soaking:main", json.dumps(asdict(request)))
    with tempfile.TemporaryFile() as log:
        errors = None if debug.is_on() else log
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        ) as process:
            try:
                for line in _lines(process, request.window_s + _SILENCE_S):
                    answer = json.loads(line)
                    if "error" in answer:
                        raise ModelError(answer["error"])
                    yield answer
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_ENDING_S)
            finally:
                process.kill()
        if process.returncode:
            log.seek(0)
            fate = isolated.last_words(process.returncode, log.read())
            raise ModelError(f"{request.engine} failed: {fate}")


def _lines(process: "subprocess.Popen[bytes]", silence_s: float) -> Iterator[bytes]:
    assert process.stdout is not None  # it was asked for
    hung = threading.Event()

    def end() -> None:
        hung.set()
        process.kill()

    while True:
        watchdog = threading.Timer(silence_s, end)
        watchdog.daemon = True
        watchdog.start()
        try:
            line = process.stdout.readline()
        finally:
            watchdog.cancel()
        if hung.is_set():
            raise ModelError(f"it hung: the process said nothing for {silence_s:.0f} s")
        if not line:
            return
        yield line
