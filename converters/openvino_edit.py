"""Read and change an OpenVINO model."""

from collections.abc import Iterator

import numpy as np
import openvino
from numpy.typing import NDArray

from edgetl.converters import tail
from edgetl.converters.request import NO_HEAD, HeadWeights
from edgetl.converters.results import Layer
from edgetl.errors import ConversionError
from edgetl.files import scratch_folder

WEIGHTED = ("Convolution", "GroupConvolution", "MatMul")
"""Layers with a kernel, whose places are what ``Recipe.float_layers`` counts."""


def tidy(model: openvino.Model, *, embedding: bool) -> None:
    """Name input and outputs as every edgetl model does.

    Raises:
        ConversionError: an embedding is asked for and there is no head that reads one.
    """
    answers = _tail(model) is not None or any(op.get_type_name() == "Softmax" for op in model.get_ops())
    model.input(0).get_tensor().set_names({"pixels"})
    model.output(0).get_tensor().set_names({"probabilities" if answers else "embedding"})
    if embedding and answers:
        head = find_head(model)
        if head is None:
            raise ConversionError(NO_HEAD)
        features = head[0].input_value(0)
        features.get_tensor().set_names({"embedding"})
        model.add_outputs(features)


def find_head(model: openvino.Model) -> tuple[openvino.Node, openvino.Node] | None:
    """The matrix product and the addition in front of the softmax, of sigmoids, or of what cuts their values
    into tasks; None when it has other layers."""
    behind = _tail(model)
    tops = [op for op in model.get_ordered_ops() if op.get_type_name() == "Softmax"]
    if behind is None and not tops:
        return None
    add = behind.head if behind is not None else tops[-1].input_value(0).get_node()
    if add.get_type_name() != "Add":
        return None
    product = add.input_value(0).get_node()
    ends = (product.input_value(1).get_node(), add.input_value(1).get_node())
    if product.get_type_name() != "MatMul" or any(end.get_type_name() != "Constant" for end in ends):
        return None
    return product, add


def _tail(model: openvino.Model) -> tail.Tail[openvino.Node] | None:
    """What stands behind the head."""
    return tail.find(
        model.output(0).get_node().input_value(0).get_node()
        if model.output(0).get_node().get_type_name() == "Result"
        else model.output(0).get_node(),
        lambda op: str(op.get_type_name()),
        lambda op: [value.get_node() for value in op.input_values()],
        lambda one, other: one.get_friendly_name() == other.get_friendly_name(),
    )


def head_weights(head: tuple[openvino.Node, openvino.Node]) -> HeadWeights:
    """The values of the head."""
    product, add = head
    kernel = np.array(product.input_value(1).get_node().get_data(), np.float32)
    transposed = product.get_attributes()["transpose_b"]
    bias = np.array(add.input_value(1).get_node().get_data(), np.float32).reshape(-1)
    return HeadWeights(kernel.T if transposed else kernel, bias)


def set_head(head: tuple[openvino.Node, openvino.Node], weights: HeadWeights) -> None:
    """Give the head other values."""
    product, add = head
    transposed = product.get_attributes()["transpose_b"]
    _replace(product, weights.kernel.T if transposed else weights.kernel)
    _replace(add, weights.bias[np.newaxis])


def weighted(model: openvino.Model) -> list[openvino.Node]:
    """The layers with a kernel, in the order of the graph."""
    return [op for op in model.get_ordered_ops() if op.get_type_name() in WEIGHTED]


def kernels(model: openvino.Model) -> Iterator[tuple[openvino.Node, NDArray[np.float32]]]:
    """The convolutions and their kernels, float32 (out, in / groups, height, width)."""
    for op in model.get_ordered_ops():
        source = op.input_value(1).get_node() if op.get_type_name() in WEIGHTED[:2] else None
        if source is not None and source.get_type_name() == "Constant":
            values = np.array(source.get_data(), np.float32)
            yield op, values.reshape(-1, *values.shape[-3:])


def bias_behind(op: openvino.Node) -> openvino.Node | None:
    """The addition of a constant to each output channel of a convolution, or None."""
    (output,) = op.outputs()
    readers = [target.get_node() for target in output.get_target_inputs()]
    if len(readers) != 1 or readers[0].get_type_name() != "Add":
        return None
    constant = readers[0].input_value(1).get_node()
    if constant.get_type_name() != "Constant" or np.prod(list(constant.shape)) != output.get_shape()[1]:
        return None
    return readers[0]


def set_kernel(op: openvino.Node, layer: Layer) -> None:
    """Give a convolution that has a bias other weights."""
    add = bias_behind(op)
    assert add is not None  # who calls has looked
    bias = np.array(add.input_value(1).get_node().get_data(), np.float32)
    _replace(op, layer.kernel.reshape(list(op.input_value(1).get_shape())))
    _replace(add, layer.bias(bias).reshape(bias.shape))


def halve(model: openvino.Model) -> None:
    """Store kernels in half precision; the arithmetic stays float32.

    ``save_model(compress_to_fp16=True)`` halves the biases as well, which saves nothing to speak of and costs
    ten times the accuracy.
    """
    for op in weighted(model):
        source = op.input_value(1).get_node()
        if source.get_type_name() != "Constant" or source.get_element_type() != openvino.Type.f32:
            continue
        values = np.array(source.get_data(), np.float32)
        if np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
            continue
        half = openvino.opset13.constant(values.astype(np.float16))
        half.set_friendly_name(f"{source.get_friendly_name()}_float16")
        whole = openvino.opset13.convert(half, "f32")
        whole.set_friendly_name(source.get_friendly_name())
        op.input(1).replace_source_output(whole.output(0))


def head_share(model: openvino.Model, head: tuple[openvino.Node, openvino.Node]) -> float:
    """How much of the model's work the head is: its weights, each used once, among all uses of weights."""
    uses = 0
    for layer in weighted(model):
        kernel, out = (list(end.get_shape()) for end in (layer.input_value(1), layer.output(0)))
        uses += int(np.prod(kernel)) * int(np.prod(out[2:] if len(out) == 4 else 1))
    return float(np.prod(list(head[0].input_value(1).get_shape()))) / max(uses, 1)


def contents(model: openvino.Model) -> dict[str, bytes]:
    """The bytes of ``model.xml`` and ``model.bin``."""
    # What has no name of its own is numbered by the order of creation, which differs from run to run.
    for order, op in enumerate(model.get_ordered_ops()):
        kind, _, number = op.get_friendly_name().rpartition("_")
        if kind == op.get_type_name() and number.isdigit():
            op.set_friendly_name(f"{kind}_at_{order}")
    # OpenVINO does not say that a disk is full, so it writes to a scratch folder and edgetl writes on.
    with scratch_folder() as scratch:
        place = scratch / "model.xml"
        openvino.save_model(model, place, compress_to_fp16=False)
        return {name: (scratch / name).read_bytes() for name in ("model.xml", "model.bin")}


def _replace(node: openvino.Node, values: NDArray[np.float32]) -> None:
    """Give a node another constant as its second input."""
    constant = openvino.opset13.constant(np.ascontiguousarray(values), dtype=np.float32)
    node.input(1).replace_source_output(constant.output(0))
