"""What the scored photos can tell at all, before anything is scored."""

from edgetl.intervals import paired_difference, wilson
from edgetl.training.checking.findings import Finding
from edgetl.training.checking.subject import Subject

_SUPPOSED = 0.9
"""Accuracy for which it is told."""
_WANTED = 0.03
"""Half the width of the interval that most claims need."""
_DISAGREE = 0.1
"""Share of photos on which two models are supposed to differ."""
_FEW = 100


def find(subject: Subject) -> list[Finding]:
    """A scored split whose interval is wider than plus or minus three points."""
    count = sum(subject.counts[subject.scored_split, number] for number in range(len(subject.labels)))
    if count == 0:
        return []
    interval = wilson(round(_SUPPOSED * count), count)
    if (interval.high - interval.low) / 2 <= _WANTED:
        return []
    difference = least_difference(count)
    apart = (
        f"two models that disagree on {100 * _DISAGREE:.0f} % of them must be {100 * difference:.0f} points "
        "apart to be "
        "told apart"
        if difference is not None
        else "no two models could be told apart on them"
    )
    title = (
        f"Accuracy will be measured on {count:,} {subject.scored_split} photos: {100 * _SUPPOSED:.0f} % "
        "right would mean "
        f"{100 * interval.low:.0f} to {100 * interval.high:.0f} % (95 % interval), and {apart}; "
        f"{photos_needed():,} photos would give ±{100 * _WANTED:.0f} points"
    )
    return [Finding("what the score can say", "warning" if count < _FEW else "note", title)]


def photos_needed() -> int:
    """Scored photos for an interval of plus or minus three points at 90 % right."""
    count = _FEW
    while True:
        interval = wilson(round(_SUPPOSED * count), count)
        if (interval.high - interval.low) / 2 <= _WANTED:
            return count
        count += 10


def least_difference(count: int) -> float | None:
    """Share of ``count`` photos by which a model must be ahead to be called better; None: out of reach."""
    differing = round(_DISAGREE * count)
    for ahead in range(differing % 2, differing + 1, 2):
        worse = (differing - ahead) // 2
        if paired_difference(differing - worse, worse, count).low > 0:
            return ahead / count
    return None
