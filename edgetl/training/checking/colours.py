"""Grey photos among colour ones and colour among grey; a class that differs in it is a shortcut."""

from collections import Counter

from edgetl import extras
from edgetl.training.checking.findings import Finding
from edgetl.training.checking.subject import Subject
from edgetl.wording import counted

_CLEARLY = 0.3
"""How much more often one class is grey than the others."""
_CHANCE = 0.001
"""Probability of such a difference by chance, for all classes together (Bonferroni)."""


def find(subject: Subject) -> list[Finding]:
    """Photos that are grey, or coloured, where most are not."""
    grey = [photo for photo in subject.photos if subject.of(photo).is_grey]
    if not grey or len(grey) == len(subject.photos):
        return []
    few_are_grey = 2 * len(grey) <= len(subject.photos)
    coloured = [photo for photo in subject.photos if not subject.of(photo).is_grey]
    odd = grey if few_are_grey else coloured
    word, others = ("grey", "in colour") if few_are_grey else ("in colour", "grey")
    notes = tuple(subject.note(photo, word) for photo in odd)
    shortcuts = _shortcuts(subject, word)
    rest = len(subject.photos) - len(odd)
    said = f"{counted(len(odd), 'photo is', 'photos are')} {word} and the other {rest:,} {others}"
    if shortcuts:
        listed = ", ".join(f"{100 * share:.0f} % of {label!r}" for label, share in shortcuts.items())
        title = (
            f"{said}, and the classes differ in it ({listed}): a model learns the colour in place of the "
            "thing; "
            "make all photos grey, or find some of the other kind for each class"
        )
        return [Finding("colour tells the class", "warning", title, notes)]
    title = f"{said}: fine if the board will see both, and if not, take them out"
    return [Finding("grey and colour", "note", title, notes)]


def _shortcuts(subject: Subject, word: str) -> dict[str, float]:
    """The share of each class that is ``word``, of those that differ from the rest."""
    stats = extras.load("scipy.stats", extra="train", purpose="checking photos")
    photos = Counter(photo.label for photo in subject.photos)
    are_odd = Counter(p.label for p in subject.photos if subject.of(p).is_grey == (word == "grey"))
    found = {}
    for number, label in enumerate(subject.labels):
        count, odd = photos[number], are_odd[number]
        others, odd_others = photos.total() - count, are_odd.total() - odd
        if not count or not others:
            continue
        share = odd / count
        if abs(share - odd_others / others) >= _CLEARLY:
            cells = [[odd, count - odd], [odd_others, others - odd_others]]
            chance = float(stats.fisher_exact(cells).pvalue)  # R. A. Fisher, 1935
            if chance * len(subject.labels) < _CHANCE:
                found[label] = share
    return found
