"""Read and change the FlatBuffer of a ``.tflite`` file. Needs ai-edge-litert alone."""

import copy
from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from edgetl.converters import tail
from edgetl.converters.request import NO_HEAD
from edgetl.errors import ConversionError

SIGNATURE = "serving_default"
"""By which tools find the ends of a model by name."""

Op = schema.BuiltinOperator
WEIGHTED = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED)
"""Layers with a kernel, whose places are what ``Recipe.float_layers`` counts."""


def read(data: bytes) -> schema.ModelT:
    """The model as objects that can be changed."""
    return flatbuffer_utils.read_model_from_bytearray(bytearray(data))


def write(model: schema.ModelT) -> bytes:
    """The inverse of :func:`read`."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def graph(model: schema.ModelT) -> schema.SubGraphT:
    """The only subgraph of a classifier."""
    (only,) = model.subgraphs
    return only


def kind(model: schema.ModelT, operator: schema.OperatorT) -> int:
    """Which ``BuiltinOperator`` it is."""
    return int(
        flatbuffer_utils.get_builtin_code_from_operator_code(model.operatorCodes[operator.opcodeIndex])
    )


def of_kind(model: schema.ModelT, kinds: Sequence[int]) -> list[schema.OperatorT]:
    """The operators of these kinds, in the order of the graph."""
    return [operator for operator in graph(model).operators if kind(model, operator) in kinds]


def values(model: schema.ModelT, index: int) -> NDArray[np.float32] | None:
    """A float32 constant's values in its shape, or None when it is no such constant."""
    tensor = graph(model).tensors[index]
    content = model.buffers[tensor.buffer].data
    if content is None or len(content) == 0 or tensor.type != schema.TensorType.FLOAT32:
        return None
    return np.frombuffer(bytes(content), np.float32).reshape(tensor.shape)


def replace_values(model: schema.ModelT, index: int, new: NDArray[np.generic]) -> None:
    """Give a constant tensor other values of the same type and shape."""
    tensor = graph(model).tensors[index]
    if sum(other.buffer == tensor.buffer for other in graph(model).tensors) > 1:
        # Tensors of equal content share a buffer; what changes gets one of its own.
        model.buffers.append(schema.BufferT())
        tensor.buffer = len(model.buffers) - 1
    model.buffers[tensor.buffer].data = np.frombuffer(np.ascontiguousarray(new).tobytes(), np.uint8)


def own_constants(model: schema.ModelT) -> None:
    """Give each layer a kernel and a bias of its own, so that changing one layer changes no other.

    TensorFlow's converter writes equal constants once: layers without a bias of their own share a tensor of
    zeros.
    """
    only = graph(model)
    taken: set[int] = set()
    for operator in of_kind(model, WEIGHTED):
        inputs = [int(index) for index in operator.inputs]
        for place in range(1, len(inputs)):
            if inputs[place] in taken:
                tensor = copy.copy(only.tensors[inputs[place]])
                # The quantizer knows tensors by their names.
                tensor.name = f"{tensor.name.decode()}_{len(only.tensors)}".encode()
                only.tensors.append(tensor)
                inputs[place] = len(only.tensors) - 1
            elif inputs[place] >= 0:
                taken.add(inputs[place])
        operator.inputs = inputs


def operator_code(model: schema.ModelT, wanted: int, *, version: int) -> int:
    """The place of an operator's code in the model's table, which gets it when it has none."""
    for place, code in enumerate(model.operatorCodes):
        if flatbuffer_utils.get_builtin_code_from_operator_code(code) == wanted:
            return place
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = wanted, min(wanted, 127), version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def set_signature(model: schema.ModelT, key: str, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    """Name the tensors and make them reachable by one signature, which replaces all others."""
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = key.encode(), 0
    signature.inputs, signature.outputs = (
        [_named(model, name, index) for name, index in group.items()] for group in (inputs, outputs)
    )
    model.signatureDefs = [signature]


def name_like(data: bytes, original: bytes) -> schema.ModelT:
    """A model whose ends are named as those of the one it was made of; the quantizer renames some."""
    model, before = read(data), graph(read(original))
    ends = []
    for now, then in ((graph(model).inputs, before.inputs), (graph(model).outputs, before.outputs)):
        names = [before.tensors[index].name.decode() for index in then]
        ends.append(dict(zip(names, map(int, now), strict=True)))
    set_signature(model, SIGNATURE, *ends)
    return model


def _named(model: schema.ModelT, name: str, index: int) -> schema.TensorMapT:
    graph(model).tensors[index].name = name.encode()
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), index
    return entry


def find_tail(model: schema.ModelT) -> tail.Tail[schema.OperatorT] | None:
    """What stands behind the head: softmax or sigmoids, and what cuts values into tasks."""
    only = graph(model)
    makers = {int(index): operator for operator in only.operators for index in operator.outputs}
    names = {number: name for name, number in vars(Op).items() if isinstance(number, int)}
    last = makers.get(int(only.outputs[0]))
    if last is None:
        return None
    return tail.find(
        last,
        lambda operator: names.get(kind(model, operator), ""),
        lambda operator: [makers.get(int(index)) for index in operator.inputs],
        lambda one, other: one is other,
    )


def head(model: schema.ModelT) -> schema.OperatorT | None:
    """The matrix product in front of them; None when there is none, or one without a bias."""
    behind = find_tail(model)
    if behind is not None:
        last = behind.head
    else:  # a model of the user's own may do something with what its softmax gives
        tops = of_kind(model, [Op.SOFTMAX])[-1:]
        makers = [one for one in graph(model).operators if tops and tops[0].inputs[0] in one.outputs]
        if not makers:
            return None
        last = makers[0]
    if kind(model, last) != Op.FULLY_CONNECTED or len(last.inputs) < 3 or int(last.inputs[2]) < 0:
        return None
    return last


def name_ends(model: schema.ModelT, *, embedding: bool) -> None:
    """Name input and outputs as every edgetl model does.

    Raises:
        ConversionError: an embedding is asked for and there is no head that reads one.
    """
    only = graph(model)
    answers = find_tail(model) is not None or bool(of_kind(model, [Op.SOFTMAX]))
    outputs = {"probabilities" if answers else "embedding": int(only.outputs[0])}
    if embedding and answers:
        last = head(model)
        if last is None:
            raise ConversionError(NO_HEAD)
        outputs["embedding"] = int(last.inputs[0])
        only.outputs = list(outputs.values())
    # The quantizer calibrates through a signature, and a frozen function has none.
    set_signature(model, SIGNATURE, {"pixels": int(only.inputs[0])}, outputs)
