"""What groups of photos that show the same mean: leaks, contradictions, bursts, and photos counted twice."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from edgetl.training.checking.duplicates import Group, Kind
from edgetl.training.checking.findings import Finding, PhotoNote
from edgetl.training.checking.subject import Subject
from edgetl.training.dataset import Photo
from edgetl.wording import agreeing, counted

_RANKS = {"train": 0, "val": 1, "test": 2}
_NUMBER = re.compile(r"(\d+)(?=\D*$)")
_STEP = 5
"""Numbers of file names that are this close are taken in a row."""
_SECONDS = 15
_WORDS = {"exact": "same bytes", "copy": "same picture", "similar": "similar"}


def find(subject: Subject, groups: Sequence[Group]) -> list[Finding]:
    """Everything there is to say of photos that show the same."""
    exact, alike = _of_kind(groups, "exact"), _looks(groups)
    # What is similar to a copy that goes needs no word of its own.
    similar = without(_of_kind(groups, "similar"), to_remove(groups, looks=True))
    found = []
    if leaks := [group for group in exact if _crosses(group)]:
        held_out = sum(photo.split != "train" for group in leaks for photo in group.photos)
        way_out = (
            "--fix moves the copies in train away and leaves the scored photos alone"
            if any(_labels(group) == 1 for group in leaks)
            else "they have two labels, so look which is right, and remove the wrong copies"
        )
        title = (
            f"{counted(held_out, 'photo')} of val and test {agreeing(held_out, 'stands', 'stand')} in "
            "another split too, so the model has seen what it is scored on and its accuracy will look better "
            f"than it is: {way_out}"
        )
        found.append(Finding("leaks between splits", "error", title, _notes(subject, leaks)))
    if contradictions := [group for group in exact if _labels(group) > 1]:
        title = (
            f"{counted(len(contradictions), 'picture has', 'pictures have')} two labels, one of which is "
            "wrong unless it shows both: look, and remove the wrong copies"
        )
        found.append(Finding("one picture, two labels", "error", title, _notes(subject, contradictions)))
    if crossing := [group for group in alike if _crosses(group)]:
        title = (
            f"{counted(len(crossing), 'group')} of photos that show the same "
            f"{agreeing(len(crossing), 'is', 'are')} spread over splits, saved anew, resized, mirrored or "
            "cropped, or things that look exactly alike: copies flatter the accuracy; look, and "
            "--fix-suspects moves those in train away"
        )
        found.append(Finding("copies in several splits", "warning", title, _notes(subject, crossing)))
    if doubtful := [group for group in alike if _labels(group) > 1]:
        title = (
            f"{counted(len(doubtful), 'group')} of photos that show the same "
            f"{agreeing(len(doubtful), 'has', 'have')} two labels: a label is wrong, or they differ in what "
            "a small picture does not show; look"
        )
        found.append(Finding("same look, two labels", "warning", title, _notes(subject, doubtful)))
    if crossing := [group for group in similar if _crosses(group)]:
        found.append(_scenes(subject, crossing))
    if twice := [group for group in (*exact, *alike) if _labels(group) == 1 and not _crosses(group)]:
        count = sum(len(group.photos) - 1 for group in twice)
        title = (
            f"{counted(count, 'photo is a copy', 'photos are copies')} of another in the same split and "
            f"class, and {agreeing(count, 'counts', 'count')} twice: harmless if few, and the interval "
            "of the score is a little wider than it says"
        )
        found.append(Finding("copies in one split", "note", title, _notes(subject, twice)))
    if bursts := [group for group in similar if not _crosses(group)]:
        count = sum(len(group.photos) for group in bursts)
        title = (
            f"{counted(count, 'photo')} in {counted(len(bursts), 'group')} show almost the same, all of a "
            "group in one split: fine, but they tell the model less than their number promises"
        )
        found.append(Finding("bursts", "note", title, _notes(subject, bursts)))
    return found


def to_remove(groups: Sequence[Group], *, looks: bool = False) -> Iterator[Photo]:
    """The copies whose removal makes the score honest.

    The copy in test stays (in val, where test has none): the scored photos remain what they were, so that
    scores can be compared with earlier ones and no interval widens, and what is lost is a train photo. Where
    labels contradict each other somebody has to look, and nothing is removed.

    Args:
        groups: what was found.
        looks: those that only look the same as well. Products of one line can look exactly alike.
    """
    for group in (*_of_kind(groups, "exact"), *(_looks(groups) if looks else ())):
        if _crosses(group) and _labels(group) == 1:
            last = max(_RANKS[photo.split] for photo in group.photos)
            yield from (photo for photo in group.photos if _RANKS[photo.split] < last)


def _scenes(subject: Subject, crossing: Sequence[Group]) -> Finding:
    count = sum(len(group.photos) for group in crossing)
    rows = sum(_in_a_row(subject, group) for group in crossing)
    hint = f"; {rows} of the {len(crossing)} groups follow each other in name or time" if rows else ""
    way_out = (
        "give the splits yourself, with each scene in one of them (a CSV file has a column for it)"
        if subject.split_here
        else "keep each scene in one split"
    )
    title = (
        f"{counted(count, 'photo')} of the same scenes {agreeing(count, 'is', 'are')} spread over splits "
        f"(bursts, frames of one video{hint}), which flatters the accuracy: {way_out}"
    )
    return Finding("scenes in several splits", "warning", title, _notes(subject, crossing))


def _of_kind(groups: Sequence[Group], kind: Kind) -> list[Group]:
    return [group for group in groups if group.kind == kind]


def _looks(groups: Sequence[Group]) -> list[Group]:
    """Groups of copies, less the photos that are told as exact ones already: one of each content is left."""
    found = []
    for group in _of_kind(groups, "copy"):
        # The scored one of several, which is the one that stays.
        last = {photo.sha256: photo for photo in sorted(group.photos, key=lambda each: _RANKS[each.split])}
        found.append(replace(group, photos=tuple(photo for photo in group.photos if photo in last.values())))
    return found


def without(groups: Sequence[Group], gone: Iterable[Photo]) -> list[Group]:
    """The groups less some photos, as far as two or more are left."""
    away = set(gone)
    left = [replace(group, photos=tuple(p for p in group.photos if p not in away)) for group in groups]
    return [group for group in left if len(group.photos) > 1]


def _labels(group: Group) -> int:
    return len({photo.label for photo in group.photos})


def _crosses(group: Group) -> bool:
    return len({photo.split for photo in group.photos}) > 1


def _notes(subject: Subject, groups: Sequence[Group]) -> tuple[PhotoNote, ...]:
    return tuple(
        subject.note(photo, _WORDS[group.kind], score=round(group.score, 4), group=number)
        for number, group in enumerate(sorted(groups, key=lambda group: -group.score), 1)
        for photo in group.photos
    )


def _in_a_row(subject: Subject, group: Group) -> bool:
    """Whether the photos follow each other in the numbers of their names, or in time."""
    return _close(_numbers(group.photos), _STEP) or _close(_times(subject, group.photos), _SECONDS)


def _numbers(photos: Sequence[Photo]) -> list[float]:
    found = [_NUMBER.search(photo.path.stem) for photo in photos]
    prefixes = {match.string[: match.start()] for match in found if match}
    return [float(match[1]) for match in found if match] if len(prefixes) == 1 and all(found) else []


def _times(subject: Subject, photos: Sequence[Photo]) -> list[float]:
    times = []
    for photo in photos:
        picture = subject.pictures.get(photo.sha256)
        try:
            stamp = datetime.strptime(picture.taken if picture else "", "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
        except ValueError:
            return []
        times.append((stamp - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001 - EXIF has no time zone
    return times


def _close(values: list[float], step: float) -> bool:
    ordered = sorted(values)
    return len(ordered) > 1 and all(b - a <= step for a, b in itertools.pairwise(ordered))
