"""Give channels without weights steps in which their bias can be told.

A bias is an int32 in steps of the input's times the kernel's. A channel whose weights have died, as ImageNet
left some of EfficientNet-Lite's, has steps so small that ai-edge-quantizer clips its bias at -2 ** 31; the
first product that is added then runs over, and a channel that should be silent shouts. Here its steps are
made larger: the weights become zeros, which is what they say, and the bias is kept.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgetl.converters import flatbuffer

MOST = 2.0**30
"""Largest code of a bias: what products may add to it in 8,000 places does not run over."""


def mend(quantized: bytes, source: bytes) -> bytes:
    """The int8 model with biases that int32 holds.

    Args:
        quantized: by ai-edge-quantizer, a scale for each output channel.
        source: the float graph that it was made of.
    """
    model, before = flatbuffer.read(quantized), flatbuffer.read(source)
    floats = {
        _name(before, operator): operator for operator in flatbuffer.of_kind(before, flatbuffer.WEIGHTED)
    }
    mended = False
    for operator in flatbuffer.of_kind(model, flatbuffer.WEIGHTED):
        original = floats.get(_name(model, operator))
        if original is not None and len(original.inputs) > 2 and int(original.inputs[2]) >= 0:
            kernel, bias = (flatbuffer.values(before, int(index)) for index in original.inputs[1:3])
            if kernel is not None and bias is not None:
                mended |= _mend(model, operator, kernel, bias)
    return flatbuffer.write(model) if mended else quantized


def _mend(
    model: schema.ModelT,
    operator: schema.OperatorT,
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> bool:
    tensors = flatbuffer.graph(model).tensors
    inputs, weights, biases = (tensors[int(index)] for index in operator.inputs[:3])
    if weights.type != schema.TensorType.INT8 or biases.type != schema.TensorType.INT32:
        return False
    scales = np.array(weights.quantization.scale, np.float64)
    if len(scales) != len(bias):
        return False
    unit = float(inputs.quantization.scale[0])
    bad = np.abs(bias) > MOST * unit * scales
    if not bad.any():
        return False
    scales[bad] = np.abs(bias[bad]) / (MOST * unit)
    along = [1] * kernel.ndim
    along[weights.quantization.quantizedDimension] = -1
    codes = np.clip(np.rint(kernel / scales.reshape(along)), -127, 127).astype(np.int8)
    flatbuffer.replace_values(model, int(operator.inputs[1]), codes)
    flatbuffer.replace_values(
        model, int(operator.inputs[2]), np.rint(bias / (unit * scales)).astype(np.int32)
    )
    weights.quantization.scale = scales.astype(np.float32).tolist()
    biases.quantization.scale = (unit * scales).astype(np.float32).tolist()
    return True


def _name(model: schema.ModelT, operator: schema.OperatorT) -> bytes:
    return bytes(flatbuffer.graph(model).tensors[operator.outputs[0]].name)
