"""``edgetl train``: a thin shell over ``edgetl.train``."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edgetl.cli import output, scored
from edgetl.cli.lines import console_progress
from edgetl.cli.quantities import BYTES, SECONDS, SHARE
from edgetl.reports.units import format_share, format_share_interval
from edgetl.training import backbones


@click.command("train", short_help="Train a classifier on photos.")
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder to write. [default: runs/NAME_OF_DATA]"
)
@click.option(
    "--backbone", help="Pretrained network, or auto; see --list-backbones. [default: efficientnet_lite0]"
)
@click.option("--max-latency", "max_latency_s", type=SECONDS, help="With auto: of one picture: 30ms.")
@click.option("--board", help="With auto: estimate latencies for it: pi4. [default: measure on this machine]")
@click.option("--max-size", "max_size_bytes", type=BYTES, help="With auto: of the int8 file: 4MB.")
@click.option("--candidates", type=int, help="With auto: how many of the best to train. [default: 3]")
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
@click.option(
    "--from",
    "from_run",
    type=click.Path(path_type=Path),
    help="An earlier run whose backbone to start from.",
)
@click.option("--keep-head", is_flag=True, default=None, help="With --from: keep that run's head too.")
@click.option(
    "--teacher", help="A larger backbone (NAME or NAME@SIZE), a run, or auto, that teaches this one."
)
@click.option(
    "--tasks",
    help="Columns of the CSV to learn instead of label, as state,crystal; NAME:many may have several labels.",
)
@click.option(
    "--multi-label",
    is_flag=True,
    default=None,
    help="A photo may have several labels, with ; or | between, or none.",
)
@click.option(
    "--min-precision",
    type=SHARE,
    help="With several labels: how often one that is given should be right. [default: the best F1]",
)
@click.option("--class-weights", help="auto, balanced or none. [default: auto]")
@click.option("--label-smoothing", type=float, help="Certainty to spread over all classes. [default: 0]")
@click.option("--hidden", type=int, help="Units of a hidden layer, kept where it helps. [default: 0, none]")
@click.option(
    "--layers",
    help="What the head reads: the last layer, the blocks, both, or auto for the best. [default: auto]",
)
@click.option("--suspects", help="Photos that seem wrongly labelled: keep or downweight. [default: keep]")
@click.option(
    "--features", help="Engine for the features: auto, openvino, onnxruntime, keras. [default: auto]"
)
@click.option(
    "--unknown",
    type=click.Path(path_type=Path),
    help="Folder of pictures of none of the classes, to choose the score below which an answer is unknown.",
)
@click.option(
    "--false-accept",
    type=SHARE,
    help="Share of unknown pictures that may be taken for a class. [default: 5% with --unknown; without, "
    "95% of the right answers are kept]",
)
@click.option(
    "--unlabelled",
    type=click.Path(path_type=Path),
    help="Folder of pictures of where the model will be used, to adapt to, or to be taught on by --teacher, "
    "where that helps; a few may be labelled, in subfolders called as the classes are.",
)
@click.option(
    "--folds",
    help="Cross-validate over all photos: auto (if under 200 are scored), none, or a number. [default: auto]",
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
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "mixed"]),
    help="Of fine-tuning: mixed computes in 16 bits; auto: mixed with a GPU. [default: auto]",
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
    from edgetl.training.config import read_config
    from edgetl.training.train import train  # seconds of imports that --help must not cost

    photos = data if data is not None or config is None else read_config(config).get("data")
    if photos is None:
        raise click.UsageError("no photos are named: give DATA, a folder or a CSV file, or --config run.toml")
    place = out or Path("runs") / output.name_of(Path(photos))
    for name in ("weights", "unknown", "unlabelled", "from_run"):
        options[name] = str(options[name]) if options[name] else None
    run = train(
        data,
        out=place,
        config=config,
        force=force,
        resume=resume,
        progress=console_progress(),
        **options,
    )
    if as_json:
        output.result_json({"run": str(run.path), **run.description, "metrics": run.metrics})
    else:
        metrics = run.metrics
        if "choice" in run.description:
            _print_choice(run.description["choice"])
        output.result(
            f"{scored.figure(metrics)} {format_share(run.accuracy.value)} on {metrics['images']} "
            f"{metrics['split']} photos "
            f"(95 % interval {format_share_interval(run.accuracy)}), {run.description['seconds']:.1f} s"
        )
        for name, words in scored.lines(metrics):
            output.result(f"{name:<9}{words}")
        output.result(f"{'run':<9}{run.path}")
        output.result(f"{'report':<9}{run.path / 'report.html'}")
        if "fine_tuning" not in run.description and "tasks" not in run.description:
            output.note("minutes more: --fine-tune last, adopted only where held-out photos gain by it")
    output.next_command("edgetl", "export", run.path)


def _print_choice(choice: dict[str, Any]) -> None:
    from edgetl.reports.front import cells

    accuracies = (f"on {choice['sample']}", f"on all {choice['pictures']}")
    columns = ("candidate", *accuracies, "latency", "interval", "int8 file", "why")
    output.result_table(columns, [cells(one) for one in choice["candidates"]])
    latency = next((one["latency"] for one in choice["candidates"] if one["latency"]), None)
    if latency and latency["kind"] == "estimated":
        output.result(f"latencies: estimated, not measured, for int8 on {latency['where']}; 80 % intervals")
    elif latency:
        output.result("latencies: of the float32 engine on this machine; exported int8 files take less")
    output.result(f"pick    {choice['candidates'][0]['name']}: {choice['reason']}")


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
