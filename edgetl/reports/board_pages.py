"""The pages that a board draws as well, without the training side: of a benchmark, and of several."""

from collections.abc import Sequence

from edgetl.benchmarks.comparing.compare import Comparison
from edgetl.benchmarks.results import BenchReport
from edgetl.manifest import Manifest
from edgetl.reports import measured, page, sections

_COMPARED = (
    "median",
    "ratio",
    "yardstick",
    "95 % interval",
    "slower",
    "no clear difference",
    "margin",
    "p95",
    "invalid run",
    "obstacle",
    "measured",
)
"""Words of a comparison."""


def bench_page(report: BenchReport, manifest: Manifest) -> str:
    """What ``edgetl bench`` measured on this machine."""
    return page.render(
        report.bundle,
        f"Measured {report.created} on {report.machine.label}",
        [*measured.of_bench(report, manifest), *measured.confused(manifest), measured.words(report)],
    )


def compare_page(comparisons: Sequence[Comparison]) -> str:
    """What ``edgetl compare`` found: the first report, A, against each of the others.

    Args:
        comparisons: one or more, all with the same A.
    """
    first = comparisons[0].a
    several = len(comparisons) > 1
    found = [
        section
        for number, one in enumerate(comparisons, 1)
        for section in sections.comparison(one, f", {number} of {len(comparisons)}" if several else "")
    ]
    title = f"{first.bundle}: benchmarks compared"
    subtitle = f"A was measured {first.created} on {first.machine.label}"
    return page.render(title, subtitle, [*found, sections.terms(_COMPARED)])
