"""What is inside an ``.onnx`` file: QDQ graphs, integer operators, and weights stored small.

In a QDQ graph everything is written as float between DequantizeLinear and QuantizeLinear, and runtimes fuse
the pattern into int8 kernels. An operator counts as int8 where ONNX Runtime has such a kernel: all it reads
is dequantized from 8 bits, and what it writes is quantized again, perhaps behind a Relu or Clip. MatMul
and Gemm also have kernels that write floats, so the last layer of a classifier counts. What was really fused,
:mod:`edgetl.converters.anatomy.execution` asks.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from edgetl import extras
from edgetl.converters.anatomy.facts import Anatomy, Operator
from edgetl.converters.anatomy.onnx_graph import Graph
from edgetl.errors import ModelError

_PURPOSE = "looking into .onnx files"
_8_BIT, _FLOAT = ("int8", "uint8", "int4", "uint4"), ("float32", "float16", "bfloat16", "float64")
_16_BIT = ("int16", "uint16")
# Which inputs are multiplied: data and weights.
_MACS = {
    "Conv": (0, 1),
    "ConvTranspose": (0, 1),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "FusedConv": (0, 1),
    "FusedMatMul": (0, 1),
    "ConvInteger": (0, 1),
    "MatMulInteger": (0, 1),
    "DynamicQuantizeMatMul": (0, 1),
    "QLinearConv": (0, 3),
    "QLinearMatMul": (0, 3),
    "QGemm": (0, 3),
}
_DYNAMIC = ("ConvInteger", "MatMulInteger", "DynamicQuantizeMatMul")
_WRITES_FLOAT_TOO = ("MatMul", "Gemm", "FusedMatMul")
_FUSED_ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "Sigmoid")
_MOVERS = """
    QuantizeLinear DequantizeLinear DynamicQuantizeLinear Cast CastLike Identity Constant ConstantOfShape
    Reshape Flatten Squeeze Unsqueeze Transpose Pad Concat Split Slice Gather GatherND Expand Tile Shape Size
    Dropout DepthToSpace SpaceToDepth Range If Loop Scan
