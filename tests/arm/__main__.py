"""``make test-arm``: set up emulated boards and prove on them what docs/arm.md says.

Ends with 0 when all of it holds, 1 when something does not, 2 when this machine cannot emulate a board, and
75 (EX_TEMPFAIL) when Debian's packages cannot be reached; with ``--skip-unreachable`` that is a skip, 0.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from arm import debian, folders, packages, proof, userland, workstation
from arm.boards import BOARDS

_PICTURES, _SHOWN = 16, 4
VARIANT = "tflite-int8"
"""Every installation has an engine for it."""


@dataclass(frozen=True)
class Installation:
    """What is installed on a board, and what must then work."""

    extras: tuple[str, ...]
    engines: tuple[str, ...]
    formats: tuple[str, ...]
    tests: tuple[str, ...] = ("tests/runtime/test_engines.py", "tests/runtime/test_verify.py")


_EVERY_ENGINE = Installation(
    ("litert", "onnx", "openvino"),
    ("litert", "onnxruntime", "openvino"),
    ("tflite", "onnx", "openvino"),
    proof.TESTS,
)
_OLD_ENGINE = Installation(("tflite",), ("tflite-runtime",), ("tflite",))
_32_BITS = Installation(("lite32",), ("tflite-runtime",), ("tflite",))


def installations(board: str, suite: str, *, quick: bool = False) -> list[Installation]:
    """What can be installed there; tflite-runtime has no wheels for Python 3.12 and later."""
    old = userland.PYTHONS[suite] == "3.11"
    if BOARDS[board].architecture == "armhf":
        return [_32_BITS] if old else []
    every = replace(_EVERY_ENGINE, tests=proof.QUICK) if quick else _EVERY_ENGINE
    return [every, _OLD_ENGINE] if old else [every]


class Report:
    """Prints what was found as it is found, and keeps what failed."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        """One line, with the seconds since the start."""
        sys.stdout.write(f"[{time.monotonic() - self._start:4.0f} s] {text}\n")
        sys.stdout.flush()

    def step(self, name: str, prove: Callable[[], str]) -> None:
        """Prove one thing and say how it went."""
        try:
            self.say(f"ok      {name}: {prove()}")
        except AssertionError as error:
            self.failures.append(name)
            self.say(f"FAILED  {name}: {error}")


def main() -> int:
    """Go through the boards that were asked for."""
    parser = argparse.ArgumentParser(prog="make test-arm", description="Prove edgetl on emulated boards.")
    parser.add_argument("--pi", default="all", help=f"of {', '.join(BOARDS)}; all: pi4,pi5")
    parser.add_argument("--suite", default="all", help=f"of {', '.join(userland.PYTHONS)}, or all")
    parser.add_argument("--skip-unreachable", action="store_true", help="no apt server is no failure")
    parser.add_argument("--quick", action="store_true", help="only the tests that start few processes there")
    arguments = parser.parse_args()
    pis = ["pi4", "pi5"] if arguments.pi == "all" else arguments.pi.split(",")
    suites = list(userland.PYTHONS) if arguments.suite == "all" else arguments.suite.split(",")
    for name, offered in [(name, BOARDS) for name in pis] + [(name, userland.PYTHONS) for name in suites]:
        if name not in offered:
            parser.error(f"{name} is not emulated: choose {', '.join(offered)}, or all")
    places = [(pi, suite) for suite in suites for pi in pis if installations(pi, suite)]
    if not places:
        parser.error(f"no engine has wheels for {arguments.pi} with {arguments.suite}: choose bookworm")
    report = Report()
    try:
        prove(report, places, quick=arguments.quick)
    except debian.UnsuitableHostError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except debian.UnreachableError as error:
        word = "skipped" if arguments.skip_unreachable else "error"
        sys.stderr.write(f"{word}: the emulated board needs Debian's packages, and apt says: {error}\n")
        return 0 if arguments.skip_unreachable else os.EX_TEMPFAIL
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, RuntimeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    report.say(f"do not hold: {'; '.join(report.failures)}" if report.failures else "everything holds")
    return 1 if report.failures else 0


def prove(report: Report, places: Sequence[tuple[str, str]], *, quick: bool = False) -> None:
    """Set up each board with each suite, and run the proof there."""
    with folders.alone(folders.cache()), ThreadPoolExecutor(1) as pool:
        # Training and converting keep one core busy while the other unpacks the board.
        wheel = workstation.wheel()
        pending = pool.submit(lambda: (workstation.tiny_models(), workstation.bundle()))
        boards = [
            (place, installed, packages.install(place, installed.extras, wheel))
            for place in [userland.make(BOARDS[pi], suite) for pi, suite in places]
            for installed in installations(place.board.name, place.suite, quick=quick)
        ]
        report.say(f"{len(boards)} installations stand in {folders.cache()}")
        tiny_models, bundle = pending.result()
    report.say(f"the bundle stands in {bundle}")
    pictures = sorted(workstation.photos(bundle.parent / "photos").rglob("*.[jp][pn]g"))
    chosen = pictures[:: max(1, len(pictures) // _PICTURES)][:_PICTURES]
    # Emulated, a step keeps one core busy whatever it does.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for ended in [pool.submit(prove_one, report, *each, bundle, chosen, tiny_models) for each in boards]:
            ended.result()


def prove_one(
    report: Report,
    place: userland.Userland,
    installed: Installation,
    python: Path,
    bundle: Path,
    pictures: Sequence[Path],
    tiny_models: Path,
) -> None:
    """The steps of docs/arm.md on one board."""
    at = f"{place.label}, edgetl[{','.join(installed.extras)}]"
    step, board = report.step, place.board
    step(f"{at}, doctor", lambda: proof.doctor(python, board, place.python_version, installed.engines))
    step(f"{at}, verify", lambda: proof.verify(python, board, bundle, installed.formats))
    step(f"{at}, run", lambda: proof.run(python, bundle, pictures[:_SHOWN], VARIANT))
    if proof.edgetl(sys.executable, "teach", "--help", code=None).returncode == 0:
        step(f"{at}, teach", lambda: proof.teach(python, bundle, pictures, VARIANT))
    else:
        report.say(f"left out {at}, teach: this edgetl has no such command")
    step(f"{at}, tests", lambda: proof.tests(python, installed.engines, tiny_models, installed.tests))


if __name__ == "__main__":
    sys.exit(main())
