"""Rounds that cancel drift: what stands last in the list is not always measured last."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.benchmarks.running.order import visits


def places(count: int, rounds: int) -> list[list[int]]:
    """When each item's turns come, all turns of all rounds being counted."""
    turns: list[list[int]] = [[] for _ in range(count)]
    for number in range(rounds):
        for place, item in enumerate(visits(range(count), number)):
            turns[item].append(number * count + place)
    return turns


def bias(turns: list[list[int]], slower: Callable[[float], float]) -> float:
    """The largest difference of two items' mean slow-downs, where time runs from 0 to 1."""
    count = sum(map(len, turns))
    steps = 50  # a turn takes time too
    means = []
    for places_of_one in turns:
        at = [(place + (step + 0.5) / steps) / count for place in places_of_one for step in range(steps)]
        means.append(sum(map(slower, at)) / len(at))
    return max(means) - min(means)


@given(st.lists(st.integers()), st.integers(min_value=0, max_value=20))
def test_every_round_visits_everything_once(items: list[int], number: int) -> None:
    assert sorted(visits(items, number)) == sorted(items)


@given(st.integers(min_value=2, max_value=20), st.integers(min_value=1, max_value=6).map(lambda n: 2 * n))
def test_an_even_number_of_rounds_cancels_linear_drift(count: int, rounds: int) -> None:
    sums = {sum(turns) for turns in places(count, rounds)}
    assert len(sums) == 1


def thermal(at: float) -> float:
    return 0.10 * (1 - math.exp(-at / 0.25))


def linear(at: float) -> float:
    return 0.10 * at


@pytest.mark.parametrize(
    ("rounds", "slower", "expected"),
    [(4, thermal, 0.007), (8, thermal, 0.001), (4, linear, 0), (8, linear, 0)],
)
def test_the_figures_of_the_docstring_are_right(
    rounds: int, slower: Callable[[float], float], expected: float
) -> None:
    assert bias(places(6, rounds), slower) == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize(("slower", "expected"), [(thermal, 0.027), (linear, 0.028)])
def test_three_rounds_that_all_go_forth_are_biased(slower: Callable[[float], float], expected: float) -> None:
    forth = [[item + 6 * number for number in range(3)] for item in range(6)]
    assert bias(forth, slower) == pytest.approx(expected, abs=0.0005)
