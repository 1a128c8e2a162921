"""In which order the rounds of a benchmark visit what is measured, so that drift hits all alike."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def visits(items: Sequence[T], number: int) -> Sequence[T]:
    """The items in the order in which round ``number``, from 0, visits them: forth, back, back, forth, …

    When a board grows slower while it is measured, what stands last in the list must not always be measured
    last. Which rounds go back says the Thue-Morse sequence: with an even number of rounds everything has the
    same mean place in time, which cancels linear drift, and four rounds or eight cancel more of a drift that
    bends (J.-P. Allouche, J. Shallit, The ubiquitous Prouhet-Thue-Morse sequence, 1999).

    On a board that warms up towards 10 % slower, with a quarter of the benchmark as time constant, the first
    of six is off against the last by 2.7 % in three rounds that all go forth, by 0.7 % in four of these and
    by 0.1 % in eight; when it slows evenly, by 2.8 %, 0 and 0 (tests/benchmarks/test_order.py computes them).
    Turns of single inferences would cancel the rest, but only with all models in memory at once: each would
    find the caches full of the others' weights, spinning threads would wait for each other, and no memory
    figure would be a model's own.
    """
    return items[::-1] if number.bit_count() % 2 else items
