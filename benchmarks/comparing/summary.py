"""A comparison as text for the terminal."""

import math

from edgetl.benchmarks.comparing.compare import MARGIN, Comparison, Pair, Row, median_s
from edgetl.benchmarks.results import BenchReport, Throughput
from edgetl.manifest import Interval
from edgetl.reports.units import UNKNOWN, format_number

COLUMNS = ("variant", "engine", "threads", "A", "B", "machine", "B/A", "95 % interval", "B is")
"""Medians in ms, of workers those of a turn; ``machine`` is how many times as long the yardstick took in B.
The last four are left out where nothing was tested."""
_WORDS = 2  # columns of words, which stand to the left
RULE = f"a difference is claimed when its whole interval lies beyond {100 * MARGIN:g} %"


def text(comparison: Comparison) -> str:
    """The two reports, the table of pairs, what stands alone, what else differs, and the answer."""
    lines = [
        f"A  {_title(comparison.a)}",
        f"B  {_title(comparison.b)}",
        "medians in ms",
        "",
        *_table(comparison),
    ]
    alone = [*_alone(comparison.only_a, "A", comparison.b), *_alone(comparison.only_b, "B", comparison.a)]
    said = levelled(comparison)
    for part in ([said] if said else [], alone, [f"differs: {fact}" for fact in comparison.differences]):
        lines += ["", *part] if part else []
    return "\n".join([*lines, "", headline(comparison)])


def headline(comparison: Comparison) -> str:
    """How many pairs differ, and by how much at most; or why nothing was tested."""
    if comparison.obstacle:
        return comparison.obstacle
    tested = [pair for pair in comparison.pairs if pair.verdict]
    if not tested:
        return f"nothing was tested: {comparison.pairs[0].reason}"
    parts = []
    for verdict in ("slower", "faster"):
        rows = [pair for pair in tested if pair.verdict == verdict]
        if rows:
            most = max(rows, key=_size)
            parts.append(
                f"B is {verdict} in {len(rows)} of {len(tested)}, most in {most.name}: {change(most.ratio)}"
            )
    found = "; ".join(parts) or f"no clear difference in any of {len(tested)}"
    return f"{found}; {RULE}"


def levelled(comparison: Comparison) -> str | None:
    """What the machine itself did between the two, where a ratio leaves it out; else None."""
    changed = [
        (pair, pair.level.machine)
        for pair in comparison.pairs
        if pair.level and pair.level.follows and max(pair.level.machine, 1 / pair.level.machine) > 1 + MARGIN
    ]
    if not changed:
        return None
    pair, machine = max(changed, key=lambda each: abs(math.log(each[1])))
    slower, change = ("slower", machine - 1) if machine > 1 else ("faster", 1 / machine - 1)
    return (
        f"the machine itself was {100 * change:.1f} % {slower} in B beside {pair.name}, as its yardstick "
        "shows, and B/A leaves out what the times follow it"
    )


def change(ratio: Interval | None) -> str:
    """``+5.0 % (95 % interval +4.1 to +5.9 %)``: of the time, so plus is slower."""
    if ratio is None:
        return UNKNOWN
    return f"{_percent(ratio.value)} % (95 % interval {_percent(ratio.low)} to {_percent(ratio.high)} %)"


def _table(comparison: Comparison) -> list[str]:
    shown = len(COLUMNS) if comparison.obstacle is None else COLUMNS.index("machine")
    rows = [row[:shown] for row in (COLUMNS, *map(_cells, comparison.pairs))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = (*range(_WORDS), len(COLUMNS) - 1)
    return [
        "  ".join(
            cell.ljust(width) if number in left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(pair: Pair) -> tuple[str, ...]:
    ratio = pair.ratio
    return (
        pair.a.variant,
        pair.a.engine or UNKNOWN,
        _threads(pair.a),
        _median(pair.a),
        _median(pair.b),
        UNKNOWN if pair.level is None else f"{pair.level.machine:.3f}",
        UNKNOWN if ratio is None else f"{ratio.value:.3f}",
        UNKNOWN if ratio is None else f"{ratio.low:.3f} – {ratio.high:.3f}",
        pair.verdict or f"not tested: {pair.reason}",
    )


def _threads(row: Row) -> str:
    if isinstance(row, Throughput):
        return f"{row.workers} workers"
    return f"{row.threads}" if row.batch == 1 else f"{row.threads}, batch {row.batch}"


def _alone(results: tuple[Row, ...], where: str, other: BenchReport) -> list[str]:
    lines = []
    for result in results:
        reasons = [row.reason for row in other.results if row.variant == result.variant and row.reason]
        why = f" (in the other: {reasons[0]})" if reasons else ""
        lines.append(f"only in {where}: {result.name}, {result.engine}, {_median(result)}{why}")
    return lines


def _title(report: BenchReport) -> str:
    return f"{report.bundle} on {report.machine.label}, {report.created}"


def _median(row: Row) -> str:
    return format_number(1000 * median_s(row))


def _size(pair: Pair) -> float:
    return 1.0 if pair.ratio is None else max(pair.ratio.value, 1 / pair.ratio.value)


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f}".replace("-", "−")
