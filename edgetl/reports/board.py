"""The machine of a benchmark and the state it was in, and the command that measures the same again."""

from collections.abc import Sequence

from edgetl.benchmarks import summary
from edgetl.benchmarks.results import BenchReport
from edgetl.benchmarks.state import State
from edgetl.reports.facts import facts_list
from edgetl.reports.markup import Column, Html, join, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.units import UNKNOWN, format_size


def board(report: BenchReport) -> Section:
    """What it was measured on, how that was before and after each round, and the command."""
    return Section(
        "The machine",
        join(
            facts_list(facts_of(report)),
            _states(report),
            tag("h3", text("Measured with")),
            command(report),
        ),
    )


def command(report: BenchReport) -> Html:
    """The exact command line."""
    return tag("pre", tag("code", text(report.command)))


def facts_of(report: BenchReport) -> list[tuple[str, str | None]]:
    """Names and values; None where a machine has no such thing."""
    machine = report.machine
    cores = report.parameters.cores
    return [
        ("Machine", machine.label),
        ("Chip", machine.soc),
        ("Processor", f"{machine.cores} × {machine.cpu}"),
        ("Memory", format_size(machine.memory_bytes)),
        ("Swap", None if machine.swap_bytes is None else format_size(machine.swap_bytes)),
        ("System", f"{machine.os}, Linux {machine.kernel}, {machine.architecture}"),
        ("Python", f"{machine.python}, {machine.bits} bit"),
        ("Governor", machine.governor or UNKNOWN),
        ("Temperature", _temperature(report.states) or UNKNOWN),
        ("Throttled", _throttled(report.states)),
        ("Waited to cool", _cooling(report)),
        ("Kept on cores", None if cores is None else ", ".join(map(str, cores))),
        ("Power told by", report.platform.power),
        ("Sampling its state", _sampling(report)),
        ("Timer", (summary.timer(report) or UNKNOWN).removeprefix("timer: ")),
        ("Engines", ", ".join(f"{name} {version}" for name, version in machine.engines.items()) or UNKNOWN),
        ("edgetl", machine.edgetl),
        ("Bundle", f"{report.bundle}, exported {report.bundle_created}"),
        ("Measured", report.created),
    ]


def _temperature(states: Sequence[State]) -> str | None:
    first, last = states[0].temperature_c, states[-1].temperature_c
    return None if first is None or last is None else f"{first:.0f} °C before, {last:.0f} °C after"


def _cooling(report: BenchReport) -> str | None:
    """What ``--wait-cool`` came to; None when nobody asked for it."""
    waited = report.platform.cooling
    if waited is None:
        return None
    degrees = [f"{value:.0f} °C" for value in (waited.first_c, waited.last_c) if value is not None]
    told = f"{waited.waited_s:.0f} s{': ' if degrees else ''}{' to '.join(degrees)}"
    return f"{told}; {waited.reason}" if waited.reason else told


def _sampling(report: BenchReport) -> str | None:
    cost = report.platform.sampling
    return None if cost is None else f"{cost.samples} times, {100 * cost.cores:.2g} % of one core"


def _throttled(states: Sequence[State]) -> str | None:
    """Only a Raspberry Pi tells."""
    if states[-1].throttled is None:
        return None
    return ", ".join(dict.fromkeys(word for state in states for word in state.throttled_now)) or "no"


def _states(report: BenchReport) -> Html:
    rows = []
    for number, state in enumerate(report.states):
        told = (
            None if state.temperature_c is None else f"{state.temperature_c:.1f} °C",
            None if state.load_average is None else f"{state.load_average:.2f} processes",
            state.governor,
            None if state.throttled is None else ", ".join(state.throttled_now) or "no",
        )
        when = f"after round {number}" if number else "before"
        rows.append([text(when), *(text(value or UNKNOWN) for value in told)])
    columns = [Column("When", numeric=False), Column("Temperature"), Column("Load average")]
    columns += [Column("Governor", numeric=False), Column("Slowed now", numeric=False)]
    return table("Its state before the first round and after each; –: it does not tell", columns, rows)
