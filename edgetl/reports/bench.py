"""A benchmark on the page: the figures, where they are weak, and the machine they were measured on."""

from edgetl.benchmarks.results import BenchReport
from edgetl.reports.bench_charts import Measured, stages, strips, threads
from edgetl.reports.facts import facts_list
from edgetl.reports.markup import Column, Html, join, table, tag, text, tiles, unbroken
from edgetl.reports.page import Section
from edgetl.reports.units import UNKNOWN, format_duration, format_duration_interval, format_size


def bench(report: BenchReport) -> Section:
    """Everything a benchmark found: the figures, two charts, and the machine with the command."""
    measured = [(result, result.figures) for result in report.results if result.figures]
    parts = [_head(report, measured), _advice(report), _problems(report)]
    if measured:
        parts += [_table(report, measured), _titled("Every inference", strips(report, measured))]
    if whole := [(result, figures) for result, figures in measured if figures.total_s is not None]:
        parts.append(_titled("From file to label", stages(report, whole)))
    parts.append(_titled("The machine", facts_list(_machine(report))))
    parts.append(_titled("Measured with", tag("pre", tag("code", text(report.command)))))
    return Section("Speed and memory", join(*parts))


def _titled(title: str, content: Html) -> Html:
    return join(tag("h3", text(title)), content)


def _head(report: BenchReport, measured: Measured) -> Html:
    if not measured:
        return tag("p", text(f"Nothing could be measured on {report.machine.label}."))
    fastest, figures = min(measured, key=lambda pair: pair[1].median_s.value)
    interval = unbroken(format_duration_interval(figures.median_s))
    items = [
        ("Fastest", fastest.variant, f"{threads(fastest)}, {fastest.engine}"),
        ("One image, median", format_duration(figures.median_s.value), f"95 % interval {interval}"),
    ]
    if figures.total_s is not None:
        whole = format_duration(figures.total_s)
        items.append(("File to label, median", whole, "with decoding and resizing"))
    if figures.peak_bytes is not None:
        items.append(("Peak memory", format_size(figures.peak_bytes), "whole process, with Python and numpy"))
    where = tag("p", text("Measured on "), tag("strong", text(report.machine.label)), text("."))
    return join(where, tiles(items))


def _advice(report: BenchReport) -> Html:
    if not report.advice:
        return Html("")
    items = [tag("li", text(f"{sentence[:1].upper()}{sentence[1:]}.")) for sentence in report.advice]
    return tag("div", tag("h3", text("Read these numbers with care")), tag("ul", *items), class_="advice")


def _problems(report: BenchReport) -> Html:
    rows = [
        [text(result.name), text(result.status), text(result.reason)]
        for result in report.results
        if result.reason
    ]
    if not rows:
        return Html("")
    columns = [Column(heading, numeric=False) for heading in ("Variant", "Outcome", "Reason")]
    return table("Not measured", columns, rows)


def _table(report: BenchReport, measured: Measured) -> Html:
    headings = (
        "Threads",
        "Import",
        "Load",
        "First",
        "Median",
        "p95",
        "File to label",
        "Peak memory",
        "File size",
    )
    columns = [Column("Variant", numeric=False), *(Column(heading) for heading in headings)]
    rows = [
        [
            join(tag("span", text(result.variant), class_="name"), tag("small", text(result.engine))),
            text(result.threads),
            text(format_duration(figures.import_s)),
            text(format_duration(figures.load_s)),
            text(format_duration(figures.first_s)),
            join(
                tag("strong", text(format_duration(figures.median_s.value))),
                tag("small", text(format_duration_interval(figures.median_s))),
            ),
            text(format_duration(figures.p95_s)),
            text(format_duration(figures.total_s)),
            text(format_size(figures.peak_bytes)),
            text(format_size(result.size_bytes)),
        ]
        for result, figures in measured
    ]
    fastest = min(range(len(rows)), key=lambda number: measured[number][1].median_s.value)
    processes = report.parameters.rounds
    caption = (
        f"{report.machine.label}; fresh processes a row: {processes}; small: 95 % interval of the median"
    )
    return table(caption, columns, rows, mark=fastest)


def _machine(report: BenchReport) -> list[tuple[str, object]]:
    machine, first, last = report.machine, report.states[0], report.states[-1]
    temperature = None
    if first.temperature_c is not None and last.temperature_c is not None:
        temperature = f"{first.temperature_c:.0f} °C before, {last.temperature_c:.0f} °C after"
    slowed = None
    if last.throttled is not None:
        words = dict.fromkeys(word for state in report.states for word in state.throttled_now)
        slowed = ", ".join(words) or "no"
    return [
        ("Machine", machine.label),
        ("Processor", f"{machine.cores} × {machine.cpu}"),
        ("Memory", format_size(machine.memory_bytes)),
        ("System", f"{machine.os}, Linux {machine.kernel}, {machine.architecture}"),
        ("Python", f"{machine.python}, {machine.bits} bit"),
        ("Governor", machine.governor or UNKNOWN),
        ("Temperature", temperature or UNKNOWN),
        ("Throttled", slowed),
        ("Engines", ", ".join(f"{name} {version}" for name, version in machine.engines.items()) or UNKNOWN),
        ("edgetl", machine.edgetl),
        ("Bundle", f"{report.bundle}, exported {report.bundle_created}"),
        ("Measured", report.created),
    ]
