"""How a row of probabilities is read, and what is said of it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.runtime.result import Result, Timings, interpret

ROWS = hnp.arrays(np.float32, st.integers(2, 9), elements=st.floats(0, 1, width=32))


def result_of(row: NDArray[np.float32]) -> Result:
    labels = tuple(f"class {number}" for number in range(len(row)))
    label, score, unknown = interpret(row, labels, None)
    return Result(label, score, unknown, row, labels, Timings(0.001, 0.002, 0.03, 0.0004))


@given(ROWS)
def test_the_label_is_the_first_of_the_most_probable(row: NDArray[np.float32]) -> None:
    result = result_of(row)
    assert result.score == float(row.max())
    assert result.label == f"class {row.tolist().index(row.max())}"
    assert result.top(1) == [(result.label, result.score)]


@given(ROWS, st.integers(1, 12))
def test_top_holds_every_class_at_most_once_and_the_best_first(row: NDArray[np.float32], count: int) -> None:
    top = result_of(row).top(count)
    assert len({label for label, _ in top}) == len(top) == min(count, len(row))
    assert [score for _, score in top] == sorted(map(float, row), reverse=True)[:count]


@pytest.mark.parametrize(("threshold", "unknown"), [(None, False), (0.0, False), (0.75, False), (0.76, True)])
def test_only_a_score_under_the_threshold_is_unknown(threshold: float | None, unknown: bool) -> None:
    row = np.array([0.25, 0.75], np.float32)
    assert interpret(row, ("a", "b"), threshold) == ("b", 0.75, unknown)


def test_what_is_no_number_is_no_answer() -> None:
    with pytest.raises(ModelError, match="no number: take another of its variants or engines"):
        interpret(np.array([0.9, np.nan, 0.1], np.float32), ("a", "b", "c"), None)


def test_it_goes_into_json_with_its_unit() -> None:
    told = json.loads(json.dumps(result_of(np.array([0.25, 0.5, 0.25], np.float32)).to_dict(top=2)))
    assert told == {
        "label": "class 1",
        "score": 0.5,
        "unknown": False,
        "truncated": False,
        "top": [{"label": "class 1", "score": 0.5}, {"label": "class 0", "score": 0.25}],
        "timings_ms": {"decode": 1.0, "resize": 2.0, "infer": 30.0, "post": 0.4},
    }
