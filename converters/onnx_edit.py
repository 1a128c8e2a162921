"""Find and change parts of an ``.onnx`` graph."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from edgetl.converters import tail
from edgetl.converters.request import NO_HEAD, HeadWeights
from edgetl.errors import ConversionError
from edgetl.runtime.onnxruntime import OnnxRuntimeEngine

WEIGHTED = ("Conv", "MatMul", "Gemm")
"""Layers with a kernel, whose places are what ``Recipe.float_layers`` counts."""


@dataclass(frozen=True)
class Head:
    """The last matrix product in front of the softmax, or of what cuts its answers into tasks."""

    nodes: tuple[str, ...]
    """Names of the product and, where it stands alone, of the addition of the bias."""
    features: str
    """What it reads."""
    kernel: str
    bias: str
    """Names of the constants."""
    transposed: bool
    """Whether the constant is (classes, features)."""


def tidy(model: onnx.ModelProto, *, embedding: bool) -> None:
    """Name input and outputs as every edgetl model does, drop operator sets that no node uses, and part
    constants that layers share.

    Raises:
        ConversionError: an embedding is asked for and there is no head that reads one.
    """
    graph = model.graph
    _in_one_order(graph)
    answers = find_tail(model) is not None or any(node.op_type == "Softmax" for node in graph.node)
    _rename(graph, graph.output[0].name, "probabilities" if answers else "embedding")
    if embedding and answers:
        head = find_head(model)
        if head is None:
            raise ConversionError(NO_HEAD)
        _rename(graph, head.features, "embedding")
        features = constant(model, head.kernel).shape[1 if head.transposed else 0]
        graph.output.append(
            onnx.helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, [1, features])
        )
    names: set[str] = set()
    for number, node in enumerate(graph.node):
        # quantize_static leaves layers out by name; a foreign model may have nodes without one.
        node.name = node.name if node.name and node.name not in names else f"{node.op_type}_{number}"
        names.add(node.name)
    _own_constants(model)
    used = {node.domain for node in graph.node}
    kept = [item for item in model.opset_import if item.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _in_one_order(graph: onnx.GraphProto) -> None:
    """Sort nodes by what the output needs first, and number what the exporter named by chance.

    tf2onnx walks through sets of objects: which of several equal constants stays, the order of nodes and
    the numbers in names differ from run to run.
    """
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    ordered: list[onnx.NodeProto] = []
    seen: set[str] = set()
    waiting = [(output.name, False) for output in reversed(graph.output)]
    while waiting:
        name, done = waiting.pop()
        node = makers.get(name)
        if node is None or (not done and node.output[0] in seen):
            continue
        if done:
            ordered.append(node)
            continue
        seen.add(node.output[0])
        waiting.append((name, True))
        waiting += [(source, False) for source in reversed(node.input)]
    kept = {value.name for value in (*graph.input, *graph.output)}
    names: dict[str, str] = {}
    for number, node in enumerate(ordered):
        if not node.name or "__" in node.name:
            node.name = f"{node.op_type}_{number}"
        for source in node.input:
            if source in constants:
                names.setdefault(source, f"constant_{len(names)}")
        for place, target in enumerate(node.output):
            if target not in kept:
                names[target] = f"{node.name}_{number}:{place}"
    for node in ordered:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
    tensors = [(names[name], tensor) for name, tensor in constants.items() if name in names]
    for new, tensor in tensors:
        tensor.name = new
    used = [
        onnx.TensorProto.FromString(tensor.SerializeToString())
        for _, tensor in sorted(tensors, key=lambda pair: int(pair[0].rpartition("_")[2]))
    ]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(used)


def find_tail(model: onnx.ModelProto) -> tail.Tail[onnx.NodeProto] | None:
    """What stands behind the head."""
    makers = {name: node for node in model.graph.node for name in node.output}
    last = makers.get(model.graph.output[0].name)
    if last is None:
        return None
    return tail.find(
        last,
        lambda node: str(node.op_type),
        lambda node: [makers.get(name) for name in node.input],
        lambda one, other: one.output[0] == other.output[0],
    )


def find_head(model: onnx.ModelProto) -> Head | None:
    """The head, or None when the model does not end in a matrix product, a bias and a softmax or sigmoids."""
    makers = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name for tensor in model.graph.initializer}
    behind = find_tail(model)
    tops = [node for node in model.graph.node if node.op_type == "Softmax"]
    last = behind.head if behind is not None else makers.get(tops[-1].input[0]) if tops else None
    if last is None:
        return None
    if last.op_type == "Gemm" and {*last.input[1:]} <= constants and len(last.input) == 3:
        options = {item.name: onnx.helper.get_attribute_value(item) for item in last.attribute}
        if options.get("transA", 0) or options.get("alpha", 1.0) != 1.0 or options.get("beta", 1.0) != 1.0:
            return None
        return Head((last.name,), last.input[0], last.input[1], last.input[2], bool(options.get("transB", 0)))
    if last.op_type != "Add":
        return None
    bias = next((name for name in last.input if name in constants), None)
    product = next((makers[name] for name in last.input if name in makers), None)
    if bias is None or product is None or product.op_type != "MatMul" or product.input[1] not in constants:
        return None
    return Head((product.name, last.name), product.input[0], product.input[1], bias, transposed=False)


def with_features(model: onnx.ModelProto, head: Head) -> OnnxRuntimeEngine:
    """The model, its second output what the head reads."""
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    del extended.graph.output[1:]
    extended.graph.output.append(
        onnx.helper.make_tensor_value_info(head.features, onnx.TensorProto.FLOAT, None)
    )
    return OnnxRuntimeEngine({"model.onnx": extended.SerializeToString()}, num_threads=1)


def head_weights(model: onnx.ModelProto, head: Head) -> HeadWeights:
    """The values of the head."""
    kernel, bias = constant(model, head.kernel), constant(model, head.bias)
    return HeadWeights(kernel.T if head.transposed else kernel, bias.reshape(-1))


def set_head(model: onnx.ModelProto, head: Head, weights: HeadWeights) -> None:
    """Give the head other values."""
    set_constant(model, head.kernel, weights.kernel.T if head.transposed else weights.kernel)
    set_constant(model, head.bias, weights.bias)


def shares(model: onnx.ModelProto) -> dict[str, float]:
    """How much of the model's multiply-accumulates each layer with a kernel does, by name; 0 to 1."""
    shaped = onnx.shape_inference.infer_shapes(model)
    sizes = {
        info.name: [size.dim_value for size in info.type.tensor_type.shape.dim]
        for info in (*shaped.graph.value_info, *shaped.graph.output)
    }
    uses = {}
    for layer in weighted(model):
        places = sizes.get(layer.output[0], [])
        uses[layer.name] = constant(model, layer.input[1]).size * int(
            np.prod(places[2:] if len(places) == 4 else 1)
        )
    total = max(sum(uses.values()), 1)
    return {name: count / total for name, count in uses.items()}


