"""What a terminal is told of a run's scores."""

import pytest
import scored_runs

from edgetl.cli import scored


@pytest.mark.parametrize(("unknown", "folds"), [(0, 0), (200, 3)])
def test_the_few_lines_that_matter(unknown: int, folds: int) -> None:
    made = scored_runs.metrics(3, 90, unknown=unknown, folds=folds)
    told = dict(scored.lines(made))
    assert list(told) == ["macro-F1", *(["folds"] if folds else []), "scores", "unknown"]
    assert f"{100 * made['calibration']['floor']['mean']:.1f} are to be expected" in told["scores"]
    assert ("200 pictures of noise" in told["unknown"]) == bool(unknown)


def test_a_run_of_an_older_edgetl_has_none() -> None:
    assert scored.lines({"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95}}) == []


def test_each_task_has_a_line_and_several_labels_no_accuracy() -> None:
    share = {"value": 0.8, "low": 0.7, "high": 0.9}
    single = {"accuracy": share, "macro_f1": share, "images": 50}
    several = {"micro_f1": share, "macro_f1": share, "exact": share, "images": 40}
    metrics = {"accuracy": share, "tasks": {"state": single, "marks": several}}
    lines = dict(scored.lines(metrics))
    assert lines["state"] == "accuracy 80.0 % (70.0 – 90.0 %), macro-F1 80.0 % (70.0 – 90.0 %) on 50"
    assert lines["marks"].startswith("F1 80.0 % (70.0 – 90.0 %), mean of the labels 80.0 %")
    assert lines["marks"].endswith("all right in 80.0 % (70.0 – 90.0 %) of 40")
    assert scored.figure(metrics) == "F1 of all labels"
    assert scored.figure({"tasks": {"state": single}}) == scored.figure(single) == "accuracy"
