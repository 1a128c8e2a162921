"""``edgetl export``: a thin shell over ``edgetl.export``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgetl.cli import output
from edgetl.cli.lines import console_progress
from edgetl.cli.model_options import from_flags, model_flags
from edgetl.cli.quantities import BYTES, SECONDS
from edgetl.errors import GateError

if TYPE_CHECKING:
    from edgetl.converters.adoption.options import ModelOptions


@click.command("export", short_help="Turn a run, or a model of your own, into a checked bundle.")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--formats", help="Formats, with commas. [default: tflite,onnx,openvino]")
@click.option(
    "--precisions",
    default="float32,auto",
    show_default=True,
    help="Any of float32, float16, dynamic, int8, int16x8; auto: int8, or the next best that is good enough.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Bundle to write. [default: RUN/NAME.edgetl]")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where a run's photos are now; for a model of your own, photos to calibrate and score it.",
)
@click.option("--calibration-images", default=500, show_default=True, help="Photos to calibrate int8 on.")
@click.option(
    "--max-drop", default=1.0, show_default=True, help="Points a variant may lose and stay in the bundle."
)
@click.option(
    "--min-agreement", default=0.9, show_default=True, help="Share of equal top-1 a variant must reach."
)
@click.option("--max-latency", type=SECONDS, help="Of the recommended variant, on this machine: 30ms.")
@click.option("--max-size", type=BYTES, help="Of the recommended variant: 4MB.")
@click.option("--compatible", multiple=True, metavar="KIND", help="Kind of device it is for, repeatable.")
@click.option("--keep-failing", is_flag=True, help="Keep variants that got worse in the bundle, marked.")
@click.option("--embedding", is_flag=True, help="Give the features in front of the head as a second output.")
@click.option(
    "--quantize-aware", is_flag=True, help="Train int8 (minutes) where it is over the limits untrained."
)
@click.option("--force", is_flag=True, help="Replace the bundle that stands there.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what is missing, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@model_flags
def command(
    model: Path,
    formats: str | None,
    precisions: str,
    out: Path | None,
    data: Path | None,
    calibration_images: int,
    max_drop: float,
    min_agreement: float,
    max_latency: float | None,
    max_size: int | None,
    compatible: tuple[str, ...],
    keep_failing: bool,
    embedding: bool,
    quantize_aware: bool,
    force: bool,
    dry_run: bool,
    as_json: bool,
    **own_model: Any,
) -> None:
    """Convert MODEL, quantize it, score every variant against it, and write a bundle.

    MODEL is a run, or a Keras model, SavedModel folder or .onnx file of your own.
    """
    options = from_flags(**own_model)
    if dry_run:
        _plan(
            model, formats, precisions, out, data, options, calibration_images, quantize_aware, force, as_json
        )
        return
    from edgetl.converters.export import export

    exported = export(
        model,
        formats=formats,
        precisions=precisions,
        out=out,
        data=data,
        options=options,
        calibration_images=calibration_images,
        max_drop=max_drop,
        min_agreement=min_agreement,
        max_latency_s=max_latency,
        max_size_bytes=max_size,
        compatible=compatible,
        keep_failing=keep_failing,
        embedding=embedding,
        quantize_aware=quantize_aware,
        force=force,
        progress=console_progress(notes_are_results=not as_json),
    )
    manifest = exported.bundle.manifest
    if as_json:
        output.result_json(
            {
                "bundle": str(exported.bundle.path),
                "pick": manifest.pick,
                "pick_reason": manifest.pick_reason,
                "unmet": exported.unmet,
                "seconds": exported.seconds,
                "scored": [asdict(row) for row in exported.scored],
            }
        )
    else:
        output.result(f"pick    {manifest.pick_reason}")
        output.result(f"bundle  {exported.bundle.path}")
        output.result(f"report  {exported.bundle.path / 'report.html'}")
    output.next_command("edgetl", "verify", exported.bundle.path)
    fate = "kept in the bundle, marked" if keep_failing else "left out of the bundle"
    refusals = [f"{row.reason}: {fate}" for row in exported.failed]
    if refusals or exported.unmet:
        raise GateError("; ".join([*refusals, *([exported.unmet] if exported.unmet else [])]))


def _plan(
    model: Path,
    formats: str | None,
    precisions: str,
    out: Path | None,
    data: Path | None,
    options: "ModelOptions",
    calibration_images: int,
    quantize_aware: bool,
    force: bool,
    as_json: bool,
) -> None:
    from edgetl.converters.plan import plan

    found = plan(
        model,
        formats=formats,
        precisions=precisions,
        out=out,
        data=data,
        options=options,
        calibration_images=calibration_images,
        quantize_aware=quantize_aware,
        force=force,
    )
    if as_json:
        output.result_json(asdict(found))
    else:
        for name, text in found.lines():
            output.result(f"{name:<12}{text}")
    if found.missing:
        raise GateError("it would fail: " + "; ".join(found.missing))
