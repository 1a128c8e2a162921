"""What is in a folder of unlabelled pictures: a map, groups, what to label first, what is odd."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgetl.reports import mosaic as mosaics
from edgetl.reports.facts import facts
from edgetl.reports.markup import Html, figure, join, tag, text, tiles
from edgetl.reports.mosaic import Mosaic
from edgetl.reports.page import Section
from edgetl.reports.units import format_share

if TYPE_CHECKING:  # a device draws the page of a benchmark without the training side
    from edgetl.training.exploring.found import Exploration, Group, Picture

_MOST_NAMES = 60
_MOST_LABELS = 4


def overview(found: "Exploration", labels: Path | None) -> Section:
    """How much of what there is, and what to do with it.

    Args:
        found: it.
        labels: the CSV file of suggested labels; None: none was written.
    """
    copies = found.files - len(found.pictures)
    lost = [f"{copies:,} more are copies"] * bool(copies)
    lost += [f"{len(found.unreadable):,} cannot be read"] * bool(found.unreadable)
    lost += [f"{len(found.known):,} are labelled already"] * bool(found.known)
    new = sum(group.new for group in found.groups)
    figures = tiles(
        [
            ("Pictures", f"{len(found.pictures):,}", ", ".join(lost) or "all different"),
            ("Groups", f"{len(found.groups)}", _apart(found) + (f"; {new} of a new kind" if new else "")),
            ("Odd ones out", f"{len(found.odd):,}", "no other is like them"),
            ("Shown twice", f"{len(found.alike):,}", "groups that show nearly the same"),
        ]
    )
    who = f"by {found.model}" if found.model else "by group: they are numbers until you name them"
    said = [f"Labels are suggested {who}."]
    if labels is not None:
        said.append(
            f"They stand in {labels}, the ones to look at first on top. Correct them there, and train with "
            "the command below."
        )
    parts = [figures, tag("p", text(" ".join(said)))]
    if labels is not None:
        parts.append(tag("pre", tag("code", text(shlex.join(["edgetl", "train", str(labels)])))))
    return Section("What there is", join(*parts))


def chart(found: "Exploration", mosaic: Mosaic) -> Section:
    """The map."""
    typical = {group.typical[0]: group for group in found.groups}
    shown = [picture for picture in found.pictures if picture.path in mosaic.numbers]
    # In the order of the map, which is the keyboard's too.
    shown.sort(key=lambda picture: tuple(mosaic.cells[mosaic.numbers[picture.path]].tolist()))
    drawn = [
        mosaics.on_map(
            mosaic,
            picture.path,
            group=picture.group,
            caption=_caption(picture, found.folder),
            badge=str(picture.group) if picture.path in typical else "",
        )
        for picture in shown
    ]
    rows, columns = mosaic.grid
    field = tag("div", *drawn, class_="map", style=f"--columns:{columns};--rows:{rows}")
    frame = tag("div", field, class_="scrolls", tabindex="0", role="region", aria_label="Map of the pictures")
    some = (
        f"{len(shown)} of {len(found.pictures):,} pictures"
        if len(shown) < len(found.pictures)
        else "Pictures"
    )
    caption = (
        f"{some}: those that look alike to the network lie near each other (t-SNE, then moved onto a grid); "
        "far apart means little. Frames have the colour of the group, and its most typical picture its "
        "number. Point at one, tap it or move to it by Tab to see it larger."
    )
    skip = tag("a", text("Skip the map"), href="#after-map", class_="skip")
    return Section("Map", join(skip, figure(frame, text(caption)), tag("span", id="after-map")))


def first(found: "Exploration", mosaic: Mosaic) -> Section | None:
    """Those to label first; None where there are none."""
    if not found.first:
        return None
    why = (
        "unlike each other, and those that the model is least sure of"
        if found.model
        else "typical, and unlike each other: one out of each of as many groups"
    )
    note = tag("p", text(f"With little time, name these {len(found.first)}: {why}. Most useful first."))
    return Section("Label these first", join(note, _sheet(found.first, found.folder, mosaic)))


def groups(found: "Exploration", mosaic: Mosaic) -> Section:
    """Each group with its typical pictures."""
    by_path = {picture.path: picture for picture in found.pictures}
    parts = []
    if not found.apart and len(found.groups) > 1:
        said = "The groups do not stand apart: the pictures are one cloud, cut into parts somewhere."
        parts.append(tag("p", text(said)))
    for group in found.groups:
        heading = tag(
            "h3",
            tag("span", text(str(group.number)), class_=f"chip {mosaics.colour(group.number)}"),
            text(f"{group.label}, {group.pictures:,} pictures"),
        )
        parts += [heading, tag("p", text(_labels(group, found.model)), class_="quiet")]
        parts.append(_sheet([by_path[path] for path in group.typical], found.folder, mosaic))
    return Section("Groups", join(*parts))


def odd(found: "Exploration", mosaic: Mosaic) -> Section | None:
    """Pictures that no other is like; None where there are none."""
    if not found.odd:
        return None
    note = "Spoilt, of another kind, or just rare: look whether they belong here. The CSV file marks them."
    shown = _sheet(found.odd, found.folder, mosaic)
    return Section("Odd ones out", join(tag("p", text(note)), shown, _names(found.odd, found.folder)))


def alike(found: "Exploration") -> Section | None:
    """Pictures that show nearly the same; None where there are none."""
    if not found.alike:
        return None
    lines = [
        tag("li", *(tag("div", tag("code", text(_name(path, found.folder)))) for path in paths))
        for paths in found.alike[:_MOST_NAMES]
    ]
    rest = len(found.alike) - len(lines)
    if rest:
        lines.append(tag("li", text(f"and {rest:,} more: edgetl explore --json has all")))
    note = (
        "Copies, altered copies, and frames of one moment. One of each is worth a label; and if one is in "
        "train and the other in test, the score is too good: edgetl check finds that."
    )
    many = tag(
        "details", tag("summary", text(f"All {len(found.alike):,}")), tag("ul", *lines, class_="files")
    )
    return Section("Shown more than once", join(tag("p", text(note)), many))


def how(found: "Exploration") -> Section:
    """How it was found out."""
    tried = ", ".join(f"{number}: {score:.2f}" for number, score in found.tried.items())
    rows: list[tuple[str, object]] = [
        ("Folder", found.folder),
        ("Features", found.backbone),
        ("Groups", "k-means on 20 principal components of the features"),
        ("Silhouette by number of groups", tried or None),
        ("Labels", f"by {found.model}" if found.model else "none known"),
        ("Could not be read", f"{len(found.unreadable):,} files" if found.unreadable else None),
        ("Took", f"{found.seconds:.1f} s"),
    ]
    return facts("How it was found out", rows)


def _apart(found: "Exploration") -> str:
    if found.silhouette is None:
        return "too few pictures for more"
    return f"{'apart' if found.apart else 'not apart'}, silhouette {found.silhouette:.2f}"


def _labels(group: "Group", model: str | None) -> str:
    if not model:
        return "Typical ones first. Name the group after what they show."
    told = [f"{label} {count:,}" for label, count in list(group.labels.items())[:_MOST_LABELS]]
    rest = len(group.labels) - len(told)
    kind = f"{model} does not know most of these: a new kind? " if group.new else ""
    return f"{kind}Suggested: {', '.join(told)}{f' and {rest} more' if rest else ''}."


def _sheet(pictures: Sequence["Picture"], folder: Path, mosaic: Mosaic) -> Html:
    shown = [
        tag(
            "figure",
            mosaics.tile(mosaic, picture.path, _name(picture.path, folder)),
            tag("figcaption", text(_name(picture.path, folder)), tag("small", text(_said(picture)))),
        )
        for picture in pictures
        if picture.path in mosaic.numbers
    ]
    return tag("div", *shown, class_="gallery sheet")


def _names(pictures: Sequence["Picture"], folder: Path) -> Html:
    lines = [tag("li", tag("code", text(_name(picture.path, folder)))) for picture in pictures[:_MOST_NAMES]]
    rest = len(pictures) - len(lines)
    if rest > 0:
        lines.append(tag("li", text(f"and {rest:,} more: edgetl explore --json has all")))
    summary = tag("summary", text(f"The names of all {len(pictures):,}"))
    return tag("details", summary, tag("ul", *lines, class_="files"))


def _caption(picture: "Picture", folder: Path) -> str:
    return f"{picture.group}: {_said(picture)}, {_name(picture.path, folder)}"


def _said(picture: "Picture") -> str:
    if not picture.score:
        return picture.label
    return f"{picture.label} {format_share(picture.score)}"


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
