"""What breaks a limit, and the sentence when everything does."""

from pathlib import Path

import pytest

from edgetl.errors import GateError, UsageError
from edgetl.training.choosing.candidates import Candidate
from edgetl.training.choosing.latency import Latency, estimated
from edgetl.training.choosing.limits import Limits
from edgetl.training.prepare import BackboneChoice
from edgetl.training.weights import WeightsSource

SOURCE = WeightsSource("package", Path("w.pth"), "package w 1.0", "Apache-2.0", "0" * 64)


def candidate(
    size: int = 224, *, latency_s: float | None = None, size_bytes: int | None = 4_000_000
) -> Candidate:
    latency = None
    if latency_s is not None:
        latency = Latency(latency_s, latency_s / 1.25, latency_s * 1.25, "estimated", "Raspberry Pi 4B")
    return Candidate(BackboneChoice("efficientnet_lite0", size, 1.0, SOURCE), size_bytes, latency)


def test_the_upper_end_of_an_estimate_must_keep_to_the_limit() -> None:
    limits = Limits(latency_s=0.030, board="pi4")
    assert limits.broken_by(candidate(latency_s=0.024)) is None
    assert limits.broken_by(candidate(latency_s=0.025)) == "may take 31.2 ms, over 30.0 ms"


def test_of_what_was_measured_here_the_median_counts() -> None:
    here = Latency(0.029, 0.028, 0.040, "measured", "this machine")
    assert Limits(latency_s=0.030).broken_by(candidate().at(here)) is None
    assert Limits(latency_s=0.028).broken_by(candidate().at(here)) == "took 29.0 ms, over 28.0 ms"


def test_what_is_not_measured_yet_breaks_no_limit_and_what_cannot_be_estimated_does() -> None:
    assert Limits(latency_s=0.030).broken_by(candidate()) is None
    told = Limits(latency_s=0.030, board="pi4").broken_by(candidate())
    assert told == "nothing is known of its latency on a pi4"


def test_size_is_a_limit_of_its_own() -> None:
    limits = Limits(size_bytes=3_500_000)
    assert limits.broken_by(candidate()) == "4.00 MB in int8, over 3.50 MB"
    assert limits.broken_by(candidate(size_bytes=None)) == "its size in int8 is not known"
    assert limits.broken_by(candidate(size_bytes=3_500_000)) is None


def test_the_nearest_is_named_with_its_figures_when_nothing_fits() -> None:
    limits = Limits(latency_s=0.010, board="pi4", size_bytes=5_000_000)
    error = limits.nothing_fits([candidate(224, latency_s=0.020), candidate(160, latency_s=0.012)])
    assert isinstance(error, GateError)
    assert str(error) == (
        "none of the 2 candidates keeps to --max-latency 10.0 ms on Raspberry Pi 4B and --max-size 5.00 MB: "
        "the nearest is efficientnet_lite0, 160 px, with 12.0 ms (9.60 – 15.0 ms), estimated for Raspberry "
        "Pi 4B, and about 4.00 MB in int8; allow that, or give weights of a smaller backbone with --weights"
    )


def test_what_was_not_tried_is_told_when_nothing_fits() -> None:
    error = Limits(latency_s=0.010).nothing_fits([candidate(160, latency_s=0.012)], untried=9)
    assert str(error).startswith(
        "none of the 1 candidates that were tried, of 10, keeps to --max-latency 10.0"
    )


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(latency_s=0.0), "--max-latency must be above 0, such as 30ms"),
        (Limits(size_bytes=-1), "--max-size must be above 0, such as 4MB"),
        (Limits(board="pi44"), "did you mean pi4"),
        (Limits(board="pizero"), "no engine of edgetl runs on its ARMv6"),
    ],
)
def test_refuses_limits_that_make_no_sense(limits: Limits, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        limits.check()
    assert message in str(caught.value)


def test_a_smaller_input_is_estimated_to_be_faster_on_every_board() -> None:
    for board in ("pi3b", "pi4", "pi5", "pizero2w"):
        found = [estimated(candidate(size).choice, board, 2) for size in (128, 160, 192, 224)]
        seconds = [one.seconds for one in found if one is not None]
        assert len(seconds) == 4
        assert seconds == sorted(seconds)
        assert all(one is not None and one.low_s < one.seconds < one.high_s for one in found)
