"""An ONNX model between our pre-processing and our softmax, as nodes around it."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper

from edgetl.converters.adoption.checks import ModelInput
from edgetl.converters.adoption.normalisation import Normalisation
from edgetl.converters.adoption.probing import LUMA, Answer

_PREFIX = "model/"


def users(graph: onnx.GraphProto, name: str) -> list[onnx.NodeProto]:
    """The nodes that read a tensor."""
    return [node for node in graph.node if name in node.input]


def frame(
    proto: onnx.ModelProto,
    source: ModelInput,
    rule: Normalisation,
    answer: Answer,
    *,
    bgr: bool,
    outputs: int,
    flat: bool,
) -> onnx.ModelProto:
    """The model from uint8 ``pixels`` (1, height, width, 3) to float32 ``probabilities`` (1, classes).

    Args:
        proto: the user's, of fixed size.
        source: what it takes.
        rule: what is to be done to pixels in front of it, in its own order of channels.
        answer: what its outputs are.
        bgr: its channels are B, G, R.
        outputs: how many it has; 1 is a sigmoid or its logit.
        flat: they are of shape (1, outputs).
    """
    framed = compose.add_prefix(proto, _PREFIX, rename_nodes=False)
    graph = framed.graph
    entry, end = graph.input[0], graph.output[0].name
    kind = entry.type.tensor_type.elem_type
    front, back = _Chain("pixels", entry.name), _Chain(end, "probabilities")
    step = -1 if bgr else 1
    scale, offset = (np.array(values[::step], np.float32) for values in (rule.scale, rule.offset))
    front.add("Cast", to=TensorProto.FLOAT)
    if not np.all(scale == 1):
        front.add("Mul", scale)
    if np.any(offset):
        front.add("Add", offset)
    if source.channels == 1:
        front.add("MatMul", np.array(LUMA, np.float32)[:, np.newaxis])
    if source.layout == "NCHW":
        front.add("Transpose", perm=[0, 3, 1, 2])
    if bgr and source.channels == 3 and not _turn(graph, entry.name, source):
        front.add("Gather", np.array([2, 1, 0]), axis=1 if source.layout == "NCHW" else 3)
    if kind != TensorProto.FLOAT:
        front.add("Cast", to=kind)
        back.add("Cast", to=TensorProto.FLOAT)
    if not flat:
        back.add("Reshape", np.array([1, outputs]))
    if outputs == 1:
        # A sigmoid of z is the second part of a softmax of (0, z).
        back.add("Mul", np.array([[-1, 1] if answer == "probabilities" else [0, 1]], np.float32))
        if answer == "probabilities":
            back.add("Add", np.array([[1, 0]], np.float32))
    if answer == "logits":
        back.add("Softmax", axis=1)
    elif back.empty:
        back.add("Identity")
    nodes = [*front.nodes(), *graph.node, *back.nodes()]
    shape = (1, source.height, source.width, 3)
    whole = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, (1, max(outputs, 2)))],
        [*graph.initializer, *front.constants, *back.constants],
    )
    framed.graph.CopyFrom(whole)
    del framed.metadata_props[:]
    return onnx.shape_inference.infer_shapes(framed)


def _turn(graph: onnx.GraphProto, name: str, source: ModelInput) -> bool:
    """Turn the channels of the first kernel round, where that is all that reads the input."""
    readers = users(graph, name)
    if source.layout != "NCHW" or len(readers) != 1 or readers[0].op_type != "Conv":
        return False
    kernels = [item for item in graph.initializer if item.name == readers[0].input[1]]
    shared = len(users(graph, readers[0].input[1])) > 1
    if len(kernels) != 1 or shared or kernels[0].dims[1] != 3:
        return False
    turned = np.ascontiguousarray(numpy_helper.to_array(kernels[0])[:, ::-1])
    kernels[0].CopyFrom(numpy_helper.from_array(turned, kernels[0].name))
    return True


class _Chain:
    """Nodes one after the other, from one tensor to another."""

    def __init__(self, start: str, end: str) -> None:
        self._start = start
        self._end = end
        self._parts: list[tuple[str, list[str], dict[str, Any]]] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, constant: NDArray[Any] | None = None, **attributes: Any) -> None:
        """One node more, with at most one constant as its second input."""
        more = []
        if constant is not None:
            more = [f"{self._end}/{kind.lower()}_{len(self._parts)}_constant"]
            self.constants.append(numpy_helper.from_array(constant, more[0]))
        self._parts.append((kind, more, attributes))

    @property
    def empty(self) -> bool:
        """Nothing was added."""
        return not self._parts

    def nodes(self) -> list[onnx.NodeProto]:
        """The nodes; the last gives the tensor ``end``."""
        names = [self._start]
        made = []
        for place, (kind, more, attributes) in enumerate(self._parts):
            last = place == len(self._parts) - 1
            names.append(self._end if last else f"{self._end}/{kind.lower()}_{place}")
            label = f"edgetl/{self._end}/{kind.lower()}_{place}"
            made.append(helper.make_node(kind, [names[-2], *more], names[-1:], name=label, **attributes))
        return made
