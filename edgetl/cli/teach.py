"""``edgetl teach``: a thin shell over ``edgetl.load(...).teach``."""

from pathlib import Path
from typing import Any

import click

from edgetl.bundle import Bundle
from edgetl.cli import output
from edgetl.errors import UsageError
from edgetl.reports.units import format_size
from edgetl.runtime import teaching
from edgetl.runtime.classifier import load
from edgetl.runtime.sources import pictures
from edgetl.runtime.teaching import Learned

_GOOD = 10
"""Pictures of a class from which more help little."""
_WEAK = 0.7
"""Share of the taught pictures; fewer recognised is worth a word."""


@click.command("teach", short_help="Teach a bundle new classes on this machine.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("sources", metavar="[PICTURES]...", nargs=-1)
@click.option("--label", help="Class that PICTURES show: a new one, or one taught before.")
@click.option("--forget", help="Forget this class, which was taught.")
@click.option("--list", "listing", is_flag=True, help="Print what was taught.")
@click.option("--variant", help="Variant that looks at the pictures. [default: the bundle's pick]")
@click.option("--engine", help="Engine to run it in. [default: the first installed]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    bundle: Path,
    sources: tuple[str, ...],
    label: str | None,
    forget: str | None,
    listing: bool,
    variant: str | None,
    engine: str | None,
    as_json: bool,
) -> None:
    """Teach BUNDLE, exported with --embedding, a new class from a few PICTURES: files, folders or globs.

    What is learned is one small file beside the bundle. Removing it undoes everything.
    """
    if (label is not None) + (forget is not None) + listing != 1:
        raise UsageError("choose one: --label NAME with pictures to teach, --forget NAME, or --list")
    if bool(sources) != (label is not None):
        raise UsageError("--label NAME and pictures of it go together: give 10 pictures or more")
    opened = Bundle.open(bundle)
    if label is not None:
        _teach(opened, label, sources, variant, engine, as_json)
        return
    learned = teaching.forget(opened, forget) if forget is not None else teaching.load_learned(opened)
    if as_json:
        output.result_json(_to_dict(opened, learned))
        return
    if forget is not None:
        output.result(f"forgot   {forget}")
    _tell(opened, learned)


def _teach(
    bundle: Bundle,
    label: str,
    sources: tuple[str, ...],
    variant: str | None,
    engine: str | None,
    as_json: bool,
) -> None:
    teaching.check(bundle, label)
    paths = [path for source in sources for path in pictures(source)]
    before = teaching.load_learned(bundle)
    with load(bundle.path, variant, engine) as model:
        learned = model.teach(label, paths)
    new = sum(learned.pictures) - (sum(before.pictures) if before is not None else 0)
    if as_json:
        output.result_json({"new_pictures": new, **_to_dict(bundle, learned)})
    else:
        again = f", {len(paths) - new} taught before" if new < len(paths) else ""
        output.result(f"taught   {label} with {new} new pictures{again}")
        _tell(bundle, learned)
    _advise(bundle, learned, label)
    output.next_command("edgetl", "run", bundle.path, sources[0])


def _tell(bundle: Bundle, learned: Learned | None) -> None:
    if learned is None:
        output.result("learned  nothing")
        return
    for label, count, recognised in zip(learned.labels, learned.pictures, learned.recognised, strict=True):
        found = "" if recognised is None else f", {recognised} recognised when left out"
        output.result(f"class    {label}: {count} pictures{found}")
    guard = learned.guard
    output.result(
        f"guard    {guard.right_before} of {guard.exemplars} exemplars of {guard.classes} classes right "
        f"before, {guard.right_after} after"
    )
    place = teaching.place(bundle)
    output.result(f"file     {place}, {format_size(place.stat().st_size)}; removing it undoes everything")


def _advise(bundle: Bundle, learned: Learned, label: str) -> None:
    place = learned.labels.index(label)
    count, recognised = learned.pictures[place], learned.recognised[place]
    if recognised is not None and recognised < _WEAK * count:
        output.advice(
            f"{recognised} of {count} pictures of {label} are recognised when left out: give more, taken as "
            "the camera will see it"
        )
    elif count < _GOOD:
        output.advice(f"{count} pictures of {label} find some of it: {_GOOD} or more are better")
    unguarded = len(bundle.labels) - learned.guard.classes
    if unguarded:
        output.advice(f"{unguarded} of the bundle's classes have no exemplars, and nothing guards them")


def _to_dict(bundle: Bundle, learned: Learned | None) -> dict[str, Any]:
    if learned is None:
        return {"bundle": str(bundle.path), "file": None, "labels": [], "guard": None}
    return {"bundle": str(bundle.path), "file": str(teaching.place(bundle)), **learned.to_dict()}
