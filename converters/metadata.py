"""The same facts about a model, where the readers of each format look for them.

========  ===========================================================  ==============================
format    for other programs                                           the flat facts of edgetl
========  ===========================================================  ==============================
tflite    TFLite Metadata (MediaPipe, TFLite Task Library, Netron)     metadata ``EDGETL_METADATA``
onnx      ``doc_string``, producer                                     ``metadata_props``
openvino  ``rt_info/model_info`` (Model API)                           ``rt_info/edgetl``
========  ===========================================================  ==============================

Other programs resize in their own way: MediaPipe squashes the picture bilinearly, whatever the
contract says. Give them pictures of the contract's size for the answers that edgetl gives.
"""

import json
from typing import TYPE_CHECKING, Any

from ai_edge_litert import schema_py_generated as schema

from edgetl.converters import flatbuffer
from edgetl.converters import tflite_metadata as tflite
from edgetl.converters.facts import EMBEDDING, PROBABILITIES, ModelFacts
from edgetl.errors import ConversionError, ModelError

if TYPE_CHECKING:
    import onnx
    import openvino

_LABELS_FILE = "labels.txt"
_OWN = "EDGETL_METADATA"
_STANDARD_TEXTS = ("name", "description", "version", "author", "license")


def into_tflite(model: bytes, facts: ModelFacts) -> bytes:
    """The model with standard TFLite Metadata, and ``labels.txt`` in a zip archive behind it.

    What was there under the same names is replaced; other metadata stays. Equal input, equal bytes.
    MediaPipe's ImageClassifier takes a model with an embedding too: it reports the embedding as a
    second, unlabelled head (``result.classifications[1]``, ``head_name`` "embedding").

    Raises:
        ConversionError: the outputs are not those that the facts speak of.
    """
    content = flatbuffer.read(model)
    tflite.attach(content, tflite.NAME, tflite.encode(_describe(content, facts)))
    tflite.attach(content, _OWN, json.dumps(facts.to_dict(), ensure_ascii=False).encode())
    return tflite.pack(
        flatbuffer.write(content), {_LABELS_FILE: "".join(f"{label}\n" for label in facts.labels)}
    )


def from_tflite(model: bytes) -> dict[str, str]:
    """What the file says about itself: edgetl's facts, or as many as another writer's metadata has.

    A file of another writer may also have ``mean`` and ``std``, what its input is normalised with.

    Raises:
        ModelError: the metadata is damaged, or this is no ``.tflite`` file.
    """
    if model[4:8] != b"TFL3":
        raise ModelError(f"this is no .tflite file: it is marked {model[4:8]!r}, not b'TFL3'")
    try:
        own, standard = tflite.attached(model, _OWN), tflite.attached(model, tflite.NAME)
        if own is not None:
            return _texts(own)
        return {} if standard is None else _standard_texts(model, tflite.decode(standard))
    except Exception as error:
        raise ModelError(f"the metadata of the .tflite file is damaged: {error}") from error


def into_onnx(model: "onnx.ModelProto", facts: ModelFacts) -> None:
    """Put the facts into ``metadata_props``, the description into ``doc_string``, edgetl as producer."""
    model.doc_string = facts.description
    model.producer_name, model.producer_version = "edgetl", facts.version
    texts = facts.to_dict()
    others = [
        (entry.key, entry.value)
        for entry in model.metadata_props
        # ONNX Runtime's quantizer leaves notes to itself there.
        if entry.key not in texts and not entry.key.startswith("onnx.")
    ]
    del model.metadata_props[:]
    for key, value in (*others, *texts.items()):
        model.metadata_props.add(key=key, value=value)


def from_onnx(model: "onnx.ModelProto") -> dict[str, str]:
    """What ``metadata_props`` say, and the ``doc_string`` as ``description``."""
    described = {"description": model.doc_string} if model.doc_string else {}
    return described | {entry.key: entry.value for entry in model.metadata_props}


def into_openvino(model: "openvino.Model", facts: ModelFacts) -> None:
    """Put the facts into ``rt_info``: under ``edgetl``, and for Model API under ``model_info``.

    Model API parts labels at spaces, so those inside a label become underscores there.
    """
    for key, value in facts.to_dict().items():
        model.set_rt_info(value, ["edgetl", key])
    known = {
        "model_type": "Classification",
        "labels": " ".join("_".join(label.split()) for label in facts.labels),
        # Its "crop" takes the largest centred window; it knows no crop_fraction.
        "resize_type": "crop" if facts.contract.resize == "crop" else "standard",
        "reverse_input_channels": "False",
    }
    for key, value in known.items():
        model.set_rt_info(value, ["model_info", key])


def from_openvino(model: "openvino.Model") -> dict[str, str]:
    """edgetl's facts, or what another writer left under ``model_info``."""
    for section in ("edgetl", "model_info"):
        if model.has_rt_info([section]):
            keys = model.get_rt_info([section]).astype(dict)
            return {key: model.get_rt_info([section, key]).astype(str) for key in keys}
    return {}


