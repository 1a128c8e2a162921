"""What a teacher came to: who it was, and what held-out photos say of the student."""

from collections.abc import Mapping
from typing import Any

from edgetl.reports.facts import facts
from edgetl.reports.page import Section


def taught(told: Mapping[str, Any] | None) -> Section | None:
    """The section of a run that had a teacher, whether that was adopted or not; None of any other.

    Args:
        told: ``distillation`` of ``run.json``.
    """
    if told is None:
        return None
    judged = "photos" in told
    own = told.get("teacher_accuracy")
    rows: list[tuple[str, object]] = [
        ("Teacher", told["teacher"]),
        ("Its own accuracy, same photos", None if own is None else f"{100 * own:.1f} %"),
        ("Adopted", f"{'yes' if told['adopted'] else 'no'}: {told['why']}"),
        ("Judged on", told["judged_on"] if judged else None),
        ("Right, without and with it", _pair(told, "accuracy", 100, ".1f", " %") if judged else None),
        ("Loss, without and with it", _pair(told, "loss", 1, ".3f", "") if judged else None),
        ("McNemar's test of right answers", f"p = {told['p_accuracy']:.2g}" if judged else None),
        ("Pictures without a label", told.get("unlabelled") or None),
        ("Its share in a labelled photo", f"{told['trust']:g}" if judged else None),
    ]
    return facts("What the teacher taught", rows)


def _pair(told: Mapping[str, Any], name: str, times: float, form: str, unit: str) -> str:
    without, with_it = (times * told[f"{name}_{how}"] for how in ("without", "with"))
    return f"{without:{form}}{unit}, {with_it:{form}}{unit}"
