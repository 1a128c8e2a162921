"""OpenVINO's counts, as rows of the form that it gives."""

import enum
from datetime import timedelta
from types import SimpleNamespace

import pytest

from edgetl.benchmarks.profile.openvino import from_counts


class Status(enum.Enum):
    NOT_RUN = 0
    OPTIMIZED_OUT = 1
    EXECUTED = 2


def row(
    name: str, kind: str, kernel: str, microseconds: int, status: Status = Status.EXECUTED
) -> SimpleNamespace:
    took = timedelta(microseconds=microseconds)
    return SimpleNamespace(node_name=name, node_type=kind, exec_type=kernel, status=status, real_time=took)


def test_the_mean_of_the_runs_is_taken_and_what_did_not_run_is_left_out() -> None:
    runs = [
        [row("a", "Convolution", "brgconv_avx512_I8", took), row("b", "Reshape", "undef", 0, Status.NOT_RUN)]
        for took in (10, 30)
    ]
    (found,) = from_counts(runs, quantized=True)
    assert (found.name, found.kernel, found.plain) == ("a", "brgconv_avx512_I8", None)
    assert found.seconds == pytest.approx(20e-6)


@pytest.mark.parametrize(
    ("kind", "kernel", "quantized", "plain"),
    [
        ("Convolution", "ref_any_f32", False, "runs in reference code"),
        ("Convolution", "brgconv_avx512_f32", False, None),
        ("Convolution", "jit_asimd_F32", True, "left in float32"),
        ("FullyConnected", "brgemm_avx512_f32", True, "left in float32"),
        ("Eltwise", "jit_avx512_f32", True, None),
        ("Reorder", "jit_uni_f32", False, "changes the layout only"),
        ("Convert", "jit_uni_f32", False, "converts numbers only"),
    ],
)
def test_what_is_not_accelerated(kind: str, kernel: str, quantized: bool, plain: str | None) -> None:
    (found,) = from_counts([[row("a", kind, kernel, 5)]], quantized=quantized)
    assert found.plain == plain
