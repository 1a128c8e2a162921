"""``edgetl export``: a thin shell over ``edgetl.export``."""

from dataclasses import asdict
from pathlib import Path

import click

from edgetl.cli import output
from edgetl.errors import GateError


@click.command("export", short_help="Turn a run into a checked bundle.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--formats", default="tflite,onnx,openvino", show_default=True, help="Formats, with commas.")
@click.option("--precisions", default="float32,int8", show_default=True, help="Precisions, with commas.")
@click.option("--out", type=click.Path(path_type=Path), help="Bundle to write. [default: RUN/NAME.edgetl]")
@click.option("--data", type=click.Path(path_type=Path), help="Where the photos are now, if they have moved.")
@click.option(
    "--calibration-images", default=500, show_default=True, help="Train photos to calibrate int8 on."
)
@click.option(
    "--max-drop", default=1.0, show_default=True, help="Points a variant may lose and stay in the bundle."
)
@click.option(
    "--min-agreement", default=0.0, show_default=True, help="Share of equal top-1 a variant must reach."
)
@click.option("--force", is_flag=True, help="Replace the bundle that stands there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    run: Path,
    formats: str,
    precisions: str,
    out: Path | None,
    data: Path | None,
    calibration_images: int,
    max_drop: float,
    min_agreement: float,
    force: bool,
    as_json: bool,
) -> None:
    """Convert RUN, quantize it, score every variant against the trained model, and write a bundle."""
    from edgetl.converters.export import export

    exported = export(
        run,
        formats=formats,
        precisions=precisions,
        out=out,
        data=data,
        calibration_images=calibration_images,
        max_drop=max_drop,
        min_agreement=min_agreement,
        force=force,
        progress=output.ConsoleProgress(notes_are_results=not as_json),
    )
    manifest = exported.bundle.manifest
    if as_json:
        output.result_json(
            {"bundle": str(exported.bundle.path), "scored": [asdict(row) for row in exported.scored]}
        )
    else:
        output.result(f"pick    {manifest.pick_reason}")
        output.result(f"bundle  {exported.bundle.path}")
        output.result(f"report  {exported.bundle.path / 'report.html'}")
    output.next_command("edgetl", "verify", exported.bundle.path)
    if exported.failed:
        raise GateError("; ".join(str(row.reason) for row in exported.failed) + ": left out of the bundle")
