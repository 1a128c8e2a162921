"""The sections of a benchmark, in their order."""

from collections.abc import Mapping
from typing import Any

from edgetl.benchmarks.results import BenchReport, Result
from edgetl.manifest import Manifest
from edgetl.reports import sections
from edgetl.reports.markup import join, tag, text
from edgetl.reports.page import Section
from edgetl.reports.tradeoff import tradeoff
from edgetl.reports.tradeoff_chart import Spot

_WORDS = (
    "variant",
    "engine",
    "threads",
    "import",
    "load",
    "first",
    "median",
    "p95",
    "95 % interval",
    "file to label",
    "peak",
    "drop",
    "agreement",
    "governor",
    "throttled",
    "invalid run",
    "measured",
)


def of_bench(report: BenchReport, manifest: Manifest) -> list[Section]:
    """What was measured, how it spreads, where it goes, and on what.

    Args:
        report: the benchmark; what was not asked for has no section.
        manifest: of its bundle.
    """
    label = report.machine.label
    found = [
        sections.bench(report),
        _variants(report, manifest),
        sections.distributions(report) if report.measured else None,
        sections.stages(report),
        sections.many(report),
        sections.over_time(report.platform.samples, label),
        None if report.soak is None else sections.soaked(report.soak, label),
        sections.operators(report.profiles, label),
        sections.board(report),
    ]
    return [section for section in found if section is not None]


def confused(manifest: Manifest) -> list[Section]:
    """The trained model's confusions, where the bundle tells them; it comes from outside, so it is checked.

    Args:
        manifest: whose provenance may have ``confusion``: ``split``, and ``counts``, a row for each true
            class and a column for each answer.
    """
    told = manifest.provenance.get("confusion")
    labels = manifest.contract.labels
    if not isinstance(told, Mapping) or not _is_matrix(told.get("counts"), len(labels)):
        return []
    found = sections.confusion(labels, told["counts"], split=str(told.get("split")))
    note = "Of the trained model, before conversion; agreement says how alike the variants answer."
    return [Section(found.title, join(tag("p", text(note)), found.html))]


def words(report: BenchReport) -> Section:
    """The terms such a page uses."""
    also = {
        "p99": report.parameters.percentile == 99,
        "batch": report.parameters.batches != (1,),
        "throughput": bool(report.throughput),
        "soak": report.soak is not None,
    }
    return sections.terms([*_WORDS, *(name for name, used in also.items() if used)])


def _variants(report: BenchReport, manifest: Manifest) -> Section:
    quickest: dict[str, Result] = {}
    for row in report.measured:
        quickest.setdefault(row.variant, row)
    latencies = {name: row.figures.median_s.value for name, row in quickest.items() if row.figures}
    invalid = {name for name, row in quickest.items() if row.invalid is not None}
    spots = [
        Spot(
            name=variant.name,
            latency_s=latencies[variant.name],
            accuracy=variant.score.accuracy,
            size_bytes=variant.size_bytes,
            picked=variant.name == manifest.pick,
            invalid=variant.name in invalid,
        )
        for variant in manifest.variants
        if variant.score is not None and variant.name in latencies
    ]
    label = report.machine.label
    score = next((variant.score for variant in manifest.variants if variant.score is not None), None)
    picture = tradeoff(spots, score, label) if spots and score is not None else None
    return sections.variants(manifest, latencies=latencies, machine=label, invalid=invalid, picture=picture)


def _is_matrix(counts: Any, size: int) -> bool:
    rows = counts if isinstance(counts, list) and len(counts) == size else []
    cells = [cell for row in rows if isinstance(row, list) and len(row) == size for cell in row]
    right = all(type(cell) is int and cell >= 0 for cell in cells)
    return len(cells) == size * size and right and sum(cells) > 0
