"""What the page of a run says of its scores, and how a browser draws it."""

import json
import re
import shutil
from pathlib import Path

import pytest
import scored_runs

from edgetl.reports import pages, sections
from edgetl.training.run import Run


def test_the_calibration_error_never_stands_without_what_chance_shows() -> None:
    made = scored_runs.metrics()
    found = made["calibration"]
    html = sections.trust(made).html
    for share in (
        found["after"]["expected"],
        found["before"]["expected"],
        found["floor"]["mean"],
        found["floor"]["high"],
        found["after"]["debiased"],
        found["after"]["equal_mass"],
    ):
        assert f"{100 * share:.1f} points" in html or f"{100 * share:.1f} in" in html
    dots = len(found["bins_before"]) + len(found["bins_after"])
    assert html.count('class="spot"') == dots
    assert html.count('class="interval"') == dots


def test_unknown_pictures_say_what_they_were_and_what_the_threshold_does() -> None:
    html = sections.strangers(scored_runs.metrics(unknown=200)).html
    for said in (
        "chosen for a false-accept rate of 5 %",
        "of 200 pictures of noise",
        "Unknown pictures: 200",
        "area under the ROC curve",
        "did not choose",
    ):
        assert said in html


def test_without_unknown_pictures_nothing_is_claimed_of_them() -> None:
    html = sections.strangers(scored_runs.metrics()).html
    assert "none were given to try" in html
    assert "keeps 95 % of the right answers" in html
    assert "ROC" not in html
    assert "Unknown pictures: " not in html


def test_precision_and_recall_are_drawn_of_ten_classes_and_not_of_eleven() -> None:
    ten = sections.precision_recall(scored_runs.metrics(10, 200))
    assert ten is not None
    assert ten.html.count("average precision") == 10
    assert sections.precision_recall(scored_runs.metrics(11, 200)) is None


def test_folds_are_told_beside_the_scored_split() -> None:
    html = sections.figures(scored_runs.metrics(6, 120, folds=3)).html
    assert "Cross-validation: 3 folds over all 120 photos" in html
    assert "its own score is that of the test split" in html
    assert "Among the first five" in html
    assert "Cross-validation" not in sections.figures(scored_runs.metrics()).html


def test_the_hardest_pictures_stand_on_the_page_of_a_run(solar_run: Run) -> None:
    html = (solar_run.path / "report.html").read_text("utf-8")
    hardest = solar_run.metrics["hardest"]
    assert html.count("<img") == len(hardest) > 0
    assert hardest[0]["wrong"]
    assert hardest[0]["label"] != hardest[0]["answer"]
    wrong = [one["score"] for one in hardest if one["wrong"]]
    unsure = [one["score"] for one in hardest if not one["wrong"]]
    assert wrong == sorted(wrong, reverse=True)
    assert unsure == sorted(unsure)
    assert f"{hardest[0]['label']}, taken for {hardest[0]['answer']}" in html
    assert len(html.encode()) < 1_000_000


def test_a_run_of_an_older_edgetl_has_a_page_too(solar_run: Run) -> None:
    new = ("calibration", "rejection", "curves", "hardest", "cross_validation", "macro_f1")
    old = {name: value for name, value in solar_run.metrics.items() if name not in new}
    html = pages.run_page("cells", old, solar_run.description)
    assert "How it was trained" in html
    assert "How sure it may be" not in html


def test_every_number_of_the_metrics_is_json(solar_run: Run) -> None:
    assert "NaN" not in json.dumps(solar_run.metrics)
    assert not re.search(r"\bInfinity\b", json.dumps(solar_run.metrics))


@pytest.fixture
def moved(solar_run: Run, tmp_path: Path) -> Path:
    """The run without its bundle."""
    return Path(shutil.copytree(solar_run.path, tmp_path / "run", ignore=shutil.ignore_patterns("*.edgetl")))


def test_the_run_that_was_moved_still_tells_its_scores(moved: Path) -> None:
    assert Run.open(moved).metrics["calibration"]["temperature"] > 0
