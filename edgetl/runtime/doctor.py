"""``edgetl doctor``: what this machine is, which engines work on it, and what fixes the others."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL

from edgetl.bundle import Bundle
from edgetl.runtime import bundle_check, camera_stack, engines, trial
from edgetl.runtime.bundle_check import BundleCheck
from edgetl.runtime.camera_stack import CameraStack
from edgetl.runtime.facts import Facts, facts_of
from edgetl.runtime.fixes import Problem, in_environment, typed_here
from edgetl.runtime.known_bad import TABLE, KnownBad
from edgetl.runtime.trial import EngineCheck

if TYPE_CHECKING:
    from edgetl.benchmarks.machine import Machine

SCHEMA = 1
"""Version of the layout of :meth:`DoctorReport.to_dict`."""

_UNDER_VOLTAGE = "under-voltage"


@dataclass(frozen=True)
class DoctorReport:
    """What :func:`doctor` found."""

    machine: "Machine"
    throttled_now: tuple[str, ...]
    """What slows the board at this moment, in words."""
    throttled_before: tuple[str, ...]
    """What has slowed it since it was started."""
    environment: bool
    """Whether Python runs in a virtual environment."""
    numpy: str
    pillow: str
    engines: tuple[EngineCheck, ...]
    cameras: CameraStack
    bundle: BundleCheck | None
    """None when none was asked about."""
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether an engine works, no installed one is broken, and the bundle asked about runs."""
        tried = [check.works for check in self.engines if check.works is not None]
        return bool(tried) and all(tried) and (self.bundle is None or self.bundle.takes is not None)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for a bug report."""
        return {"schema": SCHEMA, **asdict(self), "ok": self.ok}


def doctor(bundle: str | Path | None = None, *, root: Path = Path("/")) -> DoctorReport:
    """Look at this machine, try every engine that is installed, and say which variants of a bundle run.

    Args:
        bundle: the folder ``edgetl export`` wrote; None asks about the machine alone.
        root: where ``/proc`` and ``/sys`` stand; tests give a board's files.

    Raises:
        BundleError: no bundle there, or a damaged one.
    """
    from edgetl.benchmarks.machine import describe
    from edgetl.benchmarks.state import read_state

    opened = None if bundle is None else Bundle.open(bundle)
    machine, state = describe(root), read_state(root)
    rows = [row for row in engines.ENGINES.values() if row.package is not None]
    facts = facts_of({row.name: row.version or "" for row in rows if row.installed}, root)
    checks = tuple(_check(row, facts) for row in rows)
    cameras = camera_stack.look(root)
    found = [
        *_engine_problems(checks, facts),
        *camera_stack.problems(cameras),
        *_power_problems(state.throttled_now, state.throttled_before),
    ]
    return DoctorReport(
        machine=machine,
        throttled_now=state.throttled_now,
        throttled_before=state.throttled_before,
        environment=in_environment(),
        numpy=np.__version__,
        pillow=PIL.__version__,
        engines=checks,
        cameras=cameras,
        bundle=None if opened is None else bundle_check.look(opened, checks),
        problems=tuple(Problem(row.problem, typed_here(row.fix), row.source) for row in found),
    )


def _check(row: engines.EngineRow, facts: Facts) -> EngineCheck:
    why = (
        line.problem for line in TABLE if line.no_wheel and line.engine == row.name and line.applies(facts)
    )
    return trial.check(row, no_wheel=next(why, None))


def _engine_problems(checks: tuple[EngineCheck, ...], facts: Facts) -> Iterator[Problem]:
    known = [row for row in TABLE if row.applies(facts) and not row.no_wheel]
    nothing_works = not any(found.works for found in checks)
    for found in checks:
        if found.works is False:
            shown = (row for row in known if row.engine == found.name and row.trial_shows)
            row = next(shown, None)
            yield _seen(found) if row is None else _told(row)
    yield from (_told(row) for row in known if not row.trial_shows)
    if nothing_works:
        general = [_told(row) for row in known if row.engine is None and row.trial_shows]
        yield from general
        if not general and all(found.works is None for found in checks):
            yield Problem("no engine is installed", "pip install 'edgetl[litert]'", None)


def _told(row: KnownBad) -> Problem:
    return Problem(row.problem, row.fix, row.source)


def _seen(found: EngineCheck) -> Problem:
    distribution = engines.ENGINES[found.name].distribution
    return Problem(
        f"{found.name} {found.version} is installed and does not work: {found.reason}",
        f"pip install --upgrade --force-reinstall {distribution}",
        None,
    )


def _power_problems(now: tuple[str, ...], before: tuple[str, ...]) -> Iterator[Problem]:
    for meaning in dict.fromkeys((*now, *before)):
        when = "now" if meaning in now else "since it was started"
        yield Problem(
            f"the board reports {meaning} {when}: it is slower than it could be",
            "use the power supply that is made for this board, and a short cable"
            if meaning == _UNDER_VOLTAGE
            else "give it a heat sink or a fan",
            "https://www.raspberrypi.com/documentation/computers/os.html#get_throttled",
        )
