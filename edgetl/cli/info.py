"""``edgetl info``: what is in a run, a bundle or a model file."""

import hashlib
from pathlib import Path
from typing import Any

import click

from edgetl.bundle import MANIFEST, Bundle
from edgetl.cli import output
from edgetl.errors import UsageError
from edgetl.reports.units import format_share, format_share_interval, format_size
from edgetl.runtime import engines

_RUN = "run.json"


@click.command("info", short_help="Tell what a path is.")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(path: Path, as_json: bool) -> None:
    """Tell what PATH is: a run, a bundle or a model file."""
    if not path.exists():
        raise UsageError(f"{path} does not exist: give a run, a bundle or a model file")
    if path.is_file():
        facts = _of_model(path)
    elif (path / MANIFEST).is_file():
        facts = _of_bundle(path)
    elif (path / _RUN).is_file():
        facts = _of_run(path)
    else:
        raise UsageError(f"{path} is neither a run nor a bundle: it has no {_RUN} and no {MANIFEST}")
    if as_json:
        output.result_json(facts)
        return
    for name, value in facts.items():
        lines = value if isinstance(value, list) else [value]
        for number, line in enumerate(lines):
            output.result(f"{name if number == 0 else '':<12}{line}")


def _of_bundle(path: Path) -> dict[str, Any]:
    manifest = Bundle.open(path).manifest
    contract, provenance = manifest.contract, manifest.provenance
    variants = []
    for variant in manifest.variants:
        score = variant.score
        scored = f"  accuracy {format_share(score.accuracy.value)}" if score else ""
        variants.append(f"{variant.name:<17}{format_size(variant.size_bytes):>9}{scored}")
    return {
        "bundle": manifest.name,
        "created": f"{manifest.created} by edgetl {manifest.edgetl}",
        "input": f"uint8 {contract.height} x {contract.width} RGB, {contract.resize}",
        "labels": ", ".join(contract.labels),
        "variants": variants,
        "pick": manifest.pick_reason,
        "unknown": "not set"
        if manifest.reject_threshold is None
        else f"below {100 * manifest.reject_threshold:.1f} %",
        "provenance": [f"{key}: {value}" for key, value in provenance.items()],
    }


def _of_run(path: Path) -> dict[str, Any]:
    from edgetl.training.run import Run

    run = Run.open(path)
    backbone, weights = run.description["backbone"], run.description["weights"]
    return {
        "run": run.name,
        "created": f"{run.description['created']} by edgetl {run.description['edgetl']}",
        "backbone": f"{backbone['name']}, {backbone['size']} pixels, width {backbone['width']:g}",
        "weights": f"{weights['source']}; licence: {weights['licence'] or 'unknown'}",
        "photos": ", ".join(
            f"{split} {count}" for split, count in run.description["dataset"]["photos"].items()
        ),
        "labels": ", ".join(run.contract.labels),
        "accuracy": f"{format_share(run.accuracy.value)} on {run.metrics['images']} {run.metrics['split']} "
        f"photos ({format_share_interval(run.accuracy)})",
    }


def _of_model(path: Path) -> dict[str, Any]:
    formats = {".tflite": "tflite", ".onnx": "onnx", ".xml": "openvino"}
    if path.suffix not in formats:
        raise UsageError(f"{path} is no model file: edgetl knows {', '.join(formats)}, a run and a bundle")
    files = {path.name: path.read_bytes()}
    if path.suffix == ".xml":
        weights = path.with_suffix(".bin")
        if not weights.is_file():
            raise UsageError(f"{path} needs {weights.name} beside it")
        files[weights.name] = weights.read_bytes()
    row = engines.for_format(formats[path.suffix])
    with engines.start(row, files, num_threads=1) as engine:
        height, width, _ = engine.input_shape
        import numpy as np

        outputs = engine.run(np.zeros((1, height, width, 3), np.uint8))
    return {
        "model": str(path),
        "format": formats[path.suffix],
        "size": format_size(sum(map(len, files.values()))),
        "sha256": hashlib.sha256(files[path.name]).hexdigest(),
        "input": f"uint8 (1, {height}, {width}, 3)",
        "outputs": [f"float32 {output_.shape}" for output_ in outputs],
        "runs in": f"{row.name} {row.version}",
    }
