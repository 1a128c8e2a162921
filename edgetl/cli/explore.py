"""``edgetl explore``: a thin shell over ``edgetl.explore``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli import output
from edgetl.cli.lines import console_progress
from edgetl.wording import shown

if TYPE_CHECKING:
    from edgetl.training.exploring.found import Exploration

_SHOWN = 5
"""Of the pictures to label first; the CSV file has all."""


@click.command("explore", short_help="See what is in a folder of unlabelled pictures.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="HTML page to write. [default: runs/NAME_OF_FOLDER-explore.html]",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV file of suggested labels to write. [default: runs/NAME_OF_FOLDER-labels.csv]",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="A run or bundle that suggests labels, and says what it does not know.",
)
@click.option("--backbone", help="Whose features to look at. [default: the run's, or efficientnet_lite0]")
@click.option(
    "--size", type=int, help="Height and width of its input in pixels. [default: the backbone's own]"
)
@click.option("--groups", type=int, help="How many. [default: as many as stand apart best]")
@click.option(
    "--first", type=int, default=20, show_default=True, help="How many pictures to name that to label first."
)
@click.option("--force", is_flag=True, help="Replace the CSV file that stands at --labels.")
@click.option("--seed", type=int, default=0, show_default=True, help="For the groups and the map.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(
    folder: Path,
    out: Path | None,
    labels: Path | None,
    run: Path | None,
    backbone: str | None,
    size: int | None,
    groups: int | None,
    first: int,
    force: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Group the pictures of FOLDER, draw a map of them, and suggest labels.

    The labels are a CSV file to look through and correct: edgetl train takes it.
    """
    from edgetl.training.exploring.explore import explore  # seconds of imports that --help must not cost

    name = folder.resolve().name
    page = out or Path("runs") / f"{name}-explore.html"
    table = labels or Path("runs") / f"{name}-labels.csv"
    found = explore(
        folder,
        out=page,
        labels=table,
        run=run,
        backbone=backbone,
        size=size,
        groups=groups,
        first=first,
        force=force,
        seed=seed,
        progress=console_progress(),
    )
    if as_json:
        output.result_json({**found.to_dict(), "report": str(page), "labels": str(table)})
    else:
        _print(found)
        output.result(f"report   {page}")
        output.result(f"labels   {table}: look through them and correct them")
    output.next_command("edgetl", "train", table)


def _print(found: "Exploration") -> None:
    copies = found.files - len(found.pictures)
    more = f", and {copies:,} copies" if copies else ""
    output.result(f"pictures {len(found.pictures):,}{more}; {len(found.odd):,} odd ones out")
    apart = "" if found.apart or len(found.groups) == 1 else ", which do not stand apart"
    output.result(f"groups   {len(found.groups)}{apart}")
    for group in found.groups:
        new = ", a new kind" if group.new else ""
        output.result(f"  {group.number:>2}     {group.pictures:,} {group.label}{new}")
    if found.alike:
        output.result(f"alike    {len(found.alike):,} groups of pictures show nearly the same")
    chosen = [shown(picture.path) for picture in found.first[:_SHOWN]]
    rest = len(found.first) - len(chosen)
    output.result(f"first    {', '.join(chosen)}{f' and {rest} more' if rest else ''}")
