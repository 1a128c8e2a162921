"""What is inside an OpenVINO model, from its ``.xml``; needs nothing but Python.

An int8 model says so with FakeQuantize in front of what reads 8-bit values, and with weights stored in 8 bits
behind Convert, Subtract and Multiply; OpenVINO turns that into int8 layers when it compiles the model, and
:mod:`edgetl.converters.anatomy.execution` asks which.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from edgetl.converters.anatomy.facts import Anatomy, Operator, TensorFacts
from edgetl.converters.anatomy.openvino_xml import Layer, Network, Port, parse
from edgetl.errors import ModelError, UsageError

_TYPES = {
    **{f"{prefix}{bits}": f"float{bits}" for prefix in ("f", "fp") for bits in (16, 32, 64)},
    **{
        f"{sign}{bits}": f"{word}{bits}"
        for sign, word in (("i", "int"), ("u", "uint"))
        for bits in (4, 8, 16, 32, 64)
    },
    "bf16": "bfloat16",
    "boolean": "bool",
}
_8_BIT, _FLOAT = ("int8", "uint8", "int4", "uint4"), ("float32", "float16", "bfloat16", "float64")
# How many of the kernel's first sizes each number passes by, and whether numbers are those that come in.
_CONVOLUTIONS = {
    "Convolution": (1, False),
    "GroupConvolution": (2, False),
    "ConvolutionBackpropData": (1, True),
    "GroupConvolutionBackpropData": (2, True),
}
_PRODUCTS = (*_CONVOLUTIONS, "MatMul")
# With a constant, or without a second input, they become a part of the product before them.
_FUSED = ("Add", "Subtract", "Multiply", "Clamp", "ReLU", "PReLU")
_MOVERS = """
    Parameter Result Const Convert FakeQuantize Reshape Squeeze Unsqueeze Transpose Pad Concat Split
    VariadicSplit StridedSlice Slice Gather GatherND Broadcast Tile ShapeOf ReadValue Assign If Loop
    TensorIterator
