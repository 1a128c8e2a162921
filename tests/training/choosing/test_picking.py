"""The most accurate is picked, or the fastest of those that noise cannot tell from it."""

import numpy as np

from edgetl.manifest import Interval
from edgetl.training.choosing.candidates import at_hand
from edgetl.training.choosing.latency import Latency
from edgetl.training.choosing.outcome import Judged
from edgetl.training.choosing.picking import Trained, pick


def judged(size: int, right: float, latency_s: float, *, count: int = 400) -> Trained:
    (first,) = (one for one in at_hand(2, size=size) if one.choice.name == "efficientnet_lite0")
    latency = Latency(latency_s, latency_s, latency_s, "measured", "this machine")
    answers = np.arange(count) < round(right * count)
    return Trained(Judged(first.at(latency), None, Interval(right, right, right)), answers)


def test_of_those_that_are_alike_within_noise_the_fastest_is_picked() -> None:
    trained = [judged(224, 0.950, 0.03), judged(160, 0.9475, 0.02), judged(96, 0.80, 0.01)]
    found = pick(trained)
    assert [one.candidate.choice.size for one in found] == [160, 224, 96]
    assert found[0].picked
    assert not found[1].picked
    assert found[0].why.startswith("the fastest of 2 that are as good within one standard error: 94.8 %")
    assert found[1].why.startswith("no more accurate than noise, and slower (30.0 ms)")
    assert found[2].why == "less accurate"


def test_a_clear_winner_is_picked_however_slow() -> None:
    found = pick([judged(224, 0.95, 0.03), judged(96, 0.80, 0.01)])
    assert found[0].candidate.choice.size == 224
    assert found[0].why == "most accurate within the limits: 95.0 % in cross-validation"
