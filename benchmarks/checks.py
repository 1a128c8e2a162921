"""Where a benchmark is weak, as advice: what was seen, and what to do about it."""

from collections.abc import Iterable, Iterator

from edgetl.benchmarks import stats
from edgetl.benchmarks.results import BenchReport, Figures, Result

HOTTER_C = 5.0
"""A rise that matters: a board without a fan goes from idle to its limit in some 30 degrees."""
SPREAD = 0.1
"""Spread over median from which on a figure is called unstable; pyperf's rule for the standard deviation."""
SLOW_FIRST = 5.0
"""First inference over median; worth a word, since a program that starts for one picture pays it."""
BUSY = 0.5
"""Load average before the start, in processes, from which on others are taking part."""
WIDE = 0.05
"""Half the median's interval over the median."""
MACHINE = 0.05
"""Difference between the yardsticks of two processes: as much as is to be found between two models."""
OVERHEAD = 0.01
"""Share of a median that may be the timer's own."""

_SPREAD_TEXT, _WIDE_TEXT = f"{100 * SPREAD:.0f} %", f"{100 * WIDE:.0f} %"


def check(report: BenchReport) -> tuple[str, ...]:
    """Advice on a report, the weightiest first; empty when nothing was seen."""
    return (*_machine(report), *_runs(report))


def _machine(report: BenchReport) -> Iterator[str]:
    machine, first, last = report.machine, report.states[0], report.states[-1]
    if not machine.is_board:
        yield (
            f"a PC run ({machine.kind}): which variant is fastest can differ on a board; run the same "
            "command there before you choose"
        )
    if not any(row.invalid for row in report.results):  # else what spoilt them is told there, and better
        yield from _slowed(report)
    if first.temperature_c is not None and last.temperature_c is not None:
        rise = last.temperature_c - first.temperature_c
        if rise >= HOTTER_C:
            yield (
                f"the CPU went from {first.temperature_c:.0f} to {last.temperature_c:.0f} °C: in long use it "
                "may be slower than these figures; let it cool, or measure longer with --duration"
            )
    if machine.governor not in (None, "performance"):
        yield (
            f"the CPU's governor is {machine.governor}: clocks follow the load, and times vary; "
            "sudo cpupower frequency-set -g performance steadies them"
        )
    if first.load_average is not None and first.load_average >= BUSY:
        yield (
            f"the machine was busy before the start (load average {first.load_average:.2f}): stop what else "
            "runs and measure again"
        )


def _slowed(report: BenchReport) -> Iterator[str]:
    first, last = report.states[0], report.states[-1]
    slowed = dict.fromkeys(word for state in report.states for word in state.throttled_now)
    new = [word for word in last.throttled_before if word not in first.throttled_before]
    if slowed or new:
        yield (
            f"the board was slowed while it was measured ({', '.join({**slowed, **dict.fromkeys(new)})}): "
            "cool it, or give it a stronger power supply, and measure again"
        )
    elif first.throttled_before:
        yield (
            f"the board has been slowed since it was started ({', '.join(first.throttled_before)}), but not "
            "while it was measured"
        )


def _runs(report: BenchReport) -> Iterator[str]:
    rows = [(result, result.figures) for result in report.results if result.figures]
    cores = len(report.parameters.cores or ()) or report.machine.cores
    crowded = [row for row, _ in rows if (row.threads or 1) > cores]
    if crowded:
        yield f"more threads than the {cores} cores there were: {_names(crowded)}; they waited for each other"
    unsteady = [row for row, _ in rows if any(process.steady is False for process in row.processes)]
    if unsteady:
        yield f"the times were still changing when the warm-up ended: {_names(unsteady)}; measure longer"
    spread = [row for row, figures in rows if (figures.spread_s or 0) >= SPREAD * figures.median_s.value]
    if spread:
        yield f"the times vary by {_SPREAD_TEXT} or more: {_names(spread)}; stop what else runs, then repeat"
    changed = [(row, change) for row, _ in rows if (change := _machine_changed(row)) >= MACHINE]
    if changed:
        most = max(change for _, change in changed)
        yield (
            f"the machine itself was up to {100 * most:.0f} % slower in some processes than in others, as "
            f"its yardstick shows: {_names([row for row, _ in changed])}; edgetl compare levels that, the "
            "medians hold it"
        )
    wide = [row for row, figures in rows if _half_width(figures) >= WIDE and row not in spread]
    if wide:
        yield f"the median is known to no better than {_WIDE_TEXT}: {_names(wide)}; use a longer --duration"
    few = [row for row, figures in rows if figures.p95_s is None]
    if few:
        yield f"too few runs for a p95: {_names(few)}; --percentile 95 measures until there are enough"
    timer = report.platform.timer
    quick = [row for row, figures in rows if timer and timer.empty_s >= OVERHEAD * figures.median_s.value]
    if quick:
        yield f"measuring itself is {100 * OVERHEAD:.0f} % of the time or more: {_names(quick)}"
    slow = [row for row, figures in rows if figures.first_s >= SLOW_FIRST * figures.median_s.value]
    if slow:
        yield (
            f"the first inference takes {SLOW_FIRST:.0f} times the median or more: {_names(slow)}; "
            "classify one picture when your program starts"
        )


def _machine_changed(result: Result) -> float:
    """By how much the slowest process's yardstick took longer than the fastest's, as a share."""
    taken = [
        stats.median(each.yardstick.taken_s)
        for each in result.processes
        if each.yardstick and each.yardstick.taken_s
    ]
    return max(taken) / min(taken) - 1 if taken else 0.0


def _half_width(figures: Figures) -> float:
    median = figures.median_s
    return (median.high - median.low) / 2 / median.value


def _names(results: Iterable[Result]) -> str:
    names = [result.name for result in results]
    return "; ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