""".split()  # noqa: SIM905 - one to a line would fill the page


def read(files: Mapping[str, bytes]) -> Anatomy:
    """Read the one file in ``files``; see :func:`edgetl.converters.anatomy.read`."""
    ((name, data),) = files.items()
    onnx = extras.load("onnx", extra="train", purpose=_PURPOSE)
    model = onnx.load_model_from_string(data)
    if not model.graph.node and not model.graph.input:
        raise ModelError(f"{name} is damaged, or no ONNX model: it has no graph")
    if not all(isinstance(text, str) for text in _texts(model)):
        raise ModelError(f"{name} is damaged: a name in it is not UTF-8")
    return _Reader(onnx, model).anatomy()


def _texts(model: Any) -> Iterator[str | bytes]:
    """All the words that are reported; the package leaves those that are not UTF-8 as bytes."""
    yield from (model.producer_name, model.producer_version, model.doc_string)
    for item in model.metadata_props:
        yield from (item.key, item.value)
    for item in model.opset_import:
        yield item.domain
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        yield value.name
    for node in model.graph.node:
        yield from (node.op_type, node.name, *node.input, *node.output)


class _Reader:
    def __init__(self, onnx: Any, model: Any) -> None:
        self._model, self._values = model, Graph(onnx, model)

    def anatomy(self) -> Anatomy:
        graph, values = self._model.graph, self._values
        return Anatomy(
            format="onnx",
            # Old files list their weights among the inputs.
            inputs=tuple(values.facts(value) for value in graph.input if value.name not in values.constants),
            outputs=tuple(values.facts(value) for value in graph.output),
            graph=tuple(self._operator(place, node) for place, node in enumerate(values.nodes)),
            **self._weights(),
            metadata=self._metadata(),
        )

    def _operator(self, place: int, node: Any) -> Operator:
        arithmetic = self._arithmetic(node)
        name = node.name or (node.output[0] if node.output else "")
        return Operator(node.op_type, name, place, arithmetic, self._macs(node) if arithmetic else 0)

    def _arithmetic(self, node: Any) -> str | None:
        if node.op_type in _MOVERS or not node.output or self._is_fused(node) or self._is_rescaling(node):
            return None
        if node.op_type in _DYNAMIC:
            return self._of_integers(node)
        if node.op_type.startswith(("QLinear", "QGemm")):
            return "int8"
        result = self._values.dtype(node.output[0])
        if result not in (*_FLOAT, "unknown"):
            return None
        if result == "float16":
            return "float16"
        if node.op_type in _MACS:
            return self._of_product(node)
        data = [name for name in node.input if name and name not in self._values.constants]
        reads = {self._dequantized_from(name) for name in data}
        if self._quantized_after(node) and data and reads <= {*_8_BIT, *_16_BIT}:
            return "int8" if reads <= set(_8_BIT) else "int16x8"
        return "float32"

    def _of_integers(self, node: Any) -> str:
        """Integers in, 32-bit integers out: dynamic where the scale of the data is found at each run."""
        maker = self._values.maker.get(node.input[0])
        measured = node.op_type == "DynamicQuantizeMatMul" or (
            maker is not None and maker.op_type == "DynamicQuantizeLinear"
        )
        return "dynamic" if measured else "int8"

    def _of_product(self, node: Any) -> str:
        data, weights = (node.input[place] for place in _MACS[node.op_type])
        read, stored = self._dequantized_from(data), self._dequantized_from(weights)
        if stored in _8_BIT and (node.op_type in _WRITES_FLOAT_TOO or self._quantized_after(node)):
            if read in _8_BIT:
                return "int8"
            if read in _16_BIT:
                return "int16x8"
        if stored in _8_BIT:
            return "weight-only"
        maker = self._values.behind(weights)
        if maker is not None and maker.op_type == "Cast":
            weights = maker.input[0]
        return "float16" if self._values.dtype(weights) == "float16" else "float32"

    def _dequantized_from(self, name: str) -> str | None:
        """The type behind a DequantizeLinear; None when there is none."""
        maker = self._values.behind(name)
        if maker is None or maker.op_type != "DequantizeLinear":
            return None
        return self._values.dtype(maker.input[0])

    def _is_rescaling(self, node: Any) -> bool:
        """Whether it brings the integers of a dynamic product back to floats, or prepares the scale."""
        for name in node.input if node.op_type == "Mul" else ():
            maker = self._values.maker.get(name)
            if maker is not None and maker.op_type == "Cast":
                maker = self._values.maker.get(maker.input[0])
            if maker is not None and maker.op_type in (*_DYNAMIC, "DynamicQuantizeLinear"):
                return True
        return False

    def _is_fused(self, node: Any) -> bool:
        """Whether it is an activation that directly follows a product, which engines make a part of it."""
        maker = self._values.maker.get(node.input[0]) if node.input else None
        return maker is not None and maker.op_type in _MACS and node.op_type in _FUSED_ACTIVATIONS

    def _quantized_after(self, node: Any) -> bool:
        readers = self._values.readers(node.output[0])
        if len(readers) == 1 and self._is_fused(readers[0]):
            readers = self._values.readers(readers[0].output[0])
        return bool(readers) and all(reader.op_type == "QuantizeLinear" for reader in readers)

    def _macs(self, node: Any) -> int | None:
        if node.op_type not in _MACS:
            return 0
        data, weights = (node.input[place] for place in _MACS[node.op_type])
        result, taken = self._values.size(node.output[0]), self._values.size(data)
        kernel, shape = self._values.shape(weights), self._values.shape(data)
        if (
            node.op_type == "ConvTranspose"
        ):  # (in, out / groups, ...): each input number goes through one kernel
            return None if taken is None or not kernel or None in kernel else taken * _product(kernel[1:])
        if result is None or not kernel or None in kernel[1:]:
            return None
        if "Conv" in node.op_type:  # (out, in / groups, ...): each output number takes one kernel
            return result * _product(kernel[1:])
        turned = any(item.name == "transA" and item.i for item in node.attribute)
        if not shape or (depth := shape[0 if turned else -1]) is None:
            return None
        return result * depth

    def _weights(self) -> dict[str, Any]:
        stored: Counter[str] = Counter()
        parameters = 0
        # Scales and zero points are no parameters of the model.
        dull = {name for node in self._values.nodes if "Linear" in node.op_type for name in node.input[1:3]}
        biases = {
            node.input[0] for node in self._values.nodes if node.op_type == "DequantizeLinear" and node.input
        }
        for name, tensor in self._values.constants.items():
            dtype, count = self._values.type_name(tensor.data_type), math.prod(tensor.dims)
            stored[dtype] += self._values.stored_bytes(tensor)
            if name not in dull and (dtype in (*_FLOAT, *_8_BIT, *_16_BIT) or name in biases):
                parameters += count
        return {"weight_bytes": dict(stored.most_common()), "parameters": parameters}

    def _metadata(self) -> dict[str, str]:
        model = self._model
        facts = {
            "producer": f"{model.producer_name} {model.producer_version}".strip(),
            "description": model.doc_string,
            "opsets": ", ".join(f"{item.domain or 'ai.onnx'} {item.version}" for item in model.opset_import),
            **{item.key: item.value for item in model.metadata_props},
        }
        return {key: value for key, value in facts.items() if value}


def _product(sizes: tuple[int | None, ...]) -> int:
    return math.prod(size or 0 for size in sizes)
