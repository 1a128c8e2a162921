"""The pages of check, train, export, bench, compare and demo: which sections each has, in which order."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import edgetl
from edgetl.benchmarks.comparing.compare import Comparison
from edgetl.benchmarks.results import BenchReport
from edgetl.manifest import Manifest
from edgetl.reports import checked, measured, page, sections
from edgetl.reports.page import Section

if TYPE_CHECKING:  # a device draws the page of a benchmark without the training side
    from edgetl.training.checking.report import CheckReport
    from edgetl.training.run import Run

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

_SCORES = (
    "95 % interval of a share",
    "recall",
    "precision",
    "F1",
    "macro",
    "log loss",
    "Brier score",
    "score",
    "temperature",
    "calibration error",
    "noise floor",
    "unknown",
    "false accept",
    "cross-validation",
)
"""Words of a training."""


def run_page(
    name: str, metrics: Mapping[str, Any], description: Mapping[str, Any], hardest: Section | None = None
) -> str:
    """What ``edgetl train`` found.

    Args:
        name: of the run.
        metrics: ``metrics.json``.
        description: ``run.json``.
        hardest: the pictures it is surely wrong about or unsure of.
    """
    subtitle = f"Trained {description['created']} with edgetl {description['edgetl']}"
    *scores, how = _of_run(metrics, description)
    words = [sections.terms(_SCORES)] if "calibration" in metrics else []
    return page.render(name, subtitle, [*scores, *([hardest] if hardest else []), how, *words])


def bundle_page(manifest: Manifest, run: "Run | None") -> str:
    """What ``edgetl export`` wrote, and the run it comes from; a user's own model has none."""
    subtitle = f"Exported {manifest.created} with edgetl {manifest.edgetl}"
    trained = [] if run is None else _of_run(run.metrics, run.description)
    return page.render(manifest.name, subtitle, [sections.variants(manifest), *trained, _of_export(manifest)])


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


def check_page(report: "CheckReport", thumbnails: checked.Thumbnails) -> str:
    """What ``edgetl check`` found.

    Args:
        report: with its findings, worst first.
        thumbnails: small pictures of the photos that ``checked.shown`` names.
    """
    data = report.data.resolve()
    found = [checked.finding(one, report.findings, report.root, thumbnails) for one in report.findings]
    subtitle = f"Checked {report.created} with edgetl {edgetl.__version__}"
    return page.render(data.name, subtitle, [checked.overview(report), *found])


def demo_page(run: "Run", manifest: Manifest, report: BenchReport) -> str:
    """The whole path on one page."""
    return page.render(
        manifest.name,
        f"Trained, exported and measured {report.created} on {report.machine.label}",
        [
            *_of_run(run.metrics, run.description),
            *measured.of_bench(report, manifest),
            _of_export(manifest),
        ],
    )


def _of_run(metrics: Mapping[str, Any], description: Mapping[str, Any]) -> list[Section]:
    labels, matrix, split = description["contract"]["labels"], metrics["confusion"], metrics["split"]
    backbone, weights, head = description["backbone"], description["weights"], description["head"]
    data = description["dataset"]
    known = "calibration" in metrics  # runs of an edgetl that did not find it out are shown too
    curves = sections.precision_recall(metrics) if known else None
    photos = ", ".join(f"{count} {name}" for name, count in data["photos"].items() if count)
    skipped = len(data["skipped"])
    rows = [
        ("Photos", photos + (f"; {skipped} could not be read" if skipped else "")),
        ("Backbone", f"{backbone['name']}, {backbone['size']} pixels, width {backbone['width']:g}"),
        ("Weights", f"{weights['source']}; licence {weights['licence'] or 'unknown'}"),
        ("Features", f"computed once, in {description['features']['engine']}"),
        (
            "Head",
            f"a hidden layer of {head['hidden']} units, which beat the linear head on {head['chosen_on']}"
            if head.get("hidden")
            else f"logistic regression, C = {head['strength']:g}, chosen on {head['chosen_on']}",
        ),
        ("Class weights", head["class_weights"]),
        ("Temperature", f"{head['temperature']:.2f}"),
        (
            "Calibration error",
            f"{100 * metrics['expected_calibration_error']:.1f} points (mean gap of score and truth)",
        ),
        ("Accuracy on train", f"{100 * metrics['train_accuracy']:.1f} %"),
        ("Unknown below", f"{100 * head['reject_threshold']:.1f} %"),
        ("Training took", f"{description['seconds']:.1f} s"),
        ("Dataset fingerprint", data["fingerprint"]),
    ]
    chosen = description.get("choice")
    tuned = sections.learning(description.get("fine_tuning"))
    return [
        sections.accuracy(labels, matrix, split=split),
        *([sections.figures(metrics)] if known else []),
        sections.confusion(labels, matrix, split=split),
        *([sections.trust(metrics), sections.strangers(metrics)] if known else []),
        *([curves] if curves else []),
        *([sections.front(chosen)] if chosen else []),
        *([] if tuned is None else [tuned]),
        sections.facts("How it was trained", rows),
    ]


def _of_export(manifest: Manifest) -> Section:
    known = manifest.provenance
    model, libraries = known.get("model", {}), known.get("libraries", {})
    # Nobody but its owner knows which photos a model of one's own has seen.
    trained, unseen = ("", "") if model else ("train ", " the model was not trained on")
    rows = [
        ("Model", _listed(model.get("file"), model.get("kind"))),
        ("Its SHA-256", model.get("sha256")),
        ("Its own input", model.get("input")),
        ("Input", f"uint8 {manifest.contract.shape}, RGB; normalisation is in the graph"),
        ("Embedding", "a second output: the features in front of the head" if manifest.embedding else None),
        ("int8 calibrated on", _counted(known.get("calibration"), f"{trained}photos")),
        ("Scored on", _counted(known.get("scored"), f"photos{unseen}")),
        ("Libraries", _listed(*(f"{name} {version}" for name, version in libraries.items()))),
    ]
    return sections.facts("How it was exported", rows)


def _counted(photos: Mapping[str, Any] | None, what: str) -> str | None:
    return f"{photos['images']} {what}" if photos else None


def _listed(*words: str | None) -> str | None:
    return ", ".join(word for word in words if word) or None
