"""``edgetl explore``: a folder of pictures in; groups, a map and suggested labels out."""

import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from edgetl import files
from edgetl.errors import UsageError
from edgetl.progress import SILENT, Progress
from edgetl.reports import pages
from edgetl.training import features, prepare
from edgetl.training.arrays import Labels
from edgetl.training.checking import duplicates
from edgetl.training.exploring import first as firsts
from edgetl.training.exploring import (
    grouping,
    guiding,
    listing,
    neighbours,
    sheet,
    space,
    suggesting,
)
from edgetl.training.exploring.found import Exploration, Group, Picture, labels_csv
from edgetl.training.exploring.guiding import Guide
from edgetl.training.features import FeatureTable
from edgetl.training.photo import Photo
from edgetl.training.prepare import Prepared
from edgetl.training.threads import threads_for
from edgetl.wording import agreeing, counted

DEFAULT_BACKBONE = "efficientnet_lite0"
_TYPICAL = 12
"""Pictures of a group that it is shown by."""
_MOST_ROWS = 20_000
"""Pictures whose features may lie in memory at once, to look for near duplicates by them too."""


def explore(
    folder: str | Path,
    *,
    out: str | Path | None = None,
    labels: str | Path | None = None,
    run: str | Path | None = None,
    backbone: str | None = None,
    size: int | None = None,
    groups: int | None = None,
    first: int = 20,
    force: bool = False,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Exploration:
    """Find out what is in a folder of pictures that nobody has labelled.

    Args:
        folder: of pictures, and those inside it; what subfolders are called means nothing.
        out: HTML page to write.
        labels: CSV file of suggested labels to write, which :func:`edgetl.train` takes.
        run: a run or bundle, which suggests labels. Pictures of a run's own dataset are left out.
        backbone: whose features to group by; None takes the run's, or EfficientNet-Lite0.
        size: height and width of its input, pixels; None takes its own.
        groups: how many; None takes the number that stands apart best.
        first: how many pictures to name that should be labelled first.
        force: replace a CSV file that stands at ``labels``; what was corrected in it is lost.
        seed: where the grouping and the map start.
        progress: hears of each step.

    Raises:
        DatasetError: it is no folder, or has fewer than two pictures.
        RunError: ``run`` is neither a run nor a bundle, or not a whole one.
        UsageError: an option is not one of those offered, or does not go with the run, or the CSV file is
            there already.
        WeightsError: no pretrained weights for the backbone.
        WriteError: the page or the CSV file cannot be written.
    """
    started = time.perf_counter()
    place = Path(folder)
    for file in (out, labels):
        if file is not None:
            files.try_file(Path(file))
    if labels is not None and Path(labels).exists() and not force:
        raise UsageError(f"{labels} exists, and may have been corrected: name another file, or add --force")
    grouping.check(groups)
    firsts.check(first)
    guide = None if run is None else guiding.open_guide(Path(run), backbone, size)
    choice = guide.choice if guide else None
    if choice is None:
        choice = prepare.choose(backbone or DEFAULT_BACKBONE, size=size, width=1.0, weights_file=None)
    engine = prepare.choose_engine()
    with progress.step("read the pictures"):
        found = listing.read(place, {photo.sha256 for photo in guide.known} if guide else ())
    if found.known:
        progress.warn(
            f"left out {counted(len(found.known), 'picture')}, in the dataset of {run} and labelled already"
        )
    prepared = prepare.prepare(choice, engine=engine, classes=2, progress=progress)
    if guide is not None and guide.head is not None:
        prepared = prepared.reading(guide.head.layers)
    table, unreadable = features.extract(found.photos, prepared, progress)
    found = found.without(unreadable)
    if found.unreadable:
        path, reason = next(iter(found.unreadable.items()))
        count = len(found.unreadable)
        progress.warn(
            f"{counted(count, 'file')} cannot be read and {agreeing(count, 'is', 'are')} left out; "
            f"{reason if str(path) in reason else f'{path}: {reason}'}"
        )
    photos = found.photos
    points = space.components(table, [photo.sha256 for photo in photos])
    grouped = grouping.find(points, groups, seed=seed, progress=progress)
    if groups is not None and grouped.count < groups:
        progress.warn(
            f"{grouped.count} groups instead of {groups}: each needs {grouping.SMALLEST} pictures or more"
        )
    near = neighbours.nearness(points, seed)
    odd = neighbours.odd(near)
    alike = duplicates.find(photos, table if len(photos) <= _MOST_ROWS else None, progress)
    suggested = _suggest(guide, grouped, photos, table, prepared, progress)
    chosen = firsts.choose(
        points,
        near,
        first,
        unsure=suggested.unsure,
        left_out=np.union1d(odd, _further(alike, photos)),
        seed=seed,
    )
    exploration = Exploration(
        folder=place,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        backbone=f"{choice.name}, {choice.size} pixels",
        model=None if guide is None else guide.name,
        pictures=_pictures(found, grouped, suggested, chosen, odd),
        groups=_groups(photos, grouped, suggested),
        silhouette=grouped.silhouette,
        apart=grouped.apart,
        tried=grouped.tried,
        alike=tuple(tuple(photo.path for photo in group.photos) for group in alike),
        known=found.known,
        unreadable=found.unreadable,
        seconds=round(time.perf_counter() - started, 3),
    )
    if labels is not None:
        files.write_text(Path(labels), labels_csv(exploration, Path(labels).parent))
    if out is not None:
        with progress.step("draw the page"):
            mosaic = sheet.make(exploration, points, seed)
        files.write_text(
            Path(out), pages.explore_page(exploration, mosaic, None if labels is None else Path(labels))
        )
    return exploration


def _suggest(
    guide: Guide | None,
    groups: grouping.Groups,
    photos: Sequence[Photo],
    table: FeatureTable,
    prepared: Prepared,
    progress: Progress,
) -> suggesting.Suggested:
    if guide is None:
        return suggesting.by_group(groups)
    answers = guide.probabilities(photos, table, progress)
    with progress.step("what the model does not know"), threads_for(1):
        unknown = guide.strange(photos, answers, table, prepared)
    return suggesting.by_model(groups, answers, guide.labels, unknown)


def _further(alike: Sequence[duplicates.Group], photos: Sequence[Photo]) -> Labels:
    """All but the first of each group of pictures that show the same."""
    further = {photo.path for group in alike for photo in group.photos[1:]}
    return np.array([place for place, photo in enumerate(photos) if photo.path in further], np.int64)


def _pictures(
    found: listing.Found,
    groups: grouping.Groups,
    suggested: suggesting.Suggested,
    chosen: Labels,
    odd: Labels,
) -> tuple[Picture, ...]:
    ranks = {int(place): rank for rank, place in enumerate(chosen, 1)}
    strange = set(odd.tolist())
    return tuple(
        Picture(
            path=photo.path,
            sha256=photo.sha256,
            label=suggested.labels[place],
            score=None if suggested.scores is None else round(float(suggested.scores[place]), 4),
            group=int(groups.of[place]) + 1,
            first=ranks.get(place),
            odd=place in strange,
            copies=found.copies.get(photo.sha256, ()),
        )
        for place, photo in enumerate(found.photos)
    )


def _groups(
    photos: Sequence[Photo], groups: grouping.Groups, suggested: suggesting.Suggested
) -> tuple[Group, ...]:
    told = suggesting.counts(groups, suggested.labels)
    return tuple(
        Group(
            number=group + 1,
            label=suggested.names[group],
            new=suggested.new[group],
            pictures=len(groups.members(group)),
            labels=told[group],
            typical=tuple(photos[place].path for place in groups.members(group)[:_TYPICAL]),
        )
        for group in range(groups.count)
    )
