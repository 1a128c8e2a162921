"""An int8 ``.tflite`` file as the simulation reads it: operators in order, and the steps of each tensor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgetl.converters import flatbuffer
from edgetl.converters.flatbuffer import Op
from edgetl.errors import ConversionError

KINDS: Mapping[int, str] = {
    value: name for name, value in vars(Op).items() if isinstance(value, int) and not name.startswith("_")
}
SAME_STEPS = (Op.PAD, Op.RESHAPE, Op.MAX_POOL_2D, Op.AVERAGE_POOL_2D)
"""Operators whose int8 output has the steps of their input."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of the graph."""

    name: str
    shape: tuple[int, ...]
    scale: float | None
    """Of an int8 or uint8 tensor that is no constant."""
    zero: int | None
    """Zero point, likewise."""
    values: NDArray[Any] | None
    """A constant's: float32, weights as their codes mean them; indices as they are."""


@dataclass(frozen=True)
class Step:
    """One operator."""

    kind: int
    """A ``BuiltinOperator``."""
    inputs: tuple[int, ...]
    """Places among the tensors."""
    output: int
    options: Mapping[str, Any]
    """As the file has them."""


@dataclass(frozen=True)
class Graph:
    """All of it."""

    tensors: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    """In the order they are computed; without the softmax."""
    pixels: int
    """The input tensor."""
    logits: int
    """What the softmax reads."""
    features: int
    """What the head reads, or the logits again where there is no head."""

    def is_int8(self, place: int) -> bool:
        """Whether a tensor that is computed has steps."""
        return self.tensors[place].scale is not None


def read(data: bytes) -> Graph:
    """The graph of a ``.tflite`` file of edgetl's.

    Raises:
        ConversionError: it does not end in a softmax.
    """
    model = flatbuffer.read(data)
    graph = flatbuffer.graph(model)
    softmax = flatbuffer.of_kind(model, [Op.SOFTMAX])
    if not softmax:
        raise ConversionError(
            "the model does not end in a softmax, and int8 cannot be trained without logits: "
            "leave --quantize-aware out"
        )
    head = flatbuffer.head(model)
    logits = int(softmax[-1].inputs[0])
    return Graph(
        tensors=tuple(_tensor(model, tensor) for tensor in graph.tensors),
        steps=tuple(
            _step(model, operator)
            for operator in graph.operators
            if not any(operator is end for end in softmax)
        ),
        pixels=int(graph.inputs[0]),
        logits=logits,
        features=logits if head is None else int(head.inputs[0]),
    )


def _step(model: schema.ModelT, operator: schema.OperatorT) -> Step:
    options = vars(operator.builtinOptions) if operator.builtinOptions is not None else {}
    inputs = tuple(int(index) for index in operator.inputs)
    return Step(flatbuffer.kind(model, operator), inputs, int(operator.outputs[0]), options)


def _tensor(model: schema.ModelT, tensor: schema.TensorT) -> Tensor:
    shape = tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()
    name, content = tensor.name.decode(), model.buffers[tensor.buffer].data
    quantized = tensor.quantization
    known = quantized is not None and quantized.scale is not None and len(quantized.scale) > 0
    if content is None or len(content) == 0:
        if not known:
            return Tensor(name, shape, None, None, None)
        return Tensor(name, shape, float(quantized.scale[0]), int(quantized.zeroPoint[0]), None)
    values = np.frombuffer(bytes(content), _TYPES[tensor.type]).reshape(shape)
    if not known:
        return Tensor(name, shape, None, None, values)
    along = [1] * len(shape)
    if len(quantized.scale) > 1:
        along[quantized.quantizedDimension] = -1
    scale = np.asarray(quantized.scale, np.float32).reshape(along)
    zero = np.asarray(quantized.zeroPoint, np.float32).reshape(along)
    return Tensor(name, shape, None, None, (values.astype(np.float32) - zero) * scale)


_TYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT64: np.int64,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
}
