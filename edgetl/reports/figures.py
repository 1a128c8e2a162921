"""Further figures of a trained model in a table, each with its interval and what it says."""

from collections.abc import Mapping
from typing import Any

from edgetl.manifest import Interval
from edgetl.reports.markup import Column, Html, join, table, tag, text
from edgetl.reports.page import Section
from edgetl.reports.units import format_number, format_share, format_share_interval

_SHARES = (
    ("Balanced accuracy", "balanced_accuracy", "mean recall; every class has the same say"),
    ("Macro-F1", "macro_f1", "mean F1; every class has the same say"),
    ("Weighted F1", "weighted_f1", "mean F1; every class has the say of its photos"),
    ("Among the first five", "top5", "photos whose class is among the five likeliest"),
)
_LOSSES = (
    ("Log loss", "log_loss", "what surely wrong answers cost; 0 is perfect"),
    ("Brier score", "brier", "squared distance of the probabilities from the truth, 0 to 2"),
)


def figures(metrics: Mapping[str, Any]) -> Section:
    """What ``metrics.json`` has beside accuracy, on the scored split and by cross-validation."""
    rows = [
        _row(name, metrics[key], words, share=share)
        for kind, share in ((_SHARES, True), (_LOSSES, False))
        for name, key, words in kind
        if metrics[key] is not None
    ]
    columns = [Column("Figure", numeric=False), Column("Value"), Column("What", numeric=False)]
    sets = "Small: 95 % intervals, by bootstrap within each class (BCa; Efron 1987), 1,000 sets."
    parts = [
        table(f"{metrics['images']} photos of the {metrics['split']} split", columns, rows),
        tag("p", text(sets), class_="quiet"),
    ]
    crossed = metrics["cross_validation"]
    if crossed is not None:
        parts.append(_crossed(crossed, columns, metrics["split"]))
    return Section("More figures", join(*parts))


def _crossed(found: Mapping[str, Any], columns: list[Column], split: str) -> Html:
    folds = [format_share(share) for share in found["by_fold"]]
    rows = [
        _row("Accuracy", found["accuracy"], f"in the folds {', '.join(folds)}", share=True),
        _row("Macro-F1", found["macro_f1"], "every class has the same say", share=True),
        _row("Log loss", found["log_loss"], "0 is perfect", share=False),
    ]
    errors, floor = found["calibration"], found["floor"]
    said = (
        f"Each photo is answered by a head that was solved without its fold, {found['folds']} heads in all. "
        "That rates this way of training on so many photos; the head of this run was solved on train alone, "
        f"and its own score is that of the {split} split. Calibration error over all folds: "
        f"{100 * errors['expected']:.1f} points, of which perfect scores would show "
        f"{100 * floor['mean']:.1f}. The interval is Wilson's over all photos: folds that share photos are "
        "as good as independent for it (Bayle et al. 2020)."
    )
    made = table(f"Cross-validation: {found['folds']} folds over all {found['images']} photos", columns, rows)
    return join(made, tag("p", text(said), class_="quiet"))


def _row(name: str, value: Mapping[str, float], words: str, *, share: bool) -> list[Html]:
    interval = Interval(**value)
    if share:
        shown = (format_share(interval.value), format_share_interval(interval))
    else:
        low, high = format_number(interval.low), format_number(interval.high)
        shown = (format_number(interval.value), f"{low} – {high}")
    return [text(name), join(text(shown[0]), tag("small", text(shown[1]))), text(words)]
