"""The threshold keeps its promise on pictures that did not choose it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.training.scoring import rejection
from edgetl.training.scoring.rejection import Unknown

KNOWN = np.random.default_rng(0).beta(9, 1, 300)
RIGHT = np.random.default_rng(1).random(300) < KNOWN


def unknown(count: int, seed: int = 0) -> Unknown:
    scores = np.random.default_rng(seed).beta(3, 2, count)
    return Unknown(scores, np.arange(count), f"{count} pictures of noise")


@pytest.mark.parametrize(("count", "rate"), [(19, 0.05), (60, 0.1), (500, 0.05)])
def test_the_rate_holds_for_new_pictures_on_average(count: int, rate: float) -> None:
    accepted = []
    for seed in range(200):
        limit, reached = rejection.threshold(unknown(count, seed).scores, rate)
        assert reached
        accepted.append((unknown(2000, 1000 + seed).scores >= limit).mean())
    # Never above on average, and not far below: 1 / (count + 1) is the step.
    assert np.mean(accepted) <= 1.1 * rate
    assert np.mean(accepted) >= 0.9 * rate - 1 / (count + 1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_no_more_pictures_reach_the_threshold_than_the_rate_allows(scores: list[float], rate: float) -> None:
    values = np.array(scores)
    limit, reached = rejection.threshold(values, rate)
    assert 0 <= limit <= 1
    if reached:
        assert (values >= limit).sum() <= rate * (len(values) + 1)


def test_too_few_pictures_promise_nothing_and_say_how_many_would() -> None:
    found = rejection.measure(KNOWN, RIGHT, kept=0.5, rate=0.05, unknown=unknown(10))
    assert not found.reached
    said = "a false-accept rate of 5 % cannot be promised with 10 unknown pictures: give 19 or more"
    assert rejection.weakness(found) == said
    assert rejection.threshold(unknown(18).scores, 0.05)[1] is False
    assert rejection.threshold(unknown(19).scores, 0.05)[1] is True


def test_unknown_pictures_as_sure_as_any_are_told() -> None:
    sure = Unknown(np.ones(100), np.arange(100), "100 pictures of noise")
    found = rejection.measure(KNOWN, RIGHT, kept=0.5, rate=0.05, unknown=sure)
    assert found.threshold == 1.0
    assert not found.reached
    assert "score as high as any" in str(rejection.weakness(found))


def test_a_threshold_that_leaves_little_is_told() -> None:
    alike = Unknown(KNOWN, np.arange(300), "300 pictures of the same")
    found = rejection.measure(KNOWN, RIGHT, kept=0.5, rate=0.05, unknown=alike)
    assert found.reached
    assert found.known_accepted.value < 0.06
    assert found.separation == pytest.approx(0.5)
    assert "leaves only 5 % of the known photos accepted" in str(rejection.weakness(found))


def test_the_rate_is_counted_on_pictures_that_did_not_choose() -> None:
    counted = [
        found.false_accepts
        for found in (
            rejection.measure(KNOWN, RIGHT, kept=0.5, rate=0.1, unknown=unknown(100, seed))
            for seed in range(60)
        )
    ]
    values = [one.value for one in counted if one is not None]
    assert np.mean(values) == pytest.approx(0.1, abs=0.02)
    assert all(one is not None and one.low < one.value < one.high for one in counted)
    truths = [
        float((unknown(20_000, 5).scores >= rejection.threshold(unknown(100, seed).scores, 0.1)[0]).mean())
        for seed in range(60)
    ]
    held = [one.low <= truth <= one.high for one, truth in zip(counted, truths, strict=True) if one]
    assert np.mean(held) >= 0.85


def test_without_a_rate_right_answers_are_kept_and_unknown_pictures_only_counted() -> None:
    kept = rejection.keeping(KNOWN, RIGHT)
    found = rejection.measure(KNOWN, RIGHT, kept=kept, rate=None, unknown=unknown(200))
    assert found.threshold == kept
    assert (found.rule, found.wanted, found.reached) == ("right answers kept", 0.95, True)
    assert found.right_accepted is not None
    assert found.right_accepted.value == pytest.approx(0.95, abs=0.01)
    assert found.false_accepts is not None
    assert found.false_accepts.value == pytest.approx((unknown(200).scores >= kept).mean())
    assert rejection.weakness(found) is None


def test_with_nothing_unknown_nothing_is_claimed() -> None:
    found = rejection.measure(KNOWN, np.ones(300, bool), kept=0.5, rate=None, unknown=None)
    assert (found.unknown, found.false_accepts, found.separation) == (0, None, None)
    assert found.wrong_accepted is None


def test_few_kinds_of_pictures_are_worth_less_than_many() -> None:
    # Three classes of 100: all of one are accepted, none of the others.
    scores = np.repeat([0.9, 0.1, 0.1], 100)
    kinds = np.repeat([0, 1, 2], 100)
    alike = Unknown(scores, kinds, "classes", clustered=True)
    found = rejection.measure(KNOWN, RIGHT, kept=0.5, rate=None, unknown=alike).false_accepts
    apart = Unknown(scores, np.arange(300), "pictures")
    plain = rejection.measure(KNOWN, RIGHT, kept=0.5, rate=None, unknown=apart).false_accepts
    assert found is not None
    assert plain is not None
    assert found.value == plain.value == pytest.approx(1 / 3)
    assert found.high - found.low > 4 * (plain.high - plain.low)


def test_separation_is_the_area_under_scikit_learns_curve() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")
    known, strange = KNOWN.round(2), unknown(80).scores.round(2)
    truth = np.repeat([1, 0], (len(known), len(strange)))
    reference = sklearn.roc_auc_score(truth, np.concatenate([known, strange]))
    assert rejection.separation(known, strange) == pytest.approx(reference)
