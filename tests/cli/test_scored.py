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
