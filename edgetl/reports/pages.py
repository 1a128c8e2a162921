"""The pages of the workstation's commands: which sections each has, in which order."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgetl
from edgetl.benchmarks.results import BenchReport
from edgetl.manifest import Manifest
from edgetl.reports import checked, explored, measured, mosaic, page, sections, tasked
from edgetl.reports.page import Section

if TYPE_CHECKING:
    from edgetl.training.checking.report import CheckReport
    from edgetl.training.exploring.found import Exploration
    from edgetl.training.run import Run

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
    name: str,
    metrics: Mapping[str, Any],
    description: Mapping[str, Any],
    hardest: Section | Mapping[str, Section] | None = None,
) -> str:
    """What ``edgetl train`` found.

    Args:
        name: of the run.
        metrics: ``metrics.json``.
        description: ``run.json``.
        hardest: the pictures it is surely wrong about or unsure of, of each task where there are several.
    """
    subtitle = f"Trained {description['created']} with edgetl {description['edgetl']}"
    by_task = hardest if isinstance(hardest, Mapping) else {}
    *scores, how = _of_run(metrics, description, by_task)
    if isinstance(hardest, Section):
        scores.append(hardest)
    words = [sections.terms(_SCORES)] if "calibration" in metrics or "tasks" in metrics else []
    return page.render(name, subtitle, [*scores, how, *words])


def bundle_page(manifest: Manifest, run: "Run | None") -> str:
    """What ``edgetl export`` wrote, and the run it comes from; a user's own model has none."""
    subtitle = f"Exported {manifest.created} with edgetl {manifest.edgetl}"
    trained = [] if run is None else _of_run(run.metrics, run.description)
    each = tasked.of_variants(manifest)
    variants = [sections.variants(manifest), *([] if each is None else [each])]
    return page.render(manifest.name, subtitle, [*variants, *trained, _of_export(manifest)])


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


def explore_page(found: "Exploration", pictures: mosaic.Mosaic, labels: Path | None) -> str:
    """What ``edgetl explore`` found.

    Args:
        found: groups, what to label first, what is odd.
        pictures: those that the page has room for.
        labels: the CSV file of suggested labels; None: none was written.
    """
    told = [
        explored.overview(found, labels),
        explored.chart(found, pictures),
        explored.first(found, pictures),
        explored.groups(found, pictures),
        explored.odd(found, pictures),
        explored.alike(found),
        explored.how(found),
    ]
    subtitle = f"Explored {found.created} with edgetl {edgetl.__version__}"
    parts = [section for section in told if section is not None]
    return page.render(found.folder.resolve().name, subtitle, parts, style=mosaic.style(pictures))


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


def _of_any_run(description: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Facts of a training, whatever was solved."""
    backbone, weights, data = description["backbone"], description["weights"], description["dataset"]
    photos = ", ".join(f"{count} {name}" for name, count in data["photos"].items() if count)
    skipped = len(data["skipped"])
    return [
        ("Photos", photos + (f"; {skipped} could not be read" if skipped else "")),
        ("Backbone", f"{backbone['name']}, {backbone['size']} pixels, width {backbone['width']:g}"),
        ("Weights", f"{weights['source']}; licence {weights['licence'] or 'unknown'}"),
        ("Features", f"computed once, in {description['features']['engine']}"),
        ("Training took", f"{description['seconds']:.1f} s"),
        ("Dataset fingerprint", data["fingerprint"]),
    ]


def _of_run(
    metrics: Mapping[str, Any], description: Mapping[str, Any], hardest: Mapping[str, Section] | None = None
) -> list[Section]:
    basis = _of_any_run(description)
    if "tasks" in metrics:
        return tasked.of_run(metrics, description, basis, hardest or {})
    labels, matrix, split = description["contract"]["labels"], metrics["confusion"], metrics["split"]
    head = description["head"]
    known = "calibration" in metrics  # runs of an edgetl that did not find it out are shown too
    curves = sections.precision_recall(metrics) if known else None
    rows = [
        *basis[:4],
        (
            "Head",
            f"a hidden layer of {head['hidden']} units, which beat the linear head on {head['chosen_on']}"
            if head.get("hidden")
            else f"logistic regression, C = {head['strength']:g}, chosen on {head['chosen_on']}",
        ),
        *_layers(head.get("layers", "last"), description.get("layers")),
        ("Class weights", head["class_weights"]),
        ("Temperature", f"{head['temperature']:.2f}"),
        (
            "Calibration error",
            f"{100 * metrics['expected_calibration_error']:.1f} points (mean gap of score and truth)",
        ),
        ("Accuracy on train", f"{100 * metrics['train_accuracy']:.1f} %"),
        ("Unknown below", f"{100 * head['reject_threshold']:.1f} %"),
        *basis[4:],
    ]
    chosen = description.get("choice")
    tuned = sections.learning(description.get("fine_tuning"))
    adapted = sections.adapted(description.get("adaptation"))
    taught = sections.taught(description.get("distillation"))
    return [
        sections.accuracy(labels, matrix, split=split),
        *([sections.figures(metrics)] if known else []),
        sections.confusion(labels, matrix, split=split),
        *([sections.trust(metrics), sections.strangers(metrics)] if known else []),
        *([curves] if curves else []),
        *([sections.front(chosen)] if chosen else []),
        *([] if adapted is None else [adapted]),
        *([] if taught is None else [taught]),
        *([] if tuned is None else [tuned]),
        sections.facts("How it was trained", rows),
    ]


def _layers(read: str, compared: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    names = {
        "last": "the last feature map",
        "blocks": "the blocks",
        "both": "the last feature map and the blocks",
    }
    if compared is None:
        return [("The head reads", names[read])]
    losses, right = compared["losses"], compared["accuracies"]
    rivals = ", ".join(
        f"{losses[other]:.3f} and {100 * right[other]:.1f} % with {names[other]}"
        for other in losses
        if other != read
    )
    told = (
        f"{names[read]}: log loss {losses[read]:.3f} and {100 * right[read]:.1f} % right on "
        f"{compared['photos']} held-out photos; {rivals}"
    )
    return [("The head reads", told)]


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
