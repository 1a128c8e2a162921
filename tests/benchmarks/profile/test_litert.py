"""LiteRT's profile: its text, and the library that is asked for it."""

import pytest

from edgetl.benchmarks.profile.litert import from_summary
from edgetl.errors import ModelError

RULER = "=" * 40
HEAD = (
    "   [node type]    [start]    [first]   [avg ms]        [%]     [cdf%]   [mem KB] [times called]   [Name]"
)
SUMMARY = f"""{RULER} Run Order {RULER}
{HEAD}
QUANTIZE  0.000  0.109  0.109  1.841%  1.841%  0.000  10  [Builtin]:0
Delegate/Convolution (NHWC, QC8) IGEMM  0.000  0.188  0.404  6.836%  8.677%  0.000  10  [Delegate]:0
Delegate/Fully Connected (NC, F32) GEMM  0.000  0.006  0.007  0.037%  99.991%  0.000  10  [Delegate]:1
Delegate/Fully Connected (NC, QD8, F32, QC8W) GEMM  0.0  0.1  0.007  0.037%  9.9%  0.0  10  [Delegate]:2
SOFTMAX  0.000  0.002  0.003  0.040%  100.000%  0.000  10  [Builtin]:61

{RULER} Top by Computation Time {RULER}
{HEAD}
Delegate/Convolution (NHWC, QC8) IGEMM  0.000  0.188  0.404  6.836%  8.677%  0.000  10  [Delegate]:0
"""
"""As LiteRT 2.3.0 writes it, with fewer operators."""


def test_every_operator_is_read_once_in_the_order_it_ran() -> None:
    found = from_summary(SUMMARY, quantized=True)
    assert [row.name for row in found] == [
        "[Builtin]:0",
        "[Delegate]:0",
        "[Delegate]:1",
        "[Delegate]:2",
        "[Builtin]:61",
    ]
    assert found[1].kind == "Convolution (NHWC, QC8) IGEMM"
    assert found[1].seconds == pytest.approx(0.000404)


def test_what_runs_outside_xnnpack_or_in_float_is_not_accelerated() -> None:
    outside = "runs outside XNNPACK"
    quantized = [row.plain for row in from_summary(SUMMARY, quantized=True)]
    assert quantized == [outside, None, "left in float32", None, outside]
    as_float = [row.plain for row in from_summary(SUMMARY, quantized=False)]
    assert as_float == [outside, None, None, None, outside]


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{RULER} Run Order {RULER}",
        SUMMARY.replace("[avg ms]", "[avg us]"),
        SUMMARY.replace("0.109", "x"),
    ],
)
def test_a_profile_of_another_form_is_refused_and_not_guessed_at(text: str) -> None:
    with pytest.raises(ModelError, match="in another way"):
        from_summary(text, quantized=True)
