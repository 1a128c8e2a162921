"""The graph of an ``.onnx`` file: types and shapes of its values, and who makes and who reads them."""

import math
from typing import Any

from edgetl.converters.anatomy.facts import TensorFacts

_SAME_VALUES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
_FAR = 16  # nodes that may lie between a value and where it comes from; damaged files have cycles


class Graph:
    """The outer graph of a model, with shapes inferred by the package onnx."""

    def __init__(self, onnx: Any, model: Any) -> None:
        """Take the package and a ``ModelProto`` of it."""
        self._onnx = onnx
        self.nodes = list(model.graph.node)
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in self.nodes:
            for item in node.attribute if node.op_type == "Constant" else ():
                if item.name == "value":
                    self.constants[node.output[0]] = item.t
        self.maker = {name: node for node in self.nodes for name in node.output if name}
        self._readers: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        inferred = onnx.shape_inference.infer_shapes(model).graph
        values = (*inferred.value_info, *model.graph.value_info, *model.graph.input, *model.graph.output)
        self._types = {value.name: value.type.tensor_type for value in values}

    def facts(self, value: Any) -> TensorFacts:
        """An input or output."""
        return TensorFacts(value.name, self.shape(value.name) or (), self.dtype(value.name))

    def readers(self, name: str) -> list[Any]:
        """The nodes that read a value."""
        return self._readers.get(name, [])

    def dtype(self, name: str) -> str:
        """As numpy calls it; ``unknown`` where inference ends, as behind a runtime's own operators."""
        if name in self.constants:
            return self.type_name(self.constants[name].data_type)
        return self.type_name(self._types[name].elem_type) if name in self._types else "unknown"

    def type_name(self, number: int) -> str:
        """The name of an ONNX type number."""
        if number not in self._onnx.TensorProto.DataType.values():
            return "unknown"
        word = str(self._onnx.TensorProto.DataType.Name(number)).lower()
        return {"float": "float32", "double": "float64", "undefined": "unknown"}.get(word, word)

    def stored_bytes(self, tensor: Any) -> int:
        """What a constant takes."""
        count = math.prod(int(length) for length in tensor.dims)
        if self.type_name(tensor.data_type).endswith("int4"):
            return (count + 1) // 2
        try:
            return count * int(self._onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
        except KeyError:  # a type of a damaged or newer file
            return len(tensor.raw_data)

    def shape(self, name: str) -> tuple[int | None, ...] | None:
        """None when not even the number of dimensions is known."""
        if name in self.constants:
            return tuple(self.constants[name].dims)
        if name not in self._types or not self._types[name].HasField("shape"):
            return None
        return tuple(size.dim_value if size.dim_value > 0 else None for size in self._types[name].shape.dim)

    def size(self, name: str) -> int | None:
        """How many numbers a value has for one picture."""
        shape = self.shape(name)
        if shape is None or None in shape[1:]:
            return None
        return math.prod(1 if size is None else size for size in shape)

    def behind(self, name: str) -> Any:
        """The node that makes a value, past those that only pass it on; None for constants and inputs."""
        for _ in range(_FAR):
            maker = self.maker.get(name)
            if maker is None or maker.op_type not in _SAME_VALUES or not maker.input:
                return maker
            name = maker.input[0]
        return None