""".split()  # noqa: SIM905 - one to a line would fill the page
_SAME_VALUES = ("Reshape", "Squeeze", "Unsqueeze", "Transpose", "Pad", "MaxPool")
_FAR = (
    16  # operators between a product and what its input was quantized or stored by; damaged files have cycles
)


def read(files: Mapping[str, bytes]) -> Anatomy:
    """Read the two files in ``files``; see :func:`edgetl.converters.anatomy.read`."""
    parts = {name.rpartition(".")[2].lower(): content for name, content in files.items()}
    if set(parts) != {"xml", "bin"}:
        raise UsageError(f"an OpenVINO model is an .xml and a .bin file, not {', '.join(files)}")
    (name,) = (name for name in files if name.lower().endswith(".xml"))
    return _Reader(name, parse(name, parts["xml"]), len(parts["bin"])).anatomy()


class _Reader:
    def __init__(self, name: str, network: Network, weights: int) -> None:
        self._network, self._layers = network, network.layers
        for layer in self._layers.values():
            if layer.type == "Const" and int(layer.data["offset"]) + int(layer.data["size"]) > weights:
                raise ModelError(
                    f"the weights of {name} are cut off: {weights} bytes do not hold {layer.name}"
                )
        self._fixed: set[str] = set()
        for number, layer in self._layers.items():
            sources = [self._source(layer, place) for place in range(len(layer.inputs))]
            if layer.type == "Const" or (
                sources and all(source and source.id in self._fixed for source in sources)
            ):
                self._fixed.add(number)

    def anatomy(self) -> Anatomy:
        layers = self._layers.values()
        results = [layer for layer in layers if layer.type == "Result"]
        return Anatomy(
            format="openvino",
            inputs=tuple(
                self._facts(layer.name, layer.outputs[0]) for layer in layers if layer.type == "Parameter"
            ),
            outputs=tuple(self._output(layer) for layer in results),
            graph=tuple(self._operator(place, layer) for place, layer in enumerate(layers)),
            **self._weights(),
            metadata=dict(self._network.facts),
        )

    def _source(self, layer: Layer, place: int) -> Layer | None:
        """The layer that makes an input."""
        if place >= len(layer.inputs):
            return None
        origin = self._network.edges.get((layer.id, layer.inputs[place].id))
        return self._layers.get(origin[0]) if origin else None

    def _facts(self, name: str, port: Port) -> TensorFacts:
        return TensorFacts(name, port.shape, _TYPES.get(port.precision.lower(), port.precision.lower()))

    def _output(self, result: Layer) -> TensorFacts:
        origin = self._network.edges.get((result.id, result.inputs[0].id))
        maker = self._layers.get(origin[0]) if origin else None
        for port in maker.outputs if maker else ():
            if origin and port.id == origin[1]:
                return self._facts(port.names.partition(",")[0] or result.name, port)
        return self._facts(result.name, result.inputs[0])

    def _operator(self, place: int, layer: Layer) -> Operator:
        arithmetic = self._arithmetic(layer)
        return Operator(layer.type, layer.name, place, arithmetic, self._macs(layer) if arithmetic else 0)

    def _arithmetic(self, layer: Layer) -> str | None:
        if layer.type in _MOVERS or layer.id in self._fixed or not layer.outputs or self._is_fused(layer):
            return None
        if _TYPES.get(layer.outputs[0].precision.lower(), "") not in _FLOAT:
            return None
        reads = {
            self._quantized(source)
            for place in range(len(layer.inputs))
            if (source := self._source(layer, place)) and source.id not in self._fixed
        }
        if layer.type not in _PRODUCTS:
            return reads.pop() or "float32" if len(reads) == 1 else "float32"
        second = self._source(layer, 1)
        if second is None or second.id not in self._fixed:  # two computed inputs, as in attention
            return reads.pop() or "float32" if len(reads) == 1 else "float32"
        stored = self._stored(second)
        if stored in _8_BIT:
            return (reads.pop() or "weight-only") if len(reads) == 1 else "weight-only"
        return "float16" if stored == "float16" else "float32"

    def _is_fused(self, layer: Layer) -> bool:
        """Whether it is a bias or an activation that directly follows a product."""
        if layer.type not in _FUSED:
            return False
        for _ in range(_FAR):
            moving = [
                source
                for place in range(len(layer.inputs))
                if (source := self._source(layer, place)) and source.id not in self._fixed
            ]
            if layer.type in _PRODUCTS:
                return True
            if layer.type not in _FUSED or len(moving) != 1:
                return False
            layer = moving[0]
        return False

    def _quantized(self, layer: Layer | None) -> str | None:
        """``int8`` or ``int16x8`` if the values of a layer come out of a FakeQuantize."""
        for _ in range(_FAR):
            if layer is None or layer.type not in _SAME_VALUES:
                break
            layer = self._source(layer, 0)
        if layer is None or layer.type != "FakeQuantize":
            return None
        return "int8" if int(layer.data.get("levels", "0")) <= 256 else "int16x8"

    def _stored(self, layer: Layer | None) -> str:
        """The type a constant is stored in, before it is converted and scaled; int8 behind a FakeQuantize."""
        for _ in range(_FAR):
            if layer is None or layer.type == "Const":
                break
            if layer.type == "FakeQuantize":
                return "int8"
            layer = self._source(layer, 0)
        return _TYPES.get(layer.data.get("element_type", ""), "") if layer else ""

    def _macs(self, layer: Layer) -> int | None:
        if layer.type not in _PRODUCTS:
            return 0
        data, kernel = (port.shape for port in layer.inputs[:2])
        if layer.type == "MatMul":
            turned = layer.data.get("transpose_a") == "true" and len(data) > 1
            size, depth = _size(layer.outputs[0].shape), data[-2 if turned else -1]
            return None if size is None or depth is None else size * depth
        skipped, incoming = _CONVOLUTIONS[layer.type]
        size = _size(data if incoming else layer.outputs[0].shape)
        if size is None or None in kernel:
            return None
        return size * math.prod(length or 0 for length in kernel[skipped:])

    def _weights(self) -> dict[str, Any]:
        stored: Counter[str] = Counter()
        parameters = 0
        dull = self._scales()
        for layer in self._layers.values():
            if layer.type != "Const":
                continue
            dtype = _TYPES.get(layer.data.get("element_type", ""), layer.data.get("element_type", ""))
            stored[dtype] += int(layer.data["size"])
            if dtype in (*_FLOAT, *_8_BIT) and layer.id not in dull:
                parameters += _size(layer.outputs[0].shape) or 0
        return {"weight_bytes": dict(stored.most_common()), "parameters": parameters}

    def _scales(self) -> set[str]:
        """Constants that are scales, zero points and ranges of other values."""
        dull = set()
        for layer in self._layers.values():
            ranges = layer.type == "FakeQuantize"
            scales = layer.type in ("Multiply", "Subtract") and layer.id in self._fixed
            for place in range(1, len(layer.inputs)) if ranges or scales else ():
                source = self._source(layer, place)
                for _ in range(_FAR):
                    if source is None or source.type == "Const":
                        break
                    source = self._source(source, 0)
                if source is not None:
                    dull.add(source.id)
        return dull


def _size(shape: tuple[int | None, ...]) -> int | None:
    """How many numbers a tensor has for one picture."""
    if None in shape[1:]:
        return None
    return math.prod(1 if length is None else length for length in shape)
