"""What a check found: a table, then each finding with its pictures and the names of its files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgetl.reports.markup import Column, Html, join, table, tag, text, tiles
from edgetl.reports.page import Section
from edgetl.reports.pictures import picture

if TYPE_CHECKING:  # a device draws the page of a benchmark without the training side
    from edgetl.training.checking.findings import Finding, PhotoNote
    from edgetl.training.checking.report import CheckReport

Thumbnails = Mapping[Path, NDArray[np.uint8]]

_MOST_PICTURES = 180
"""On the whole page, of some 8 kB each: it stays below 2 MB."""
_MOST_EACH = 30
_FEW_NAMES = 8
"""So many names are shown without being asked for."""
_MOST_NAMES = 200


def shown(findings: Sequence["Finding"]) -> list[Path]:
    """The photos that the page has room for, in the order of the page."""
    return [photo.path for finding in findings for photo in _chosen(finding, findings)]


def overview(report: "CheckReport") -> Section:
    """How much of what was found."""
    counts = {severity: len(report.of(severity)) for severity in ("error", "warning", "note")}
    splits = ", ".join(f"{name} {count:,}" for name, count in report.photos.items() if count)
    figures = tiles(
        [
            ("Photos", f"{sum(report.photos.values()):,}", splits),
            ("Classes", f"{len(report.labels):,}", _listed(report.labels)),
            ("Errors", f"{counts['error']}", "the score would be wrong, or training refuses"),
            ("Warnings", f"{counts['warning']}", "what usually costs accuracy"),
        ]
    )
    if not report.findings:
        return Section("Found", join(figures, tag("p", text("Nothing to complain of."))))
    rows = [
        [
            tag("span", text(finding.severity), class_=f"severity {finding.severity}"),
            tag("a", text(finding.kind), href=f"#section-{number}"),
            text(f"{len(finding.photos):,}" if finding.photos else "–"),
        ]
        for number, finding in enumerate(report.findings, 2)
    ]
    columns = [Column("How bad", numeric=False), Column("What", numeric=False), Column("Files")]
    parts = [figures, table("All findings, worst first", columns, rows)]
    if report.fixed is not None:
        moved = (
            f"Fixed: {len(report.moved):,} of these files are no longer part of the data; see {report.fixed}."
        )
        parts.append(tag("p", text(moved)))
    if not report.features:
        skipped = "Without features, suspect labels and shift between splits were not looked for."
        parts.append(tag("p", text(skipped), class_="quiet"))
    return Section("Found", join(*parts))


def finding(finding: "Finding", findings: Sequence["Finding"], root: Path, thumbnails: Thumbnails) -> Section:
    """One finding.

    Args:
        finding: it.
        findings: all of the page, which share its room.
        root: names of files are told below it.
        thumbnails: uint8 (h, w, 3) RGB of those that :func:`shown` names.
    """
    head = tag(
        "p",
        tag("span", text(finding.severity), class_=f"severity {finding.severity}"),
        text(f" {finding.title}."),
    )
    chosen = [photo for photo in _chosen(finding, findings) if photo.path in thumbnails]
    parts = [head]
    if chosen:
        if len(chosen) < len(finding.photos):
            parts.append(tag("p", text(f"{len(chosen)} of {len(finding.photos):,}:"), class_="quiet"))
        parts.append(_sheet(chosen, root, thumbnails))
    if finding.photos:
        parts.append(_names(finding, root, few=not chosen))
    return Section(finding.kind[:1].upper() + finding.kind[1:], join(*parts))


def _sheet(chosen: Sequence["PhotoNote"], root: Path, thumbnails: Thumbnails) -> Html:
    if chosen[0].group is None:
        return tag("div", *(_figure(photo, root, thumbnails) for photo in chosen), class_="gallery")
    groups: dict[int | None, list[Html]] = {}
    for photo in chosen:
        groups.setdefault(photo.group, []).append(_figure(photo, root, thumbnails))
    return tag("div", *(tag("div", *figures) for figures in groups.values()), class_="groups")


def _figure(photo: "PhotoNote", root: Path, thumbnails: Thumbnails) -> Html:
    name = text(_name(photo.path, root))
    note = tag("small", text(_note(photo))) if photo.note else Html("")
    return picture(thumbnails[photo.path], join(name, note), alt=_name(photo.path, root))


def _names(finding: "Finding", root: Path, *, few: bool) -> Html:
    def line(photo: "PhotoNote") -> Html:
        name = _name(photo.path, root)
        place = name if root in photo.path.parents or not photo.label else f"{name} ({photo.label})"
        group = f"group {photo.group}: " if photo.group is not None else ""
        note = _note(photo)
        return tag("li", text(group), tag("code", text(place)), text(f" {note}" if note else ""))

    lines = [line(photo) for photo in finding.photos[:_MOST_NAMES]]
    rest = len(finding.photos) - len(lines)
    if rest > 0:
        lines.append(tag("li", text(f"and {rest:,} more: edgetl check --json has all")))
    made = tag("ul", *lines, class_="files")
    if few and len(finding.photos) <= _FEW_NAMES:
        return made
    said = f"The names of all {len(finding.photos):,}" if len(finding.photos) > 1 else "Its name"
    return tag("details", tag("summary", text(said)), made)


def _chosen(finding: "Finding", findings: Sequence["Finding"]) -> Sequence["PhotoNote"]:
    """The first photos, as many as the page has room for; no group is torn apart where that can be helped."""
    counts = [len(other.photos) for other in findings]
    room = next(
        (most for most in range(_MOST_EACH, 1, -1) if sum(min(most, n) for n in counts) <= _MOST_PICTURES), 1
    )
    photos = finding.photos[:room]
    if len(photos) < len(finding.photos) and photos[-1].group is not None:
        whole = [photo for photo in photos if photo.group != finding.photos[room].group]
        return whole or photos
    return photos


def _note(photo: "PhotoNote") -> str:
    # What an error says of a file begins with its whole path, which stands beside it already.
    return photo.note.removeprefix(str(photo.path)).strip(" :")


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _listed(labels: Sequence[str], most: int = 6) -> str:
    return ", ".join(labels[:most]) + (" …" if len(labels) > most else "")
