"""``edgetl doctor``: what this machine is, which engines work on it, and the line that fixes what does not.

Each engine is tried with a real inference, since some import well and fail at the first model, and in a
process of its own, since some die at import with an illegal instruction.
"""

import json
import os
import platform
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL

from edgetl import isolated
from edgetl.errors import EdgetlError
from edgetl.runtime import engines, probe_models
from edgetl.runtime.known_bad import TABLE, Facts, KnownBad

if TYPE_CHECKING:
    from edgetl.benchmarks.machine import Machine

_TIMEOUT_S = 60.0  # OpenVINO's import alone takes seconds on a Pi 3
_UNDER_VOLTAGE = "under-voltage"


@dataclass(frozen=True)
class EngineCheck:
    """How one engine did."""

    name: str
    formats: tuple[str, ...]
    version: str | None
    """None when it is not installed."""
    works: bool | None
    """Whether it gave the right answer to a trial inference; None when it is not installed."""
    reason: str | None
    """Why it does not work."""
    install: str
    """The line that installs it."""


@dataclass(frozen=True)
class Problem:
    """Something that does not work, or does not work well, and the way out."""

    problem: str
    fix: str
    """The exact line to type, or what to change on the board."""
    source: str | None
    """Where it is known from; None when it was seen here."""


@dataclass(frozen=True)
class DoctorReport:
    """What :func:`doctor` found."""

    machine: "Machine"
    numpy: str
    pillow: str
    engines: tuple[EngineCheck, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether an engine works and no installed one is broken."""
        tried = [check.works for check in self.engines if check.works is not None]
        return bool(tried) and all(tried)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for a bug report."""
        return {**asdict(self), "ok": self.ok}


def doctor(*, root: Path = Path("/")) -> DoctorReport:
    """Look at this machine and try every engine that is installed.

    Args:
        root: where ``/proc`` and ``/sys`` stand; tests give a board's files.
    """
    from edgetl.benchmarks.machine import describe
    from edgetl.benchmarks.state import read_state, read_text

    machine = describe(root)
    checks = tuple(check(row) for row in engines.ENGINES.values() if row.package is not None)
    facts = Facts(
        engines={found.name: found.version for found in checks if found.version is not None},
        numpy=np.__version__,
        python=sys.version_info[:2],
        architecture=platform.machine(),
        bits=machine.bits,
        cpu_features=_cpu_features(read_text(root / "proc/cpuinfo") or ""),
    )
    state = read_state(root)
    problems = [
        *_engine_problems(checks, facts),
        *_power_problems(state.throttled_now, state.throttled_before),
    ]
    return DoctorReport(machine, np.__version__, PIL.__version__, checks, tuple(problems))


def check(row: engines.EngineRow, *, timeout_s: float = _TIMEOUT_S) -> EngineCheck:
    """Try an engine with a small model in a process of its own."""
    version = row.version or ("of unknown version" if row.installed else None)
    reason = _trial(row.name, timeout_s) if row.installed else None
    works = reason is None if row.installed else None
    return EngineCheck(row.name, row.formats, version, works, reason, f"pip install 'edgetl[{row.extra}]'")


def _trial(name: str, timeout_s: float) -> str | None:
    """Why the engine does not work, None if it does."""
    try:
        ended = subprocess.run(
            isolated.command("edgetl.runtime.doctor:probe", name),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"gave no answer within {timeout_s:g} s"
    if ended.returncode < 0:
        fate = signal.Signals(-ended.returncode).name
        if -ended.returncode == signal.SIGILL:
            return "dies with an illegal instruction (SIGILL): it was built for a newer CPU"
        return f"dies with {fate}"
    try:
        reason: str | None = json.loads(ended.stdout.splitlines()[-1])["reason"]
    except (ValueError, LookupError):
        words = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
        return words[-1] if words else f"its process ended with code {ended.returncode}"
    return reason


def probe() -> None:
    """Run the small model in the engine that the command line names; what the child process does."""
    row = engines.get(sys.argv[1])
    reason = None
    try:
        with engines.start(row, probe_models.files(row.formats[0]), num_threads=1) as engine:
            (answer,) = engine.run(probe_models.PICTURE)
        difference = float(np.abs(answer - probe_models.ANSWER).max())
        if not difference <= probe_models.TOLERANCE:  # written so that NaN is wrong too
            reason = f"answers wrongly: a probability is off by {difference:.3f}"
    except EdgetlError as error:
        reason = str(error)
    print("\n" + json.dumps({"reason": reason}), flush=True)  # noqa: T201 - the parent reads it
    os._exit(0)  # what an engine does at exit is not what is asked


def _engine_problems(checks: tuple[EngineCheck, ...], facts: Facts) -> list[Problem]:
    problems = []
    known = [row for row in TABLE if row.applies(facts)]
    for found in checks:
        rows = [row for row in known if row.engine == found.name]
        if found.works is False:
            told = next((_told(row) for row in rows if row.probe_shows), None)
            problems.append(told or _seen(found))
        problems += [_told(row) for row in rows if not row.probe_shows]
    if not any(found.works for found in checks):
        general = [_told(row) for row in known if row.engine is None]
        if not general and not problems:
            general = [Problem("no engine is installed", "pip install 'edgetl[litert]'", None)]
        problems += general
    return problems


def _told(row: KnownBad) -> Problem:
    return Problem(row.problem, row.fix, row.source)


def _seen(found: EngineCheck) -> Problem:
    distribution = engines.ENGINES[found.name].distribution
    return Problem(
        f"{found.name} {found.version} is installed and does not work: {found.reason}",
        f"pip install --upgrade --force-reinstall {distribution}",
        None,
    )


def _power_problems(now: tuple[str, ...], before: tuple[str, ...]) -> list[Problem]:
    problems = []
    for meaning in dict.fromkeys((*now, *before)):
        when = "now" if meaning in now else "since it was started"
        fix = (
            "use the power supply that is made for this board, and a short cable"
            if meaning == _UNDER_VOLTAGE
            else "give it a heat sink or a fan"
        )
        problems.append(
            Problem(
                f"the board reports {meaning} {when}: it is slower than it could be",
                fix,
                "vcgencmd get_throttled",
            )
        )
    return problems


def _cpu_features(cpuinfo: str) -> frozenset[str]:
    """The features that all cores have: ``Features`` on ARM, ``flags`` on x86."""
    lines = [line.partition(":") for line in cpuinfo.splitlines()]
    cores = [frozenset(value.split()) for key, _, value in lines if key.strip() in ("Features", "flags")]
    return frozenset.intersection(*cores) if cores else frozenset()
