"""What a number of scored photos can say, checked against the formulas it is for."""

import pytest

from edgetl.intervals import paired_difference, wilson
from edgetl.training.checking import claims


def test_the_photos_needed_are_the_fewest() -> None:
    needed = claims.photos_needed()
    for count, enough in ((needed, True), (needed - 10, False)):
        interval = wilson(round(0.9 * count), count)
        assert ((interval.high - interval.low) / 2 <= 0.03) == enough


@pytest.mark.parametrize("count", [100, 153, 656, 5000])
def test_the_least_difference_is_seen_and_a_smaller_one_is_not(count: int) -> None:
    difference = claims.least_difference(count)
    assert difference is not None
    differing, ahead = round(0.1 * count), round(difference * count)
    for step, seen in ((ahead, True), (ahead - 2, False)):
        worse = (differing - step) // 2
        assert (paired_difference(differing - worse, worse, count).low > 0) == seen


def test_on_very_few_photos_no_difference_can_be_seen() -> None:
    assert claims.least_difference(20) is None
