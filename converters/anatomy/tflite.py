"""What is inside a ``.tflite`` file, from its FlatBuffer; needs LiteRT's schema and no interpreter."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from edgetl import extras
from edgetl.converters.anatomy.facts import Anatomy, Operator
from edgetl.converters.anatomy.tflite_graph import Graph, text
from edgetl.errors import ModelError

_IDENTIFIER = b"TFL3"
_MOST_ENTRIES = 100
_8_BIT, _FLOAT = ("int8", "uint8"), ("float32", "float16", "bfloat16", "float64")
_SMALL_WEIGHTS = (*_8_BIT, "int4", "int2")
# Where weights are among the inputs of what multiplies and accumulates.
_WEIGHTS = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "FULLY_CONNECTED": 1,
    "TRANSPOSE_CONV": 1,
    "BATCH_MATMUL": 1,
    "CONV_3D": 1,
}
# They move, convert or look at values and compute none.
_MOVERS = """
    QUANTIZE DEQUANTIZE CAST RESHAPE SQUEEZE EXPAND_DIMS TRANSPOSE PAD PADV2 MIRROR_PAD CONCATENATION SPLIT
    SPLIT_V SLICE STRIDED_SLICE GATHER GATHER_ND PACK UNPACK TILE SHAPE FILL BROADCAST_TO REVERSE_V2
    SPACE_TO_DEPTH DEPTH_TO_SPACE SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND DILATE ZEROS_LIKE VAR_HANDLE
    READ_VARIABLE ASSIGN_VARIABLE CALL_ONCE
""".split()  # noqa: SIM905 - one to a line would fill the page


def read(files: Mapping[str, bytes]) -> Anatomy:
    """Read the one file in ``files``; see :func:`edgetl.converters.anatomy.read`."""
    ((name, data),) = files.items()
    schema = extras.load(
        "ai_edge_litert.schema_py_generated", extra="litert", purpose="looking into .tflite files"
    )
    if data[4:8] != _IDENTIFIER:
        raise ModelError(f"{name} is no TFLite model: it does not say {_IDENTIFIER.decode()} at its start")
    return _Reader(Graph(name, data, schema)).anatomy()


class _Reader:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._maker = {index: node for node in graph.nodes for index in node[2]}

    def anatomy(self) -> Anatomy:
        graph = self._graph
        return Anatomy(
            format="tflite",
            inputs=tuple(graph.facts(index) for index in graph.inputs),
            outputs=tuple(graph.facts(index) for index in graph.outputs),
            graph=tuple(self._operator(place, *node) for place, node in enumerate(graph.nodes)),
            **self._weights(),
            metadata=self._metadata(),
        )

    def _operator(self, place: int, kind: str, sources: Sequence[int], results: Sequence[int]) -> Operator:
        name = self._graph.tensor_name(results[0]) if results else ""
        arithmetic = self._arithmetic(kind, sources, results)
        macs = self._macs(kind, sources, results) if arithmetic else 0
        return Operator(kind, name, place, arithmetic, macs)

    def _arithmetic(self, kind: str, sources: Sequence[int], results: Sequence[int]) -> str | None:
        graph = self._graph
        if kind in _MOVERS or not results:
            return None
        weights = sources[_WEIGHTS[kind]] if kind in _WEIGHTS else None
        computed = [
            graph.dtype(index)
            for index in (*sources, results[0])
            if index >= 0 and index != weights and not graph.stored_bytes(index)
        ]
        # Shapes and indices are integers of 32 and 64 bits.
        values = {dtype for dtype in computed if dtype in (*_FLOAT, *_8_BIT, "int16")}
        if graph.dtype(results[0]) not in values:
            return None
        if values <= set(_8_BIT) and (weights is None or graph.dtype(weights) in _SMALL_WEIGHTS):
            return "int8"
        if values == {"int16"}:
            return "int16x8"
        if weights is not None:
            return self._of_float(weights)
        return "float16" if values == {"float16"} else "float32"

    def _of_float(self, weights: int) -> str:
        """How an operator with float activations uses its weights."""
        stored = self._graph.dtype(weights)
        if stored in _SMALL_WEIGHTS and self._graph.stored_bytes(weights):
            return "dynamic"
        maker = self._maker.get(weights)
        if maker is not None and maker[0] == "DEQUANTIZE":
            stored = self._graph.dtype(maker[1][0])
        if stored in _SMALL_WEIGHTS:
            return "weight-only"
        return "float16" if stored == "float16" else "float32"

    def _macs(self, kind: str, sources: Sequence[int], results: Sequence[int]) -> int | None:
        if kind not in _WEIGHTS:
            return 0
        graph = self._graph
        kernel, data = graph.shape(sources[_WEIGHTS[kind]]), sources[2 if kind == "TRANSPOSE_CONV" else 0]
        made, taken = graph.size(results[0]), graph.size(data)
        if made is None or taken is None or None in kernel:
            return None
        sizes = [size or 0 for size in kernel]
        if kind == "CONV_2D":  # (out, height, width, in): each output number takes one kernel
            return made * math.prod(sizes[1:])
        if kind == "DEPTHWISE_CONV_2D":  # (1, height, width, channels)
            return made * math.prod(sizes[1:3])
        if kind == "TRANSPOSE_CONV":  # (out, height, width, in): each input number goes through one kernel
            return taken * math.prod(sizes[:3])
        if kind == "CONV_3D":  # (depth, height, width, in, out)
            return made * math.prod(sizes[:4])
        if kind == "FULLY_CONNECTED":  # (out, in)
            return made * sizes[-1]
        return made * (graph.shape(data)[-1] or 0)

    def _weights(self) -> dict[str, Any]:
        graph = self._graph
        stored: Counter[str] = Counter()
        parameters, seen = 0, set()
        for index, tensor in enumerate(graph.tensors):
            size, dtype = graph.stored_bytes(index), graph.dtype(index)
            if not size or tensor.Buffer() in seen:  # tensors of equal content share a buffer
                continue
            seen.add(tensor.Buffer())
            stored[dtype] += size
            if graph.is_scaled(index) or dtype in (*_FLOAT, *_SMALL_WEIGHTS):
                parameters += math.prod(length or 0 for length in graph.shape(index))
        return {"weight_bytes": dict(stored.most_common()), "parameters": parameters}

    def _metadata(self) -> dict[str, str]:
        model = self._graph.model
        entries = range(min(model.MetadataLength(), _MOST_ENTRIES))
        facts = {
            "description": text(model.Description()),
            "metadata": ", ".join(text(model.Metadata(index).Name()) for index in entries),
        }
        return {key: value for key, value in facts.items() if value}
