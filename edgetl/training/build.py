"""Everything that needs Keras to make a backbone ready. Called in a process of its own (``edgetl.isolated``),
since Keras takes seconds to load and prints a great deal."""

import importlib.abc
import sys
from pathlib import Path
from typing import Any

import keras

from edgetl import files
from edgetl.converters.formats import FORMATS
from edgetl.training import architectures
from edgetl.training.architectures import pooling
from edgetl.training.prepare import BackboneChoice, Parts, classifier_name


class _NoTensorFlow(importlib.abc.MetaPathFinder):
    """Keras looks for TensorFlow whenever it saves, and finding it takes longer than all the rest."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "tensorflow":
            raise ModuleNotFoundError(f"no {name} is needed here", name=name)


if keras.backend.backend() == "openvino":
    sys.meta_path.insert(0, _NoTensorFlow())


def build_backbone(choice: BackboneChoice, engine: str, classes: int, folder: Path) -> dict[str, int]:
    """Write ``features.keras``, the network in its engine's format, and a first empty classifier.

    Returns:
        How many features there are of the last feature map and of the blocks, as they lie in a row.
    """
    whole = architectures.build(choice.row, size=choice.size, width=choice.width, weights=choice.weights)
    names = pooling.block_names(whole)
    model = pooling.with_blocks(whole, names)
    source = folder / "features.keras"
    model.save(source)
    out = folder / engine
    if engine == "openvino":
        out.mkdir()
        _write_openvino(whole, names, choice, out)
    elif engine == "onnxruntime":
        from edgetl.converters import graphs  # loads TensorFlow, which the other engines do without

        out.mkdir()
        format_ = FORMATS["onnx"]
        graphs.write(source, choice.contract, (format_.name,), out)
        for written, name in zip(format_.graph_files, format_.files, strict=True):
            (out / written).rename(out / name)
    build_classifier(folder, classes)
    last = int(whole.output.shape[-1])
    return {"last": last, "blocks": int(model.output.shape[-1]) - last}


def build_classifier(
    folder: Path, classes: int, hidden: int = 0, layers: str = "last", parts: Parts = ()
) -> None:
    """Write the backbone of ``folder`` under a head whose values come later.

    Args:
        folder: of the backbone; the file's name is ``prepare.classifier_name``.
        classes: number of answers.
        hidden: units of a hidden layer, 0 for none.
        layers: what the head reads: ``last``, ``blocks`` or ``both``.
        parts: the tasks that the answers are cut into; none: one softmax over all.
    """
    # Our own file, written by build_backbone and read back with Keras' safe mode on.
    features = keras.models.load_model(folder / "features.keras", compile=False)
    ends = {"last": pooling.LAST, "blocks": pooling.BLOCKS, "both": pooling.BOTH}
    end = features.get_layer(ends[layers]).output
    if hidden:
        end = keras.layers.Dense(hidden, "relu", name="hidden", kernel_initializer="zeros")(end)
    logits = keras.layers.Dense(classes, name="logits", kernel_initializer="zeros")(end)
    probabilities = _probabilities(logits, parts or (("softmax", classes),))
    model = keras.Model(features.input, probabilities, name="classifier")
    with files.new_file(folder / classifier_name(classes, hidden, layers, parts)) as temporary:
        model.save(temporary)


def _probabilities(logits: Any, parts: Parts) -> Any:
    """One product for all tasks, cut only behind it: converters find, keep and correct it like any other."""

    def top(name: str, activation: str, part: Any) -> Any:
        if activation == "softmax":
            return keras.layers.Softmax(name=name)(part)
        return keras.layers.Activation(activation, name=name)(part)

    if len(parts) == 1:
        return top("probabilities", parts[0][0], logits)
    answers, start = [], 0
    for number, (activation, count) in enumerate(parts):
        answers.append(top(f"task_{number}", activation, logits[:, start : start + count]))
        start += count
    return keras.layers.Concatenate(name="probabilities")(answers)


def _write_openvino(model: keras.Model, blocks: list[str], choice: BackboneChoice, out: Path) -> None:
    """The backbone as OpenVINO reads it; Keras writes it by itself under its OpenVINO back end."""
    import openvino

    from edgetl.converters import openvino_edit

    twin = architectures.channels_first(model, choice.row, size=choice.size, width=choice.width)
    twin = pooling.with_blocks(twin, pooling.names_in_twin(model, twin, blocks))
    twin.export(str(out / "source.xml"), format="openvino", verbose=False)
    graph = openvino.Core().read_model(out / "source.xml")
    graph.reshape([1, *choice.contract.shape])
    openvino_edit.tidy(graph, embedding=False)
    for name, content in openvino_edit.contents(graph).items():
        files.write_bytes(out / name, content)
    for part in out.glob("source.*"):
        part.unlink()
