"""``edgetl train``: a thin shell over ``edgetl.train``."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edgetl.cli import output
from edgetl.cli.lines import console_progress
from edgetl.reports.units import format_share, format_share_interval
from edgetl.training import backbones


@click.command("train", short_help="Train a classifier on photos.")
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder to write. [default: runs/NAME_OF_DATA]"
)
@click.option("--backbone", help="Pretrained network; see --list-backbones. [default: efficientnet_lite0]")
@click.option(
    "--size", type=int, help="Height and width of the input in pixels. [default: the backbone's own]"
)
@click.option(
    "--crop",
    type=float,
    help="Share of a photo's centre that is kept, 1 for all. [default: the backbone's own]",
)
@click.option("--width", type=float, help="Width multiplier of the backbone. [default: 1.0]")
@click.option(
    "--weights", type=click.Path(path_type=Path), help="Weights file to use instead of the installed ones."
)
@click.option("--class-weights", help="auto, balanced or none. [default: auto]")
@click.option(
    "--features", help="Engine for the features: auto, openvino, onnxruntime, keras. [default: auto]"
)
@click.option(
    "--fine-tune",
    type=click.Choice(["off", "last", "all", "auto"]),
    help="Train the last blocks of the backbone too, or all of it; auto: all with a GPU. [default: off]",
)
@click.option("--epochs", type=int, help="Of fine-tuning, at most. [default: 12]")
@click.option(
    "--augment",
    type=click.Choice(["none", "light", "flips", "turns", "strong"]),
    help="How fine-tuning varies photos; turns: for pictures without an up. [default: light]",
)
@click.option("--resume", is_flag=True, help="Go on with a fine-tuning that was stopped.")
@click.option("--seed", type=int, help="For the folds, and for fine-tuning. [default: 0]")
@click.option("--config", type=click.Path(path_type=Path), help="A run.toml whose options to take.")
@click.option("--force", is_flag=True, help="Replace the run that stands at --out.")
@click.option("--list-backbones", is_flag=True, help="Print the table of backbones and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    data: Path | None,
    out: Path | None,
    config: Path | None,
    force: bool,
    resume: bool,
    list_backbones: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train on photos: DATA is <class>/*, {train,val,test}/<class>/*, or a CSV of path,label[,split]."""
    if list_backbones:
        _list_backbones(as_json)
        return
    from edgetl.training.train import train  # seconds of imports that --help must not cost

    if data is None and config is None:
        raise click.UsageError("no photos are named: give DATA, a folder or a CSV file, or --config run.toml")
    place = out or Path("runs") / (data or config or Path("photos")).resolve().stem
    weights = options.pop("weights")
    run = train(
        data,
        out=place,
        config=config,
        force=force,
        resume=resume,
        progress=console_progress(),
        weights=str(weights) if weights else None,
        **options,
    )
    if as_json:
        output.result_json({"run": str(run.path), **run.description, "metrics": run.metrics})
    else:
        metrics = run.metrics
        output.result(
            f"accuracy {format_share(run.accuracy.value)} on {metrics['images']} {metrics['split']} photos "
            f"(95 % interval {format_share_interval(run.accuracy)}), {run.description['seconds']:.1f} s"
        )
        output.result(f"run     {run.path}")
        output.result(f"report  {run.path / 'report.html'}")
        if "fine_tuning" not in run.description:
            output.note("minutes more: --fine-tune last, adopted only where held-out photos gain by it")
    output.next_command("edgetl", "export", run.path)


def _list_backbones(as_json: bool) -> None:
    if as_json:
        output.result_json([asdict(row) for row in backbones.TABLE.values()])
        return
    columns = ("name", "size", "features", "params", "MACs", "normalisation", "weights", "licence")
    output.result_table(
        columns,
        [
            (
                row.name,
                f"{row.default_size}",
                f"{row.features}",
                f"{row.parameters / 1e6:.1f} M",
                f"{row.macs / 1e6:,.0f} M",
                row.normalisation.text,
                row.weights,
                row.licence or "not stated",
            )
            for row in backbones.TABLE.values()
        ],
    )
