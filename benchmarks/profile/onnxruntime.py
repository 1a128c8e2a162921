"""ONNX Runtime's own profiler: a JSON file with an event for each operator and run."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgetl import extras
from edgetl.benchmarks.profile.request import WARM_UP, ProfileRequest
from edgetl.benchmarks.profile.results import Operator
from edgetl.files import scratch_folder

_SUFFIX = "_kernel_time"
_CPU = "CPUExecutionProvider"
_CONVERTING = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast")
_HEAVY = ("Conv", "Gemm", "MatMul")
_ERRORS_ONLY = 3  # severity in ONNX Runtime's logging


def operators(request: ProfileRequest) -> list[Operator]:
    """Run a model under the profiler, with the settings of ``runtime/onnxruntime.py``."""
    (content,) = request.files.values()
    onnxruntime = extras.load("onnxruntime", extra="onnx", purpose="running .onnx files")
    with scratch_folder() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        session = onnxruntime.InferenceSession(content, options, providers=[_CPU])
        name = session.get_inputs()[0].name
        for _ in range(WARM_UP + request.runs):
            session.run(None, {name: request.pixels})
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    return from_events(events, quantized=request.quantized)


def from_events(events: Iterable[Mapping[str, Any]], *, quantized: bool) -> list[Operator]:
    """The operators in the order they ran, without the warm-up's 5 runs.

    Args:
        events: what the profiler wrote; ``dur`` is in microseconds.
        quantized: whether layers should compute in integers.
    """
    nodes: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_SUFFIX):
            nodes.setdefault(event["name"].removesuffix(_SUFFIX), []).append(event)
    found = []
    for name, runs in nodes.items():
        measured = runs[WARM_UP:]
        if not measured:  # a constant, computed once
            continue
        details = measured[0]["args"]
        kind, provider = details["op_name"], details.get("provider")
        found.append(
            Operator(
                name=name,
                kind=kind,
                seconds=sum(event["dur"] for event in measured) / len(measured) / 1_000_000,
                kernel=provider,
                plain=_plain(kind, provider, details.get("input_type_shape", ()), quantized),
            )
        )
    return found


def _plain(
    kind: str, provider: str | None, inputs: Iterable[Mapping[str, Any]], quantized: bool
) -> str | None:
    if kind.startswith("Reorder"):
        return "changes the layout only"
    if kind in _CONVERTING:
        return "converts numbers only"
    types = {name for source in inputs for name in source}
    # ``QLinearConv``, ``MatMulInteger`` and their like take integers; the plain ones are float.
    if quantized and types <= {"float"} and any(part in kind for part in _HEAVY):
        return "left in float32"
    return None if provider == _CPU else f"runs in {provider}"
