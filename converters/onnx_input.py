"""Let the raw pixels be the quantized input of an ``.onnx`` graph, so that no normalisation is left.

The same as ``tflite_input.py``: uint8 pixels with a scale and a zero point are what the first convolution
reads, so ``Cast``, ``Mul`` and ``Add`` become one ``DequantizeLinear``. The quantizer puts a
``QuantizeLinear`` with the same numbers behind it, and ONNX Runtime drops the pair.
"""

from typing import Any

import numpy as np
import onnx
from onnxruntime import quantization

from edgetl.converters import onnx_edit

_NEAR = 1e-4
_OUT, _SCALE, _ZERO = "pixels_as_floats", "pixels_scale", "pixels_zero_point"


def fold(model: onnx.ModelProto) -> bool:
    """Replace the normalisation at the input, if it is a scale and an offset for all channels.

    The zero point is rounded; where that moves the input, the first convolution's bias makes up for it,
    exactly except where the kernel reads padding (there by half a step of 255).

    Returns:
        Whether it was done.
    """
    graph = model.graph
    chain, scale, offset = _normalisation(model)
    if not chain or scale <= 0:
        return False
    zero = -offset / scale
    rounded = round(zero)
    if not 0 <= rounded <= 255:
        return False
    end = chain[-1].output[0]
    if abs(zero - rounded) > _NEAR and not _shift_bias(model, end, (rounded - zero) * scale):
        return False
    node = onnx.helper.make_node("DequantizeLinear", ["pixels", _SCALE, _ZERO], [_OUT], name="pixels_input")
    graph.initializer.extend(
        [
            onnx.numpy_helper.from_array(np.float32(scale).reshape(()), _SCALE),
            onnx.numpy_helper.from_array(np.uint8(rounded).reshape(()), _ZERO),
        ]
    )
    rest = [other for other in graph.node if all(other.name != gone.name for gone in chain)]
    for other in rest:
        other.input[:] = [_OUT if name == end else name for name in other.input]
    del graph.node[:]
    graph.node.extend([node, *rest])
    return True


def exact_range(model: onnx.ModelProto) -> dict[str, Any]:
    """Options for the quantizer that keep the first convolution's input in the steps of the pixels."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    if _SCALE not in constants:
        return {}
    scale, zero = (onnx.numpy_helper.to_array(constants[name]) for name in (_SCALE, _ZERO))
    tensors = {_OUT} | {
        node.output[0] for node in model.graph.node if node.op_type == "Transpose" and node.input[0] == _OUT
    }
    override = [{"quant_type": quantization.QuantType.QUInt8, "scale": scale, "zero_point": zero}]
    return {"TensorQuantOverrides": dict.fromkeys(tensors, override)}


def _normalisation(model: onnx.ModelProto) -> tuple[list[onnx.NodeProto], float, float]:
    """The nodes from the pixels to the first that is no arithmetic with one number."""
    constants = {tensor.name for tensor in model.graph.initializer}
    chain: list[onnx.NodeProto] = []
    scale, offset, name = 1.0, 0.0, "pixels"
    while True:
        readers = [node for node in model.graph.node if name in node.input]
        if len(readers) != 1:
            return chain, scale, offset
        (reader,) = readers
        if reader.op_type == "Cast" and not chain:
            pass
        elif reader.op_type in ("Mul", "Add", "Sub", "Div") and chain:
            others = [other for other in reader.input if other != name]
            if len(others) != 1 or others[0] not in constants:
                return chain, scale, offset
            number = onnx_edit.constant(model, others[0])
            turned = reader.op_type in ("Sub", "Div") and reader.input[0] != name
            if number.size != 1 or turned:
                return chain, scale, offset
            value = float(number.reshape(()))
            if reader.op_type in ("Mul", "Div"):
                factor = value if reader.op_type == "Mul" else 1 / value
                scale, offset = scale * factor, offset * factor
            else:
                offset += value if reader.op_type == "Add" else -value
        else:
            return chain, scale, offset
        chain.append(reader)
        name = reader.output[0]


def _shift_bias(model: onnx.ModelProto, end: str, shift: float) -> bool:
    """Add to the first convolution's bias what a constant added to its input would have given."""
    constants = {tensor.name for tensor in model.graph.initializer}
    name = end
    while True:
        readers = [node for node in model.graph.node if name in node.input]
        if len(readers) != 1:
            return False
        (reader,) = readers
        if reader.op_type not in ("Transpose", "Pad"):
            break
        name = reader.output[0]
    if reader.op_type != "Conv" or len(reader.input) != 3 or not {*reader.input[1:]} <= constants:
        return False
    kernel, bias = (onnx_edit.constant(model, part) for part in reader.input[1:])
    added = shift * kernel.astype(np.float64).sum(axis=(1, 2, 3))
    onnx_edit.set_constant(model, reader.input[2], (bias + added).astype(np.float32))
    return True
