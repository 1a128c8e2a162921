"""A user's SavedModel: its signature called between our pre-processing and our softmax."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgetl.converters.adoption import checks as model_checks
from edgetl.converters.adoption import probing as model_probing
from edgetl.converters.adoption.checks import ModelInput, Rewritten
from edgetl.converters.adoption.normalisation import Normalisation
from edgetl.converters.adoption.options import ModelOptions
from edgetl.converters.adoption.probing import LUMA, Answer
from edgetl.errors import ConversionError

_SIGNATURE = "serving_default"
_FOLDER = "saved_model"
_RISK = "a SavedModel is a program: export models only from where you would run code from"


def adopt(model: Path, options: ModelOptions, labels: tuple[str, ...], out: Path) -> Rewritten:
    """Write the folder ``saved_model``.

    Raises:
        UsageError: the options leave something open, or contradict the model.
        ConversionError: it is no image classifier, or TensorFlow cannot load it.
    """
    try:
        loaded = tf.saved_model.load(str(model))
    except (ValueError, OSError, KeyError, AttributeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConversionError(f"TensorFlow {tf.__version__} cannot load {model}: {reason}") from error
    signature = _signature(loaded, model)
    argument, spec = _only(signature.structured_input_signature[1], "inputs", model)
    name, _ = _only(signature.structured_outputs, "outputs", model)
    source = model_checks.find_input(_shape(spec, model), spec.dtype.name, options, model)
    model_checks.dtype_refusal(source.dtype, model)

    def call(x: Any) -> Any:
        return signature(**{argument: x})[name]

    network = tf.function(call).get_concrete_function(tf.TensorSpec(source.shape, spec.dtype))
    frozen = convert_variables_to_constants_v2(network).graph.as_graph_def()
    shape = tuple(network.structured_outputs.shape) if network.structured_outputs.shape.rank else ()
    classes, _ = model_checks.count_classes(shape, model)
    model_checks.refuse_labels(labels, classes, model)
    rule = model_checks.normalisation_of(options, source, inside=_takes_whole_pixels(frozen), model=model)

    pixels = model_probing.probes(source)
    given = model_probing.prepared(pixels, source, rule, options)
    raw = np.concatenate([np.reshape(network(tf.constant(x[np.newaxis])), (1, -1)) for x in given])
    answer, note = model_probing.kind_of_answers(raw, options.outputs, _known(frozen), model)
    module = tf.Module()
    module.original = loaded  # its variables are saved with what holds it
    module.answer = _function(network, source, rule, answer, options.channels == "BGR", raw.shape[1])
    got = np.concatenate([module.answer(tf.constant(x[np.newaxis]))["probabilities"] for x in pixels])
    model_probing.refuse_difference(model_probing.probabilities(raw, answer), got, model)
    tf.saved_model.save(module, str(out / _FOLDER), signatures={_SIGNATURE: module.answer})
    return Rewritten(_FOLDER, source, classes, (_RISK, note), embedding_available=False)


def _signature(loaded: Any, model: Path) -> Any:
    signatures = dict(getattr(loaded, "signatures", {}))
    if _SIGNATURE in signatures:
        return signatures[_SIGNATURE]
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    raise ConversionError(
        f"{model} has {len(signatures)} signatures ({', '.join(sorted(signatures)) or 'none'}) and no "
        f"{_SIGNATURE}: save it with signatures={{'{_SIGNATURE}': ...}}, or a Keras model with model.export"
    )


def _only(values: dict[str, Any], what: str, model: Path) -> tuple[str, Any]:
    if len(values) != 1:
        raise ConversionError(
            f"{model} has {len(values)} {what} ({', '.join(sorted(values))}), and a classifier has one: "
            "save a signature with the one that is wanted"
        )
    return next(iter(values.items()))


def _shape(spec: Any, model: Path) -> tuple[int | None, ...]:
    if spec.shape.rank is None:
        raise ConversionError(f"{model} does not say the shape of its input: save it with an input signature")
    shape = tuple(spec.shape)
    model_checks.refuse_batch(shape, model)
    return shape


def _takes_whole_pixels(graph: Any) -> bool:
    """The first thing done to the input is multiplying it by less than one, or dividing it by more."""
    nodes = {node.name: node for node in graph.node}
    (name,) = [node.name for node in graph.node if node.op == "Placeholder"]
    while len(users := [node for node in graph.node if name in _owners(node)]) == 1:
        (node,) = users
        values = [
            value for value in (_constant(nodes, other) for other in _owners(node)) if value is not None
        ]
        if node.op in ("Identity", "Cast") or (node.op in ("Sub", "AddV2", "BiasAdd") and values):
            name = node.name
        elif node.op == "Mul" and values:
            return bool((abs(values[0]) < 1).all())
        elif node.op == "RealDiv" and values:
            return bool((abs(values[0]) > 1).all())
        else:
            break
    return False


def _known(graph: Any) -> Answer | None:
    """What the last operation says the answers are."""
    nodes = {node.name: node for node in graph.node}
    node = graph.node[-1]
    while node.op in ("Identity", "Cast", "Reshape", "Squeeze"):
        node = nodes[_owners(node)[0]]
    if node.op in ("Softmax", "Sigmoid"):
        return "probabilities"
    if node.op in ("BiasAdd", "AddV2", "Add"):
        node = nodes[_owners(node)[0]]
    return "logits" if node.op in ("MatMul", "Conv2D") else None


def _owners(node: Any) -> list[str]:
    """The nodes that one reads values from; those with ^ only have to run before it."""
    return [name.partition(":")[0] for name in node.input if not name.startswith("^")]


def _constant(nodes: dict[str, Any], name: str) -> Any:
    """The value of a node, if it is a constant, maybe handed on by others; else None."""
    node = nodes[name]
    while node.op in ("Identity", "Cast"):
        node = nodes[_owners(node)[0]]
    return tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else None


def _function(
    network: Any, source: ModelInput, rule: Normalisation, answer: Answer, bgr: bool, outputs: int
) -> Any:
    """uint8 ``pixels`` (1, height, width, 3) -> {"probabilities": float32 (1, classes)}."""
    step = -1 if bgr else 1
    scale, offset = (
        np.array(values[0] if len(values) == 1 else values[::step], np.float32)
        for values in (rule.scale, rule.offset)
    )

    pictures = tf.TensorSpec((1, source.height, source.width, 3), tf.uint8, name="pixels")

    @tf.function(input_signature=[pictures])  # type: ignore[untyped-decorator]
    def answered(pixels: Any) -> dict[str, Any]:
        x = tf.cast(pixels, tf.float32) * scale + offset
        if source.channels == 1:
            x = tf.nn.conv2d(x, np.array(LUMA, np.float32).reshape(1, 1, 3, 1), 1, "VALID")
        elif bgr:
            x = tf.gather(x, [2, 1, 0], axis=3)
        if source.layout == "NCHW":
            x = tf.transpose(x, (0, 3, 1, 2))
        raw = tf.cast(network(tf.cast(x, source.dtype)), tf.float32)
        raw = tf.reshape(raw, (1, outputs))
        if outputs == 1:
            parts = [1 - raw, raw] if answer == "probabilities" else [tf.zeros_like(raw), raw]
            raw = tf.concat(parts, axis=1)
        return {"probabilities": raw if answer == "probabilities" else tf.nn.softmax(raw)}

    return answered
