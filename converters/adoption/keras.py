"""A user's Keras model: its layers, flat, between our ``preprocess`` and our ``probabilities``."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from edgetl.converters.adoption import checks as model_checks
from edgetl.converters.adoption import keras_config, keras_ends, keras_graph, keras_rebuild
from edgetl.converters.adoption import probing as model_probing
from edgetl.converters.adoption.checks import Rewritten
from edgetl.converters.adoption.keras_graph import Graph
from edgetl.converters.adoption.options import ModelOptions
from edgetl.errors import ConversionError

_RISK = (
    "a Keras file is a program: it was loaded with Keras' safe mode, but export models only from where you "
    "would run code from"
)


def adopt(model: Path, options: ModelOptions, labels: tuple[str, ...], out: Path) -> Rewritten:
    """Write ``model.keras``.

    Raises:
        UsageError: the options leave something open, or contradict the model.
        ConversionError: it is no image classifier, or has layers that Keras does not know.
    """
    keras_config.refuse_foreign_code(model)
    # A user's keras.json may say channels_first, which neither TFLite nor our contract knows.
    keras.config.set_image_data_format("channels_last")
    network = _load(model)
    source = model_checks.find_input(
        tuple(network.inputs[0].shape), str(network.inputs[0].dtype), options, model
    )
    model_checks.dtype_refusal(source.dtype, model)
    graph = keras_graph.read(network, source.shape[1:])
    _refuse_layers(graph, model)
    classes, _ = model_checks.count_classes(tuple(graph.end.shape), model)
    model_checks.refuse_labels(labels, classes, model)
    front = keras_ends.find_front(graph, source)
    rule = model_checks.normalisation_of(options, source, inside=front.whole_pixels, model=model)

    pixels = model_probing.probes(source)
    given = model_probing.prepared(pixels, source, rule, options)
    raw = np.asarray(network(given, training=False)).reshape(len(pixels), -1)
    tail = keras_ends.find_tail(graph)
    answer, note = model_probing.kind_of_answers(raw, options.outputs, tail.answer, model)
    rebuilt = keras_rebuild.rebuild(
        graph, source, front, tail, rule=rule, answer=answer, bgr=options.channels == "BGR"
    )
    got = np.asarray(rebuilt(pixels, training=False))
    model_probing.refuse_difference(model_probing.probabilities(raw, answer), got, model)
    rebuilt.save(out / "model.keras")
    embedding = any(layer.name == "embedding" for layer in rebuilt.layers)
    return Rewritten("model.keras", source, classes, (_RISK, note), embedding)


def _load(model: Path) -> Any:
    try:
        network = keras.models.load_model(model, compile=False, safe_mode=True)
    except (TypeError, ValueError, KeyError, AttributeError, ImportError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConversionError(
            f"Keras {keras.__version__} cannot load {model}: {reason}; save it with this version, or save it "
            "with model.export('folder') where it was made, and give that SavedModel"
        ) from error
    # The inputs of a sequential model exist once it was built.
    inputs, outputs = getattr(network, "inputs", None), getattr(network, "outputs", None)
    if not isinstance(network, (keras.Sequential, keras.Model)) or not hasattr(network, "layers"):
        raise ConversionError(f"{model} holds a {type(network).__name__}, which is no model")
    if not inputs or not outputs:
        raise ConversionError(
            f"{model} was saved before it knew its input: begin it with keras.Input(shape) and save it again"
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise ConversionError(
            f"{model} has {len(inputs)} inputs and {len(outputs)} outputs, and a classifier has one of each: "
            "save a keras.Model of the one input and the one output that are wanted"
        )
    return network


def _refuse_layers(graph: Graph, model: Path) -> None:
    for place, step in enumerate(graph.steps, start=1):
        where = f"layer {place} of {len(graph.steps)} in {model.name}, {step.layer.name!r} ({step.kind}),"
        if getattr(step.layer, "data_format", None) == "channels_first":
            raise ConversionError(
                f"{where} has its channels first, which Keras runs on no CPU: build it with channels_last"
            )
        policy = getattr(step.layer, "dtype_policy", None)
        if policy is not None and getattr(policy, "quantization_mode", None) is not None:
            raise ConversionError(f"{where} is quantized already ({policy.name}): give the float model")
