"""``edgetl check``: a thin shell over ``edgetl.check``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli import output
from edgetl.cli.lines import console_progress
from edgetl.errors import GateError, UsageError
from edgetl.wording import counted, shown

if TYPE_CHECKING:
    from edgetl.training.checking.report import CheckReport


@click.command("check", short_help="Find what is wrong with photos and labels.")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="HTML page to write. [default: runs/NAME_OF_DATA-check.html]",
)
@click.option(
    "--fix", is_flag=True, help="Move unreadable files, and copies of scored photos, into quarantine."
)
@click.option(
    "--fix-suspects",
    is_flag=True,
    help="The same, and what only looks like a copy or a wrong label. Look first.",
)
@click.option("--undo", is_flag=True, help="Move everything back out of quarantine, and stop.")
@click.option("--no-features", is_flag=True, help="Leave out what needs the backbone: seconds, not minutes.")
@click.option(
    "--backbone", default="efficientnet_lite0", show_default=True, help="Whose features to look at."
)
@click.option(
    "--size", type=int, help="Height and width of its input in pixels. [default: the backbone's own]"
)
@click.option("--column", help="Of a CSV file: the column of labels to look at. [default: label]")
@click.option("--seed", type=int, default=0, show_default=True, help="For the folds of cross-validations.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(
    data: Path,
    out: Path | None,
    fix: bool,
    fix_suspects: bool,
    undo: bool,
    no_features: bool,
    backbone: str,
    size: int | None,
    column: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Find all that is wrong with DATA: what edgetl train takes, or would refuse.

    Exits 3 when there are errors, or with --fix those that it did not mend. Nothing is ever deleted: --fix
    moves files of a folder into DATA/.edgetl-quarantine, and of a CSV file writes another, NAME.fixed.csv.
    """
    if undo:
        if fix or fix_suspects:
            raise UsageError("--fix and --undo do the opposite: choose one")
        _undo(data, as_json)
        return
    from edgetl.training.checking.check import check  # seconds of imports that --help must not cost

    page = out or Path("runs") / f"{output.name_of(data)}-check.html"
    report = check(
        data,
        out=page,
        fix=fix,
        fix_suspects=fix_suspects,
        look=not no_features,
        backbone=backbone,
        size=size,
        seed=seed,
        column=column,
        progress=console_progress(),
    )
    if as_json:
        output.result_json({**report.to_dict(), "report": str(page)})
    else:
        _print(report)
        output.result(f"report   {page}")
    _end(report, column)


def _print(report: "CheckReport") -> None:
    splits = ", ".join(f"{count:,} {split}" for split, count in report.photos.items() if count)
    output.result(
        f"photos   {sum(report.photos.values()):,} in {len(report.labels)} classes: {splits or 'none'}"
    )
    for finding in report.findings:
        output.result(shown(f"{finding.severity:<8} {finding.title}"))
        if finding.photos and finding.severity != "note":
            rest = f" and {len(finding.photos) - 1:,} more" if len(finding.photos) > 1 else ""
            output.result(shown(f"{'':<8} {finding.photos[0].path}{rest}"))
    if not report.findings:
        output.result("found    nothing to complain of")
    if report.fixed is not None:
        output.result(f"fixed    {_fixed(report)}: {report.fixed}")


def _fixed(report: "CheckReport") -> str:
    files = counted(len(report.moved), "file")
    return f"{files} moved away" if report.data.is_dir() else f"{files} left out, and lines of no use"


def _end(report: "CheckReport", column: str | None) -> None:
    place = report.fixed if report.fixed is not None and report.data.is_file() else report.data
    if report.fixed is not None or report.left:
        fix = report.fixed is None and report.fixable
        words = [*(["--column", column] if column else []), *(["--fix"] if fix else [])]
        output.next_command("edgetl", "check", place, *words)
    else:
        output.next_command("edgetl", "train", report.data, *(["--tasks", column] if column else []))
    if report.left:
        rest = "" if report.fixed is None else " that --fix does not mend"
        raise GateError(f"{place} has {counted(len(report.left), 'error')}{rest}, told above")


def _undo(data: Path, as_json: bool) -> None:
    from edgetl.training.checking.quarantine import undo

    done = undo(data)
    if as_json:
        lists = {"restored": done.restored, "kept": done.kept}
        output.result_json({name: [str(path) for path in paths] for name, paths in lists.items()})
    else:
        output.result(f"restored {counted(len(done.restored), 'file')}")
    for path in done.kept:
        output.advice(f"{path} stays there: something else stands in its place now")
    output.next_command("edgetl", "check", data)
