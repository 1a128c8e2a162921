"""The section on unlabelled pictures says what each method gave, and what was adopted."""

from typing import Any

from edgetl.reports import sections


def told(adopted: str | None = None) -> dict[str, Any]:
    methods = [
        {"name": "means", "accuracy": 0.9, "loss": 0.3, "p_loss": 0.001, "adopted": adopted is not None},
        {"name": "CORAL", "accuracy": 0.85, "loss": 0.4, "p_loss": 0.2, "adopted": False},
    ]
    return {
        "pictures": 1200,
        "labelled": 40,
        "told_from_train": 0.97,
        "judged_on": "40 labelled pictures of the target",
        "nothing": {"accuracy": 0.8, "loss": 0.5},
        "methods": methods,
        "adopted": adopted,
        "why": "means adopted, better" if adopted else "nothing adopted: no method beat doing nothing",
    }


def test_a_run_without_unlabelled_pictures_has_no_such_section() -> None:
    assert sections.adapted(None) is None


def test_gains_are_told_beside_doing_nothing_and_the_adopted_one_is_marked() -> None:
    section = sections.adapted(told("means"))
    assert section is not None
    assert "Means adopted, better." in section.html
    assert "+10.0" in section.html
    assert section.html.count('<tr class="mark">') == 1
    assert section.html.index('<tr class="mark">') < section.html.index("means</th>")
    assert "1,200 without a label, 40 with one" in section.html
    assert "in 97 % of pairs" in section.html


def test_where_nothing_was_adopted_nothing_is_marked() -> None:
    section = sections.adapted(told())
    assert section is not None
    assert "mark" not in section.html
    assert "Nothing adopted: no method beat doing nothing." in section.html


def test_where_nobody_could_judge_there_is_no_table() -> None:
    section = sections.adapted(told() | {"methods": [], "why": "nothing adopted: no judge"})
    assert section is not None
    assert "<table" not in section.html
