"""The graph of a ``.tflite`` file, read from its FlatBuffer with the checks that damaged files need."""

import math
from typing import Any

from edgetl.converters.anatomy.facts import TensorFacts
from edgetl.errors import ModelError

# No real model comes near; a damaged length would keep the loops over it busy for hours.
_MOST_OPERATORS, _MOST_TENSORS, _MOST_DIMENSIONS = 100_000, 500_000, 16
_CUSTOM = 32


class Graph:
    """The main graph of a model; what a control-flow operator calls is in others, and left out."""

    def __init__(self, name: str, data: bytes, schema: Any) -> None:
        """Take the bytes and the module that LiteRT's schema was compiled to.

        Raises:
            ModelError: it has no graph, is cut off, or its lengths make no sense.
        """
        self._name, self._data = name, data
        self._types: dict[int, str] = {
            value: key.lower() for key, value in vars(schema.TensorType).items() if key[0] != "_"
        }
        self._kinds: dict[int, str] = {
            value: key for key, value in vars(schema.BuiltinOperator).items() if key[0] != "_"
        }
        self.model = schema.Model.GetRootAs(data, 0)
        self._graph = self.model.Subgraphs(0)
        if self._graph is None:
            raise ModelError(f"{name} has no graph: export it again")
        operators = self._limited("operators", self._graph.OperatorsLength(), _MOST_OPERATORS)
        tensors = self._limited("tensors", self._graph.TensorsLength(), _MOST_TENSORS)
        codes = self._limited("operator codes", self.model.OperatorCodesLength(), _MOST_OPERATORS)
        buffers = self._limited("buffers", self.model.BuffersLength(), _MOST_TENSORS)
        self._operators = [self._graph.Operators(place) for place in range(operators)]
        self.tensors = [self._graph.Tensors(index) for index in range(tensors)]
        self._codes = [self._code(index) for index in range(codes)]
        self._sizes = [self._buffer_size(index) for index in range(buffers)]
        self.inputs = self._list(self._graph.InputsLength(), self._graph.Inputs)
        self.outputs = self._list(self._graph.OutputsLength(), self._graph.Outputs)
        self.nodes = [
            (
                self._codes[operator.OpcodeIndex()],
                self._list(operator.InputsLength(), operator.Inputs),
                self._list(operator.OutputsLength(), operator.Outputs),
            )
            for operator in self._operators
        ]
        """Kind, indices of the tensors it reads (-1 where an optional one is missing), of those it makes."""

    def _limited(self, what: str, count: int, most: int) -> int:
        if count > most:
            raise ModelError(
                f"{self._name} is damaged: it says to have {count} {what}, and {most} is the limit"
            )
        return count

    def _code(self, index: int) -> str:
        code = self.model.OperatorCodes(index)
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number == _CUSTOM:
            return f"custom {text(code.CustomCode())}"
        return self._kinds.get(number, f"operator {number}")

    def _buffer_size(self, index: int) -> int:
        """Bytes of a buffer, which must lie inside the file."""
        buffer = self.model.Buffers(index)
        size, offset = buffer.DataLength(), buffer._tab.Offset(4)  # noqa: SLF001 - 4 is the field `data`
        start = buffer._tab.Vector(offset) if offset else 0  # noqa: SLF001
        if buffer.Size() > 1:  # kept behind the FlatBuffer, as in models above 2 GB
            start, size = buffer.Offset(), buffer.Size()
        if size and not 0 <= start <= start + size <= len(self._data):
            raise ModelError(f"{self._name} is cut off: {len(self._data)} bytes do not hold all its weights")
        return int(size)

    def _list(self, length: int, item: Any) -> list[int]:
        self._limited("tensors in one list", length, _MOST_TENSORS)
        return [int(item(index)) for index in range(length)]

    def dtype(self, index: int) -> str:
        """As numpy calls it."""
        return self._types.get(self.tensors[index].Type(), "unknown")

    def shape(self, index: int) -> tuple[int | None, ...]:
        """None for a size that is only known at run time."""
        tensor = self.tensors[index]
        rank, signed = tensor.ShapeLength(), tensor.ShapeSignatureLength()
        self._limited("dimensions of a tensor", max(rank, signed), _MOST_DIMENSIONS)
        sizes = [int(tensor.Shape(axis)) for axis in range(rank)]
        if any(size < 0 for size in sizes):
            raise ModelError(f"{self._name} is damaged: a tensor has the shape {sizes}")
        if signed != rank:
            return tuple(sizes)
        return tuple(None if tensor.ShapeSignature(axis) < 0 else size for axis, size in enumerate(sizes))

    def size(self, index: int) -> int | None:
        """How many numbers a tensor has for one picture; None when that is not known beforehand."""
        shape = self.shape(index)
        if None in shape[1:]:
            return None
        return math.prod(1 if size is None else size for size in shape)

    def stored_bytes(self, index: int) -> int:
        """What a constant takes; 0 for a tensor that is computed."""
        buffer = self.tensors[index].Buffer()
        return self._sizes[buffer] if buffer < len(self._sizes) else 0

    def is_scaled(self, index: int) -> bool:
        """Whether a tensor is quantized, as the 32-bit biases of int8 models are too."""
        quantization = self.tensors[index].Quantization()
        return quantization is not None and quantization.ScaleLength() > 0

    def tensor_name(self, index: int) -> str:
        """What the file calls a tensor."""
        return text(self.tensors[index].Name())

    def facts(self, index: int) -> TensorFacts:
        """An input or output."""
        tensor = self.tensors[index]
        quantization, dtype = tensor.Quantization(), self.dtype(index)
        scale = zero_point = None
        if quantization is not None and quantization.ScaleLength() == 1:
            scale = float(quantization.Scale(0))
            if not math.isfinite(scale):
                raise ModelError(f"{self._name} is damaged: a tensor has the scale {scale}")
            zero_point = int(quantization.ZeroPoint(0)) if quantization.ZeroPointLength() else 0
        return TensorFacts(self.tensor_name(index), self.shape(index), dtype, scale, zero_point)


def text(value: bytes | None) -> str:
    """A string of the file, which need not be UTF-8 when it is damaged."""
    return (value or b"").decode("utf-8", "replace")
