"""ONNX Runtime's profile: its events."""

from typing import Any

import pytest

from edgetl.benchmarks.profile.onnxruntime import from_events
from edgetl.benchmarks.profile.request import WARM_UP


def event(
    name: str, kind: str, microseconds: int, source: str, provider: str = "CPUExecutionProvider"
) -> Any:
    shapes = [{source: [1, 8, 8, 3]}]
    details = {"op_name": kind, "provider": provider, "input_type_shape": shapes}
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": microseconds, "args": details}


def events(*runs: list[Any]) -> list[Any]:
    begin = [{"cat": "Session", "name": "model_run", "dur": 5}]
    return [row for run in runs for row in (*begin, *run)]


def test_the_warm_up_does_not_count() -> None:
    slow = [event("a", "Conv", 9000, "float")]
    (found,) = from_events(
        events(*[slow] * WARM_UP, [event("a", "Conv", 10, "float")], [event("a", "Conv", 30, "float")]),
        quantized=False,
    )
    assert (found.name, found.kind, found.kernel) == ("a", "Conv", "CPUExecutionProvider")
    assert found.seconds == pytest.approx(20e-6)


def test_what_ran_in_the_warm_up_alone_is_left_out() -> None:
    folded = [event("folded", "Transpose", 5, "float")]
    assert from_events(events(folded), quantized=False) == []


@pytest.mark.parametrize(
    ("kind", "source", "plain"),
    [
        ("QLinearConv", "uint8", None),
        ("Conv", "float", "left in float32"),
        ("FusedConv", "float", "left in float32"),
        ("Gemm", "float", "left in float32"),
        ("MatMulInteger", "uint8", None),
        ("Softmax", "float", None),
        ("DequantizeLinear", "uint8", "converts numbers only"),
        ("ReorderInput", "float", "changes the layout only"),
    ],
)
def test_what_is_not_accelerated_in_an_integer_model(kind: str, source: str, plain: str | None) -> None:
    runs = [[event("a", kind, 10, source)]] * (WARM_UP + 1)
    (found,) = from_events(events(*runs), quantized=True)
    assert found.plain == plain


def test_float_layers_of_a_float_model_are_as_they_should_be() -> None:
    (found,) = from_events(events(*[[event("a", "Conv", 10, "float")]] * (WARM_UP + 1)), quantized=False)
    assert found.plain is None