def constant(model: onnx.ModelProto, name: str) -> NDArray[np.float32]:
    """The values of a constant, as float32."""
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    return np.asarray(onnx.numpy_helper.to_array(tensor), np.float32)


def set_constant(model: onnx.ModelProto, name: str, values: NDArray[np.float32]) -> None:
    """Give a constant other values, in the shape it has."""
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    shaped = np.ascontiguousarray(values, np.float32).reshape(tuple(tensor.dims))
    tensor.CopyFrom(onnx.numpy_helper.from_array(shaped, name))


def weighted(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The layers with a constant kernel, in the order of the graph."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [node for node in model.graph.node if node.op_type in WEIGHTED and {*node.input[1:2]} <= constants]


def same_kernel(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two kernels are one and the same, but for how a converter folds a normalisation into it."""
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-3, atol=1e-5)


def first_weighted_place(model: onnx.ModelProto) -> int:
    """How many nodes stand before the first layer: those of the normalisation."""
    layers = weighted(model)
    return list(model.graph.node).index(layers[0]) if layers else 0


def _own_constants(model: onnx.ModelProto) -> None:
    """Give each layer a kernel and a bias of its own, so that changing one layer changes no other."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    taken: set[str] = set()
    for node in weighted(model):
        for place, name in enumerate(node.input):
            if name in constants and name in taken:
                tensor = onnx.TensorProto()
                tensor.CopyFrom(constants[name])
                tensor.name = node.input[place] = f"{name}_of_{node.name}"
                model.graph.initializer.append(tensor)
            taken.add(name)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for info in (*graph.output, *graph.value_info):
        if info.name == old:
            info.name = new
