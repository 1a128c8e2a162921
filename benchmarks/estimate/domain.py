"""Which models the published rows speak for, and what is refused."""

from collections.abc import Mapping

from edgetl.benchmarks.estimate.work import Work
from edgetl.errors import UsageError

BEYOND = 1.5
"""How far a trait may lie outside of what was fitted, as a factor."""
KERNELS = "xnnpack"
"""What LiteRT and tflite-runtime compute with unless told otherwise, and so what is estimated."""
PRECISIONS = ("float32", "int8")
_ENGINES = {
    "onnx": "ONNX Runtime: 3 published rows, all of a Pi 5 and none with its number of threads",
    "openvino": "OpenVINO: 2 published rows, both of a Pi 5 and none with its number of threads",
}


def traits(work: Work) -> dict[str, float]:
    """What decides whether a model is like those that were fitted."""
    macs = work.conv_macs + work.depthwise_macs
    return {
        "million multiply-accumulates": macs / 1e6,
        "million parameters": work.parameters / 1e6,
        "multiply-accumulates for each value written": macs / max(work.values, 1),
        "multiply-accumulates for each parameter": macs / max(work.parameters, 1),
    }


def check_variant(name: str, format_: str, precision: str) -> None:
    """Refuse a format or precision without rows to learn from.

    Raises:
        UsageError: it has none; the message says what there is.
    """
    if format_ != "tflite":
        why = _ENGINES.get(format_, f"{format_}: no published row")
        raise UsageError(
            f"{name} cannot be estimated ({why}): estimates are for tflite; measure it with edgetl bench"
        )
    if precision not in PRECISIONS:
        raise UsageError(
            f"{name} cannot be estimated: no published row of TFLite is {precision}; estimates are for "
            f"{' and '.join(PRECISIONS)}, so measure it with edgetl bench"
        )


def check_work(name: str, work: Work, fitted: Mapping[str, tuple[float, float]]) -> None:
    """Refuse a model that is far from all that was fitted.

    Raises:
        UsageError: it is; the message has its figure and the range.
    """
    for trait, value in traits(work).items():
        low, high = fitted[trait]
        if not low / BEYOND <= value <= high * BEYOND:
            raise UsageError(
                f"{name} has {value:.3g} {trait}, and the models that were fitted have {low:.3g} to "
                f"{high:.3g}: it is too unlike them for an estimate; measure it with edgetl bench"
            )
