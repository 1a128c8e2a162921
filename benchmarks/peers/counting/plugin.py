"""Counts what an emulated board's Python executes: builds ``counter.c``, runs ``on_board.py`` under it."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = (
    "dot_product",
    "integer_multiply_add",
    "float_multiply_add",
    "other_vector",
    "load",
    "store",
    "branch",
    "scalar",
)
"""Kinds of instructions, as ``kinds.h`` tells them apart; each instruction is of one."""
SOURCES = (HERE / "counter.c", HERE / "kinds.h")
NAME = "counter.so"
_UNCOUNTED = 2  # on_board.WARM_UP: marks before the pair with nothing between them
_LIMIT_S = 900


class CountingError(RuntimeError):
    """Instructions cannot be counted here; the message says what is missing."""


@dataclass(frozen=True)
class Executed:
    """Instructions executed by one piece of work, a row for each repeat of it."""

    repeats: tuple[Mapping[str, int], ...]
    """By kind."""
    answer: Mapping[str, Any]
    """What ``on_board.py`` printed."""


def build(folder: Path) -> Path:
    """Compile the plugin into a folder.

    Raises:
        CountingError: there is no C compiler, or it fails.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise CountingError(
            "counting instructions needs a C compiler for the plugin of QEMU: apt install gcc libc6-dev"
        )
    built = folder / NAME
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(built), str(SOURCES[0])]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        first = next((line for line in ended.stderr.splitlines() if "error" in line), ended.stderr.strip())
        raise CountingError(f"{compiler} cannot build {SOURCES[0].name}: {first}; apt install gcc libc6-dev")
    return built


def count(python: Path, plugin: Path, request: Mapping[str, Any]) -> Executed:
    """Have the board's Python do one piece of work of ``on_board.py``, in a process of its own.

    Raises:
        CountingError: as :func:`run` and :func:`between`.
    """
    answer, marks = run(python, plugin, request)
    return Executed(() if "problem" in answer else between(marks), answer)


def run(python: Path, plugin: Path, request: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What ``on_board.py`` answers, and a line of JSON for each mark it set.

    Raises:
        CountingError: QEMU takes no plugins, or the process failed or did not end.
    """
    with tempfile.TemporaryDirectory(prefix="edgetl-counted-") as folder:
        marks = Path(folder) / "marks.jsonl"
        environment = {
            **os.environ,
            "QEMU_PLUGIN": f"{plugin},out={marks}",
            "PYTHONHASHSEED": "0",  # else dictionaries, and so the counts, differ from run to run
            "EDGETL_CACHE": folder,
        }
        environment.pop("PYTHONPATH", None)  # it is this machine's
        command = [str(python), str(HERE / "on_board.py"), json.dumps(request)]
        try:
            ended = subprocess.run(
                command,
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_LIMIT_S,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise CountingError(f"the emulated board did not end within {_LIMIT_S} s") from None
        if ended.returncode:
            said = ended.stderr.strip().splitlines()
            reason = said[-1] if said else "without a word"
            raise CountingError(f"the emulated board's Python ended with {ended.returncode}: {reason}")
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        if "problem" in answer:
            return answer, []
        if not marks.is_file():
            raise CountingError(
                f"the emulator behind {python} took no notice of QEMU_PLUGIN: it was built without plugins; "
                "Debian 12's qemu-user has them"
            )
        return answer, marks.read_text().splitlines()


def between(lines: Sequence[str]) -> tuple[dict[str, int], ...]:
    """What was executed in each repeat, from the counts at the marks that ``on_board.between_marks`` sets.

    The first marks end the warm-up. The next two have nothing between them: what a mark itself executes is
    taken off each repeat.

    Raises:
        CountingError: there are too few marks, or they have other kinds.
    """
    totals = [json.loads(line) for line in lines][_UNCOUNTED:]
    if len(totals) < 3 or any(tuple(total) != KINDS for total in totals):
        raise CountingError(f"{len(lines)} marks: {_UNCOUNTED + 3} of known kinds are needed")
    steps = [{kind: after[kind] - before[kind] for kind in KINDS} for before, after in pairwise(totals)]
    empty, *repeats = steps
    return tuple({kind: max(0, step[kind] - empty[kind]) for kind in KINDS} for step in repeats)
