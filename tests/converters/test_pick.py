"""The pick is the fastest that runs everywhere; among equals the smallest; and it says why."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.converters.gate import Limits
from edgetl.converters.pick import pick
from edgetl.manifest import FileEntry, Interval, Score, Variant

MACHINE = "Raspberry Pi 5"


def variant(
    name: str,
    latency_ms: float | None,
    size_kb: float = 1000,
    *,
    drop: float = 0.2,
    refused: str | None = None,
) -> Variant:
    format_name, _, precision = name.partition("-")
    score = Score("test", 100, Interval(0.9, 0.8, 0.95), Interval(drop, drop - 1, drop + 1), 0.99)
    latency = None if latency_ms is None else latency_ms / 1000
    entry = FileEntry(f"{name}/model", "0" * 64, round(size_kb * 1000))
    return Variant(name, format_name, precision, (entry,), score, 0.1, latency_s=latency, refused=refused)


def picked(*variants: Variant, limits: Limits | None = None) -> str:
    return pick(variants, limits or Limits(), MACHINE).name


def test_the_fastest_is_picked_though_it_is_larger() -> None:
    assert picked(variant("tflite-int8", 20, 900), variant("onnx-int8", 10, 5000)) == "onnx-int8"


def test_among_equally_fast_ones_the_smallest_is_picked() -> None:
    assert picked(variant("tflite-int8", 10, 2000), variant("onnx-int8", 11, 1000)) == "onnx-int8"


def test_a_sixth_slower_is_no_longer_equally_fast() -> None:
    assert picked(variant("tflite-int8", 10, 2000), variant("onnx-int8", 12, 1000)) == "tflite-int8"


def test_among_equals_the_smallest_engine_is_picked_whatever_the_order() -> None:
    equals = [
        variant("openvino-float32", 10.0, 1000),
        variant("onnx-float32", 10.2, 1020),
        variant("tflite-float32", 10.9, 1080),
    ]
    for order in itertools.permutations(equals):
        assert picked(*order) == "tflite-float32"
    assert picked(*equals[:2]) == "onnx-float32"


def test_int8_of_openvino_is_passed_over_for_what_every_pi_runs() -> None:
    assert picked(variant("openvino-int8", 2), variant("tflite-float32", 40, 9000)) == "tflite-float32"


def test_int8_of_openvino_is_picked_where_it_is_alone_and_says_where_it_runs() -> None:
    best = pick([variant("openvino-int8", 2)], Limits(), MACHINE)
    assert best.name == "openvino-int8"
    assert best.reason.endswith("OpenVINO runs int8 on a Raspberry Pi 5, not a Pi 4")


def test_other_precisions_of_openvino_run_everywhere() -> None:
    best = pick([variant("openvino-float16", 2), variant("tflite-float32", 40)], Limits(), MACHINE)
    assert best.name == "openvino-float16"
    assert best.reason.endswith("OpenVINO runs it on every 64-bit Raspberry Pi")


def test_one_kept_though_it_failed_is_passed_over() -> None:
    failed = variant("tflite-int8", 1, 100, drop=20, refused="tflite-int8 loses 20.0 points")
    assert picked(failed, variant("onnx-float32", 50, 9000)) == "onnx-float32"


def test_where_all_failed_one_of_them_is_picked_all_the_same() -> None:
    failed = [variant(name, time, refused="worse") for name, time in (("tflite-int8", 9), ("onnx-int8", 3))]
    assert picked(*failed) == "onnx-int8"


def test_the_limits_come_before_the_speed() -> None:
    quick, small = variant("onnx-float32", 5, 9000), variant("tflite-int8", 9, 2000)
    best = pick([quick, small], Limits(max_size_bytes=4_000_000), MACHINE)
    assert (best.name, best.unmet) == ("tflite-int8", None)


def test_the_limits_come_before_where_it_runs() -> None:
    everywhere, here = variant("tflite-float32", 50), variant("openvino-int8", 9)
    best = pick([everywhere, here], Limits(max_latency_s=0.01), MACHINE)
    assert (best.name, best.unmet) == ("openvino-int8", None)


def test_a_value_on_the_limit_keeps_to_it() -> None:
    best = pick([variant("tflite-int8", 10, 1000)], Limits(max_latency_s=0.01, max_size_bytes=10**6), MACHINE)
    assert best.unmet is None


def test_a_broken_limit_of_latency_is_told_with_both_figures() -> None:
    best = pick([variant("tflite-int8", 40), variant("onnx-int8", 60)], Limits(max_latency_s=0.03), MACHINE)
    assert best.unmet == (
        "no variant is within the limits: tflite-int8 comes nearest, and it takes 40.0 ms here, "
        "more than --max-latency 30.0 ms"
    )


def test_a_broken_limit_of_size_is_told_with_both_figures() -> None:
    best = pick([variant("tflite-int8", 40, 5000)], Limits(max_size_bytes=4_000_000), MACHINE)
    assert best.unmet == (
        "no variant is within the limits: tflite-int8 comes nearest, and it has 5.00 MB, "
        "more than --max-size 4.00 MB"
    )


def test_the_one_that_comes_nearest_does_come_nearest() -> None:
    large, small = variant("tflite-float32", 10, 9000), variant("tflite-int8", 30, 4500)
    best = pick([large, small], Limits(max_size_bytes=4_000_000), MACHINE)
    assert best.name == "tflite-int8"
    assert best.unmet is not None
    assert "tflite-int8 comes nearest, and it has 4.50 MB" in best.unmet


def test_the_reason_has_size_speed_drop_and_machine() -> None:
    best = pick([variant("tflite-int8", 12.3, 3456, drop=0.4), variant("onnx-int8", 30)], Limits(), MACHINE)
    assert best.reason == (
        "tflite-int8: 3.46 MB, 12.3 ms a picture on this machine (Raspberry Pi 5, 1 thread), "
        "drop +0.4 points (-0.6 to +1.4), the fastest of 2 variants; "
        "LiteRT runs it on every 64-bit Raspberry Pi"
    )


def test_one_of_several_equally_fast_is_not_called_the_fastest() -> None:
    best = pick([variant("tflite-int8", 10), variant("onnx-int8", 10.5)], Limits(), MACHINE)
    assert "as fast as any of 2 variants" in best.reason
    assert "the fastest" not in best.reason


def test_variants_that_were_not_measured_are_picked_by_size() -> None:
    best = pick([variant("onnx-float32", None, 9000), variant("tflite-int8", None, 900)], Limits(), MACHINE)
    assert best.name == "tflite-int8"
    assert "picture on this machine" not in best.reason
    assert "fast" not in best.reason


NAMES = ("tflite-float32", "tflite-int8", "onnx-float32", "onnx-int8", "openvino-float32", "openvino-int8")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.floats(0.5, 500),
            st.floats(10, 90_000),
            st.booleans(),
        ),
        min_size=1,
        unique_by=lambda row: row[0],
    ),
    st.none() | st.floats(0.001, 1),
    st.none() | st.integers(1, 10**8),
)
def test_the_pick_keeps_to_every_rule(
    rows: list[tuple[str, float, float, bool]], latency: float | None, size: int | None
) -> None:
    variants = [variant(n, t, s, refused="worse" if bad else None) for n, t, s, bad in rows]
    limits = Limits(max_latency_s=latency, max_size_bytes=size)
    best = pick(variants, limits, MACHINE)
    (chosen,) = [item for item in variants if item.name == best.name]
    passed = [item for item in variants if item.refused is None]
    assert chosen in (passed or variants)

    def keeps(item: Variant) -> bool:
        assert item.latency_s is not None
        return (latency is None or item.latency_s <= latency) and (size is None or item.size_bytes <= size)

    within = [item for item in passed or variants if keeps(item)]
    assert (best.unmet is None) == bool(within)
    if within:
        assert chosen in within
        portable = [item for item in within if item.name != "openvino-int8"] or within
        assert chosen in portable
        fastest = min(item.latency_s or 0.0 for item in portable)
        assert (chosen.latency_s or 0.0) <= fastest * 1.15


@pytest.mark.parametrize("name", NAMES)
def test_the_pick_of_one_is_that_one(name: str) -> None:
    assert picked(variant(name, 10)) == name
