"""Let the raw pixels be the quantized input of a ``.tflite`` graph, so that no normalisation is left.

A tensor of uint8 with a scale and a zero point *is* ``scale * (pixel - zero_point)``. So ``CAST``, ``MUL``
and ``ADD`` at the input become one ``DEQUANTIZE``; in front of an int8 convolution the quantizer adds a
``QUANTIZE``, and the pair only changes the type.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgetl.converters import flatbuffer
from edgetl.converters.flatbuffer import Op

_NEAR = 1e-4


def fold(model: schema.ModelT, *, exactly: bool) -> bool:
    """Replace the normalisation at the input, if it is a scale and an offset for all channels.

    Args:
        model: float graph with a uint8 input; changed in place.
        exactly: only where the zero point is a whole number of 0 to 255. Otherwise it is rounded and the
            first convolution's bias makes up for it, which is exact except where the kernel reads padding
            (there by half a step of 255): MobileNet's (x - 127.5) / 127.5.

    Returns:
        Whether it was done.
    """
    graph = flatbuffer.graph(model)
    chain, scale, offset = _normalisation(model)
    if not chain:
        return False
    zero = -offset / scale
    rounded = round(zero)
    if scale <= 0 or not 0 <= rounded <= 255:
        return False
    if abs(zero - rounded) > _NEAR and (
        exactly or not _shift_bias(model, chain[-1], (rounded - zero) * scale)
    ):
        return False
    pixels = graph.tensors[graph.inputs[0]]
    pixels.quantization = schema.QuantizationParametersT()
    pixels.quantization.scale, pixels.quantization.zeroPoint = [scale], [rounded]
    operator = schema.OperatorT()
    operator.opcodeIndex = flatbuffer.operator_code(model, Op.DEQUANTIZE, version=2)
    operator.inputs, operator.outputs = [graph.inputs[0]], chain[-1].outputs
    graph.operators = [operator, *(other for other in graph.operators if other not in chain)]
    return True


def _normalisation(model: schema.ModelT) -> tuple[list[schema.OperatorT], float, float]:
    """The operators from the pixels to the first that is no arithmetic with one number."""
    graph = flatbuffer.graph(model)
    chain: list[schema.OperatorT] = []
    scale, offset, tensor = 1.0, 0.0, int(graph.inputs[0])
    while True:
        readers = [operator for operator in graph.operators if tensor in list(operator.inputs)]
        if len(readers) != 1:
            return chain, scale, offset
        (reader,) = readers
        kind = flatbuffer.kind(model, reader)
        if kind == Op.CAST and not chain:
            pass
        elif kind in (Op.MUL, Op.ADD, Op.SUB, Op.DIV) and chain and int(reader.inputs[0]) == tensor:
            number = flatbuffer.values(model, int(reader.inputs[1]))
            if number is None or number.size != 1:
                return chain, scale, offset
            value = float(number.reshape(()))
            if kind in (Op.MUL, Op.DIV):
                factor = value if kind == Op.MUL else 1 / value
                scale, offset = scale * factor, offset * factor
            else:
                offset += value if kind == Op.ADD else -value
        else:
            return chain, scale, offset
        chain.append(reader)
        tensor = int(reader.outputs[0])


def _shift_bias(model: schema.ModelT, last: schema.OperatorT, shift: float) -> bool:
    """Add to the first convolution's bias what a constant added to its input would have given."""
    graph = flatbuffer.graph(model)
    tensor = int(last.outputs[0])
    readers = [operator for operator in graph.operators if tensor in list(operator.inputs)]
    if len(readers) == 1 and flatbuffer.kind(model, readers[0]) == Op.PAD:
        tensor = int(readers[0].outputs[0])
        readers = [operator for operator in graph.operators if tensor in list(operator.inputs)]
    if len(readers) != 1 or flatbuffer.kind(model, readers[0]) != Op.CONV_2D:
        return False
    kernel, bias = (flatbuffer.values(model, int(index)) for index in readers[0].inputs[1:3])
    if kernel is None or bias is None:
        return False
    added = shift * kernel.astype(np.float64).sum(axis=(1, 2, 3))
    flatbuffer.replace_values(model, int(readers[0].inputs[2]), (bias + added).astype(np.float32))
    return True
