"""What the scores of a run come down to, in lines for a terminal."""

from collections.abc import Mapping
from typing import Any

from edgetl.manifest import Interval
from edgetl.reports.units import format_share, format_share_interval
from edgetl.tasks import Task


def lines(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A short name and what it is, each; nothing for a run of an edgetl that did not find these out.

    Args:
        metrics: ``metrics.json``.
    """
    if "tasks" in metrics:
        return [(name, _of_task(found)) for name, found in metrics["tasks"].items()]
    if "calibration" not in metrics:
        return []
    found = [("macro-F1", _interval(metrics["macro_f1"]))]
    crossed = metrics["cross_validation"]
    if crossed is not None:
        found.append(("folds", _folds(crossed)))
    found.append(("scores", _honesty(metrics["calibration"])))
    found.append(("unknown", _unknown(metrics["rejection"])))
    return found


def task(found: Task) -> str:
    """A task in one line: its labels, and from which score on they hold."""
    if found.several:
        limits = [f"from {format_share(limit)}" for limit in found.thresholds]
        listed = [f"{label} ({limit})" for label, limit in zip(found.labels, limits, strict=True)]
        return f"{found.name}: any of {', '.join(listed)}"
    words = f"{found.name}: one of {', '.join(found.labels)}"
    if found.reject_threshold is None:
        return words
    return f"{words}; unknown below {format_share(found.reject_threshold)}"


def figure(metrics: Mapping[str, Any]) -> str:
    """What ``metrics["accuracy"]`` is called: of several labels there is no share of right answers."""
    several = any("micro_f1" in found for found in metrics.get("tasks", {}).values())
    return "F1 of all labels" if several else "accuracy"


def _of_task(found: Mapping[str, Any]) -> str:
    """The scores of one of several tasks."""
    if "micro_f1" in found:
        return (
            f"F1 {_interval(found['micro_f1'])}, mean of the labels {_interval(found['macro_f1'])}, "
            f"all right in {_interval(found['exact'])} of {found['images']}"
        )
    words = f"accuracy {_interval(found['accuracy'])}, macro-F1 {_interval(found['macro_f1'])}"
    return f"{words} on {found['images']}"


def _folds(crossed: Mapping[str, Any]) -> str:
    return (
        f"accuracy {_interval(crossed['accuracy'])}: {crossed['folds']} folds over all {crossed['images']} "
        "photos, which rates the training rather than this head"
    )


def _honesty(calibration: Mapping[str, Any]) -> str:
    before, after = (100 * calibration[name]["expected"] for name in ("before", "after"))
    return (
        f"calibration error {after:.1f} points ({before:.1f} before the temperature "
        f"{calibration['temperature']:.2f}); {100 * calibration['floor']['mean']:.1f} are to be expected of "
        "perfect scores on so many"
    )


def _unknown(rejection: Mapping[str, Any]) -> str:
    words = (
        f"below {format_share(rejection['threshold'])}: of the known photos "
        f"{format_share(rejection['known_accepted']['value'])} are accepted"
    )
    if rejection["false_accepts"] is None:
        return f"{words}; no unknown pictures to try (--unknown FOLDER)"
    return f"{words}, {_interval(rejection['false_accepts'])} of {rejection['measured_on']}"


def _interval(value: Mapping[str, float]) -> str:
    interval = Interval(**value)
    return f"{format_share(interval.value)} ({format_share_interval(interval)})"
