"""Two reports on one page: what differs, by how much and how surely, and what they were measured on."""

from collections.abc import Sequence

from edgetl.benchmarks.comparing import summary as compare_summary
from edgetl.benchmarks.comparing.compare import Comparison, Pair, Row, median_s
from edgetl.benchmarks.results import BenchReport
from edgetl.reports import board
from edgetl.reports.facts import facts_list
from edgetl.reports.forest import forest, percent
from edgetl.reports.marks import invalid, setting
from edgetl.reports.markup import Column, Html, join, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.units import UNKNOWN, format_duration


def comparison(found: Comparison, which: str = "") -> list[Section]:
    """The answer with its picture and table, and the two machines side by side.

    Args:
        found: of two reports.
        which: added to the headings where a page has several: ``, 2 of 3``.
    """
    answer = [facts_list([("A", _title(found.a)), ("B", _title(found.b))]), _headline(found)]
    if any(pair.ratio for pair in found.pairs):
        answer.append(forest(found.pairs, found.a.machine.label))
    if (levelled := compare_summary.levelled(found)) is not None:
        answer.append(tag("p", text(f"{levelled[:1].upper()}{levelled[1:]}.")))
    answer += [_table(found), _listed("What else differs", found.differences)]
    alone = [*_alone(found.only_a, "A"), *_alone(found.only_b, "B")]
    answer.append(_listed("Measured in one of them only", alone))
    return [Section(f"A and B{which}", join(*answer)), Section(f"Machines{which}", _machines(found))]


def _title(report: BenchReport) -> str:
    return f"{report.bundle}, measured on {report.machine.label}, {report.created}"


def _headline(found: Comparison) -> Html:
    sentence = compare_summary.headline(found)
    said = tag("p", tag("strong", text(f"{sentence[:1].upper()}{sentence[1:]}.")))
    tested = any(pair.verdict for pair in found.pairs)
    return said if tested else tag("div", tag("h3", text("Not tested")), said, class_="advice")


def _table(found: Comparison) -> Html:
    tested = any(pair.ratio for pair in found.pairs)
    columns = [Column("Variant", numeric=False), Column("Median in A"), Column("Median in B")]
    if tested:
        columns += [Column("Change"), Column("95 % interval"), Column("Change of p95, as measured")]
    columns += [Column("B is", numeric=False)]
    rows = [_row(pair, tested=tested) for pair in found.pairs]
    a, b = found.a.machine.label, found.b.machine.label
    where = a if a == b else f"A: {a}; B: {b}"
    caption = f"Measured on {where}. Medians of one inference, of workers those of a turn of one picture each"
    return table(caption, columns, rows)


def _row(pair: Pair, *, tested: bool) -> list[Html]:
    name = join(tag("span", text(pair.a.variant), class_="name"), tag("small", text(setting(pair.a))))
    cells = [name, *(join(text(format_duration(median_s(row))), invalid(row)) for row in (pair.a, pair.b))]
    if tested and pair.ratio is None:
        cells += [text(UNKNOWN)] * 3
    elif pair.ratio is not None:
        p95 = UNKNOWN if pair.p95_ratio is None else percent(pair.p95_ratio.value)
        interval = f"{percent(pair.ratio.low)} to {percent(pair.ratio.high)}"
        cells += [tag("strong", text(percent(pair.ratio.value))), text(interval), text(p95)]
    # The reason why nothing was tested stands above the table, once.
    cells.append(text(pair.verdict or (f"not tested: {pair.reason}" if tested else "not tested")))
    return cells


def _alone(rows: Sequence[Row], where: str) -> list[str]:
    return [
        f"only in {where}: {row.variant}, {setting(row)}, median {format_duration(median_s(row))}"
        for row in rows
    ]


def _listed(title: str, lines: Sequence[str]) -> Html:
    if not lines:
        return Html("")
    return join(tag("h3", text(title)), tag("ul", *(tag("li", text(line)) for line in lines)))


def _machines(found: Comparison) -> Html:
    first, second = dict(board.facts_of(found.a)), dict(board.facts_of(found.b))
    rows = [
        [text(name), text(one or UNKNOWN), text(other or UNKNOWN), text("" if one == other else "differs")]
        for name, one in first.items()
        for other in [second[name]]
        if one is not None or other is not None
    ]
    columns = [Column(heading, numeric=False, breaks=heading != "") for heading in ("", "A", "B", "")]
    parts = [table("Side by side, never merged", columns, rows)]
    for name, report in (("A", found.a), ("B", found.b)):
        parts += [tag("h3", text(f"{name} was measured with")), board.command(report)]
    return join(*parts)
