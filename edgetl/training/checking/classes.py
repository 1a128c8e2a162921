"""How the photos are spread over the classes."""

from edgetl.training.checking.findings import Finding
from edgetl.training.checking.subject import Subject
from edgetl.wording import counted

_FEW = 20
"""Train photos under which a class is learned from accidents."""
_FEW_SCORED = 5
_SKEWED, _VERY_SKEWED = 3.0, 10.0
"""Largest class in times of the smallest; from the first of the two on, training weighs the classes."""


def find(subject: Subject) -> list[Finding]:
    """Classes with few photos, and skew."""
    train = {label: subject.counts["train", number] for number, label in enumerate(subject.labels)}
    scored = {
        label: subject.counts[subject.scored_split, number] for number, label in enumerate(subject.labels)
    }
    found = []
    few = {label: count for label, count in train.items() if count < _FEW}
    if few:
        title = (
            f"{counted(len(few), 'class has', 'classes have')} fewer than {_FEW} train photos "
            f"({_listed(few)}): what the model learns of them is an accident; add photos"
        )
        found.append(Finding("small classes", "warning", title))
    unscored = {label: count for label, count in scored.items() if count < _FEW_SCORED}
    if unscored and len(subject.photos) and scored != train:
        title = (
            f"{counted(len(unscored), 'class has', 'classes have')} fewer than {_FEW_SCORED} photos in "
            f"{subject.scored_split} ({_listed(unscored)}), so that nothing can be said of each alone: move "
            "some there"
        )
        found.append(Finding("classes hardly scored", "warning", title))
    present = {label: count for label, count in train.items() if count}
    if len(present) > 1:
        least, most = min(present, key=present.__getitem__), max(present, key=present.__getitem__)
        ratio = present[most] / present[least]
        if ratio >= _SKEWED:
            title = (
                f"{most!r} has {ratio:.0f} times the train photos of {least!r} ({present[most]:,} and "
                f"{present[least]:,}): training weighs the classes then, and accuracy alone would flatter; "
                "look at "
                "each class's recall"
            )
            found.append(Finding("class skew", "warning" if ratio >= _VERY_SKEWED else "note", title))
    return found


def _listed(counts: dict[str, int], most: int = 6) -> str:
    smallest = sorted(counts.items(), key=lambda item: item[1])
    words = [f"{label} {count}" for label, count in smallest[:most]]
    return ", ".join(words) + (" …" if len(smallest) > most else "")
