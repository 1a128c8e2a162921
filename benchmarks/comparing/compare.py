"""Tell whether one benchmark is faster than another: ``edgetl compare``."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from edgetl.benchmarks import confidence, stats
from edgetl.benchmarks.comparing import basis as compare_basis
from edgetl.benchmarks.comparing import levelling
from edgetl.benchmarks.comparing.levelling import Level
from edgetl.benchmarks.reading import read_report
from edgetl.benchmarks.results import BenchReport, Result, Throughput
from edgetl.errors import ReportError
from edgetl.manifest import Interval

MARGIN = 0.01
"""A difference that is not surely larger than this is not claimed: two runs of one benchmark on one quiet
machine differ by some tenths of a percent, and no test made of one run each can know by how much."""
Verdict = Literal["faster", "slower", "no clear difference"]
Row: TypeAlias = Result | Throughput


@dataclass(frozen=True)
class Pair:
    """One variant, engine, thread count and batch, or number of workers, as both reports measured it."""

    a: Row
    b: Row
    ratio: Interval | None
    """B's median over A's, at one speed of the machine where :attr:`level` tells it; None when it was not
    tested."""
    p95_ratio: Interval | None
    """The same of the p95, as measured; None too when one has fewer than 59 runs. It decides nothing."""
    verdict: Verdict | None
    """What B is, seen from A; None when it was not tested."""
    reason: str | None
    """Why it was not tested."""
    level: Level | None = None
    """What the machine itself did in B; None when it was not tested, or no yardstick tells."""

    @property
    def name(self) -> str:
        """Variant, threads and engine."""
        return f"{self.a.name}, {self.a.engine}"

    @property
    def undecided(self) -> bool:
        """Whether more processes might show a difference: the interval reaches beyond the margin."""
        ratio = self.ratio if self.verdict == "no clear difference" else None
        return ratio is not None and (ratio.high > 1 + MARGIN or ratio.low < 1 / (1 + MARGIN))


@dataclass(frozen=True)
class Comparison:
    """Two reports side by side, and the pairs of their results."""

    a: BenchReport
    b: BenchReport
    obstacle: str | None
    """Why nothing was tested: another machine or bundle; None when it was."""
    pairs: tuple[Pair, ...]
    """In the order of A."""
    only_a: tuple[Row, ...]
    """Measured in A and not in B."""
    only_b: tuple[Row, ...]
    differences: tuple[str, ...]
    """What else is not the same, and may be the cause: ``litert: 2.1.5 in A, 2.3.0 in B``."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values. The raw times stay in the reports."""
        return {
            "a": _identity(self.a),
            "b": _identity(self.b),
            "margin": MARGIN,
            "confidence": confidence.CONFIDENCE,
            "obstacle": self.obstacle,
            "pairs": [
                {
                    **_row(pair.a),
                    "a_median_s": median_s(pair.a),
                    "b_median_s": median_s(pair.b),
                    "ratio": pair.ratio and asdict(pair.ratio),
                    "p95_ratio": pair.p95_ratio and asdict(pair.p95_ratio),
                    "machine_ratio": pair.level and pair.level.machine,
                    "follows": pair.level and pair.level.follows,
                    "verdict": pair.verdict,
                    "reason": pair.reason,
                }
                for pair in self.pairs
            ],
            "only_a": [_row(result) for result in self.only_a],
            "only_b": [_row(result) for result in self.only_b],
            "differences": list(self.differences),
        }


def compare(a: BenchReport | str | Path, b: BenchReport | str | Path) -> Comparison:
    """Compare two reports of one bundle on one machine, result by result.

    B is called slower when the whole 95 % interval of the ratio of medians lies above 1.01, faster when it
    lies below 1 / 1.01, and else there is no clear difference. The interval is that of ``confidence.ratio``,
    which counts processes, not runs, once both are at one speed of the machine (``levelling``). Two
    benchmarks that differ by 1 % or less are called different in at most 5 of 100 pairs;
    ``benchmarks/peers/bench_repeatability.py`` measures in how many.

    Args:
        a: the earlier report, or where it lies (see ``reading.read_report``).
        b: the later one.

    Returns:
        The pairs. Reports of two machines, or of two bundles, are paired and not tested.

    Raises:
        ReportError: a path holds no report, or the two have no result in common.
    """
    a, b = (part if isinstance(part, BenchReport) else read_report(part) for part in (a, b))
    first, second = _measured(a), _measured(b)
    if not first.keys() & second.keys():
        raise ReportError(
            f"A measured {_listed(first.values())} and B {_listed(second.values())}: nothing is in both; run "
            "edgetl bench for the same --variant and --threads"
        )
    obstacle = compare_basis.obstacle(a, b)
    return Comparison(
        a=a,
        b=b,
        obstacle=obstacle,
        pairs=tuple(_pair(one, second[key], obstacle) for key, one in first.items() if key in second),
        only_a=tuple(one for key, one in first.items() if key not in second),
        only_b=tuple(one for key, one in second.items() if key not in first),
        differences=tuple(compare_basis.differences(a, b)),
    )


def times(row: Row) -> list[tuple[float, ...]]:
    """What is compared, for each process: seconds of inferences, or of turns of the workers."""
    if isinstance(row, Throughput):
        return [process.turns_s for process in row.processes]
    return [process.inference_s for process in row.processes]


def median_s(row: Row) -> float:
    """The median of all of them."""
    return stats.median([time for process in times(row) for time in process])


def _measured(report: BenchReport) -> dict[tuple[object, ...], Row]:
    rows: tuple[Row, ...] = (*report.results, *report.throughput)
    return {tuple(_row(row).values()): row for row in rows if row.status == "measured" and row.processes}


def _pair(a: Row, b: Row, obstacle: str | None) -> Pair:
    invalid = [f"{name} is invalid: {row.invalid}" for name, row in (("A", a), ("B", b)) if row.invalid]
    if obstacle is not None or invalid:
        return Pair(a, b, None, None, None, obstacle or "; ".join(invalid))
    first, second = times(a), times(b)
    level = _level(a, b)
    ratio = stats.median_ratio(first, second) if level is None else _levelled_ratio(level)
    if ratio is None:
        reason = "one process does not show how processes differ: measure with --rounds 3 or more"
        return Pair(a, b, None, None, None, reason)
    return Pair(a, b, ratio, stats.percentile_ratio(first, second, 0.95), _verdict(ratio), None, level)


def _level(a: Row, b: Row) -> Level | None:
    # Several workers take the cores in turn, and a yardstick on one of them would say little.
    if isinstance(a, Result) and isinstance(b, Result):
        return levelling.level(a.processes, b.processes)
    return None


def _levelled_ratio(level: Level) -> Interval | None:
    ratio = stats.median_ratio(level.first, level.second)
    return None if ratio is None else level.widened(ratio)


def _verdict(ratio: Interval) -> Verdict:
    if ratio.low > 1 + MARGIN:
        return "slower"
    return "faster" if ratio.high < 1 / (1 + MARGIN) else "no clear difference"


def _identity(report: BenchReport) -> dict[str, Any]:
    return {
        "bundle": report.bundle,
        "bundle_created": report.bundle_created,
        "created": report.created,
        "machine": report.machine.label,
        "command": report.command,
    }


def _row(row: Row) -> dict[str, Any]:
    """What must be the same in both reports."""
    names = ("variant", "engine", "threads", "batch", "workers")
    return {name: getattr(row, name, None) for name in names}


def _listed(results: Iterable[Row]) -> str:
    return "; ".join(f"{result.name}, {result.engine}" for result in results) or "nothing"
