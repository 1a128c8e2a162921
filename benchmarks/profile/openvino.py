"""OpenVINO's performance counts: a time and the name of the code for each operator of the compiled model."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from edgetl import extras
from edgetl.benchmarks.profile.request import WARM_UP, ProfileRequest
from edgetl.benchmarks.profile.results import Operator
from edgetl.runtime.openvino import no_telemetry, settings

_HEAVY = ("Convolution", "GroupConvolution", "FullyConnected", "MatMul")
_LAYOUT = ("Reorder", "Transpose", "Reshape")
_CONVERT = ("Convert",)


def operators(request: ProfileRequest) -> list[Operator]:
    """Run a model with counts, and otherwise the settings of ``runtime/openvino.py``."""
    no_telemetry()
    openvino = extras.load("openvino", extra="openvino", purpose="running OpenVINO .xml files")
    parts = {name.rpartition(".")[2]: content for name, content in request.files.items()}
    core = openvino.Core()
    weights = openvino.Tensor(np.frombuffer(parts["bin"], dtype=np.uint8), shared_memory=False)
    counting = {**settings(parts["xml"], request.threads), "PERF_COUNT": True}
    compiled = core.compile_model(core.read_model(parts["xml"], weights), "CPU", counting)
    asked = compiled.create_infer_request()
    runs = []
    for _ in range(WARM_UP + request.runs):
        asked.infer({0: request.pixels})
        runs.append(list(asked.get_profiling_info()))
    return from_counts(runs[WARM_UP:], quantized=request.quantized)


def from_counts(runs: Iterable[Iterable[Any]], *, quantized: bool) -> list[Operator]:
    """The operators that were executed, in the order of the first run.

    Args:
        runs: the ``ProfilingInfo`` of each run's operators.
        quantized: whether layers should compute in integers.
    """
    seconds: dict[str, list[float]] = {}
    told: dict[str, Any] = {}
    for run in runs:
        for row in run:
            if row.status == type(row.status).EXECUTED:
                seconds.setdefault(row.node_name, []).append(row.real_time.total_seconds())
                told.setdefault(row.node_name, row)
    return [
        Operator(
            name=name,
            kind=row.node_type,
            seconds=sum(seconds[name]) / len(seconds[name]),
            kernel=row.exec_type,
            plain=_plain(row.node_type, row.exec_type, quantized),
        )
        for name, row in told.items()
    ]


def _plain(kind: str, kernel: str, quantized: bool) -> str | None:
    kernel = kernel.lower()
    if kernel.startswith("ref"):
        return "runs in reference code"
    if kind in _LAYOUT:
        return "changes the layout only"
    if kind in _CONVERT:
        return "converts numbers only"
    # The code's name ends with the type it computes in: ``brgconv_avx512_amx_i8``, ``jit_asimd_f32``.
    return "left in float32" if quantized and kind in _HEAVY and kernel.endswith("f32") else None