def _describe(content: schema.ModelT, facts: ModelFacts) -> dict[str, Any]:
    """The facts as a ``ModelMetadata`` table."""
    graph = flatbuffer.graph(content)
    (source,) = graph.inputs
    pixels = {
        "name": "pixels",
        "description": f"RGB picture, {facts.contract.width} x {facts.contract.height}, values 0 to 255.",
        "content": {
            "content_properties_type": tflite.IMAGE_PROPERTIES,
            "content_properties": {"color_space": tflite.RGB},
        },
        "process_units": [
            {
                "options_type": tflite.NORMALIZATION_OPTIONS,
                "options": _raw_pixels(graph.tensors[source].quantization),
            }
        ],
        "stats": {"max": [255.0], "min": [0.0]},
    }
    texts = facts.to_dict()
    return {
        **{key: texts[key] for key in _STANDARD_TEXTS if key in texts},
        "subgraph_metadata": [
            {
                "input_tensor_metadata": [pixels],
                # Readers go by position, so the order is the graph's.
                "output_tensor_metadata": [_describe_output(name) for name in _output_names(content, facts)],
            }
        ],
        # All of this was in the first version of the schema.
        "min_parser_version": "1.0.0",
    }


def _describe_output(name: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": name,
        "content": {"content_properties_type": tflite.FEATURE_PROPERTIES, "content_properties": {}},
    }
    if name == EMBEDDING:
        return described | {"description": "The features in front of the head."}
    return described | {
        "description": "One probability for each label; they sum to 1.",
        "stats": {"max": [1.0], "min": [0.0]},
        "associated_files": [
            {
                "name": _LABELS_FILE,
                "description": "Names of the classes, one a line.",
                "type": tflite.TENSOR_AXIS_LABELS,
            }
        ],
    }


def _raw_pixels(quantization: schema.QuantizationParametersT | None) -> dict[str, list[float]]:
    """The normalisation after which the input holds the pixels as they are.

    Readers compute (pixel - mean) / std and then, where the input is quantized, divide by its scale and
    add its zero point. MediaPipe and the Task Library do neither for uint8 inputs.
    """
    if quantization is None or quantization.scale is None or len(quantization.scale) == 0:
        return {"mean": [0.0], "std": [1.0]}
    zero_point = 0 if quantization.zeroPoint is None else quantization.zeroPoint[0]
    return {"mean": [float(zero_point)], "std": [1 / float(quantization.scale[0])]}


def _output_names(content: schema.ModelT, facts: ModelFacts) -> list[str]:
    """``probabilities`` and, where there is one, ``embedding``, in the order of the graph's outputs.

    Raises:
        ConversionError: another number of outputs, or none of the right name, or of labels.
    """
    graph = flatbuffer.graph(content)
    signed = {
        entry.tensorIndex: entry.name
        for signature in content.signatureDefs or []
        for entry in signature.outputs
    }
    names = [signed.get(index, graph.tensors[index].name).decode() for index in graph.outputs]
    if not facts.embedding and len(names) == 1:
        names = [PROBABILITIES]  # without a second output, whatever a library has called it
    wanted = [PROBABILITIES, EMBEDDING] if facts.embedding else [PROBABILITIES]
    if sorted(names) != sorted(wanted):
        raise ConversionError(
            f"the model gives {', '.join(names)}, and its metadata is to describe {', '.join(wanted)}"
        )
    shape = graph.tensors[graph.outputs[names.index(PROBABILITIES)]].shape
    if shape[-1] != len(facts.labels):
        raise ConversionError(
            f"the model has {shape[-1]} classes and {len(facts.labels)} labels: give one each"
        )
    return names


def _texts(data: bytes) -> dict[str, str]:
    texts = json.loads(data)
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{_OWN} is no table of texts")
    return texts


def _standard_texts(model: bytes, metadata: tflite.Values) -> dict[str, str]:
    texts = {key: metadata[key] for key in _STANDARD_TEXTS if key in metadata}
    for graph in metadata.get("subgraph_metadata", [])[:1]:
        files = [
            file["name"]
            for tensor in graph.get("output_tensor_metadata", [])
            for file in tensor.get("associated_files", [])
            if file.get("type") == tflite.TENSOR_AXIS_LABELS and "name" in file
        ]
        labels = tflite.unpack(model, files[0]) if files else None
        if labels is not None:
            # Not splitlines: a label may hold U+2028, which is a line's end to Python only.
            texts["labels"] = json.dumps(labels.removesuffix("\n").split("\n"), ensure_ascii=False)
        for tensor in graph.get("input_tensor_metadata", [])[:1]:
            for unit in tensor.get("process_units", []):
                for key, values in unit.get("options", {}).items():
                    texts[key] = " ".join(f"{value:g}" for value in values)
    return texts
