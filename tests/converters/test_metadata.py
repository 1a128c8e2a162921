import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
import pytest
import tiny_models
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import edgetl
from edgetl import images, isolated
from edgetl.contract import Contract
from edgetl.converters import flatbuffer, metadata
from edgetl.converters import tflite_metadata as tflite
from edgetl.converters.export import Exported
from edgetl.converters.metadata import (
    ModelFacts,
    from_onnx,
    from_openvino,
    from_tflite,
    into_onnx,
    into_openvino,
    into_tflite,
)
from edgetl.errors import ConversionError, ModelError
from edgetl.runtime.litert import LiteRTEngine
from edgetl.training.run import Run

SIZE = 16
LABELS = ("rot", "gelb", "leaf green", "cyan/türkis", "青")
FACTS = ModelFacts(
    name="colours",
    description='What colour a "picture" <is> & more:\nfive of them, é.',
    version="0.1.0",
    contract=Contract(SIZE, SIZE, crop_fraction=0.875, labels=LABELS),
    precision="float32",
    author="a test",
    licence="Apache-2.0",
)
LABEL_LISTS = st.lists(
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1).filter(lambda label: label.strip()),
    min_size=1,
    max_size=20,
    unique=True,
).map(tuple)

CLASSIFY = """
import json, sys
import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]))
with vision.ImageClassifier.create_from_options(options) as classifier:
    for pixels in np.load(sys.argv[2]):
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
        heads = classifier.classify(picture).classifications
        best = {head.head_name: head.categories[0] for head in heads}
        print(json.dumps({name: [category.category_name, category.score] for name, category in best.items()}))
"""


@pytest.fixture(scope="module")
def models() -> dict[str, tiny_models.Files]:
    """Files by variant name; see ``tiny_models.build``."""
    built: dict[str, tiny_models.Files] = isolated.call(
        "tiny_models:build", SIZE, len(LABELS), doing="building the tests' models"
    )
    return built


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Pictures of one colour each, for which the models have three names; uint8 (27, SIZE, SIZE, 3)."""
    levels = np.array([0, 128, 255], np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 1, 1, 3)
    return np.broadcast_to(colours, (len(colours), SIZE, SIZE, 3)).copy()


def outline(classes: int, *, outputs: tuple[bytes, ...] = (b"probabilities",)) -> bytes:
    """A ``.tflite`` file of inputs and outputs alone."""
    graph, model = schema.SubGraphT(), schema.ModelT()
    for name in (b"pixels", *outputs):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name, [1, SIZE, SIZE, 3] if name == b"pixels" else [1, classes]
        graph.tensors = [*(graph.tensors or []), tensor]
    graph.inputs, graph.outputs, graph.operators = [0], list(range(1, len(outputs) + 1)), []
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], [schema.BufferT()], []
    return flatbuffer.write(model)


def table(model: bytes) -> dict[str, Any]:
    """The standard metadata of a file."""
    data = tflite.attached(model, tflite.NAME)
    assert data is not None
    return tflite.decode(data)


def through_tflite(models: dict[str, tiny_models.Files], facts: ModelFacts, folder: Path) -> dict[str, str]:
    return from_tflite(into_tflite(models["tflite-float32"]["model.tflite"], facts))


def through_onnx(models: dict[str, tiny_models.Files], facts: ModelFacts, folder: Path) -> dict[str, str]:
    model = onnx.load_from_string(models["onnx-float32"]["model.onnx"])
    into_onnx(model, facts)
    onnx.save(model, folder / "model.onnx")
    return from_onnx(onnx.load(folder / "model.onnx"))


def through_openvino(models: dict[str, tiny_models.Files], facts: ModelFacts, folder: Path) -> dict[str, str]:
    files = models["openvino-float32"]
    model = openvino.Core().read_model(files["model.xml"], files["model.bin"])
    into_openvino(model, facts)
    openvino.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return from_openvino(openvino.Core().read_model(folder / "model.xml"))


@pytest.mark.parametrize("through", [through_tflite, through_onnx, through_openvino])
@pytest.mark.parametrize("facts", [FACTS, replace(FACTS, author=None, licence=None)])
def test_every_format_gives_the_same_facts_back(
    through: Any, facts: ModelFacts, models: dict[str, tiny_models.Files], tmp_path: Path
) -> None:
    assert through(models, facts, tmp_path) == facts.to_dict()


def test_facts_are_texts_and_leave_out_what_is_unknown() -> None:
    facts = replace(FACTS, author=None).to_dict()
    assert "author" not in facts
    assert facts["license"] == "Apache-2.0"
    assert json.loads(facts["labels"]) == list(LABELS)
    assert facts["crop_fraction"] == "0.875"


@pytest.mark.parametrize("variant", ["tflite-float32", "tflite-int8"])
def test_a_tflite_model_answers_as_before(
    variant: str, models: dict[str, tiny_models.Files], pictures: NDArray[np.uint8]
) -> None:
    before = models[variant]["model.tflite"]
    answers = []
    for model in (before, into_tflite(before, FACTS)):
        with LiteRTEngine({"model.tflite": model}, num_threads=1) as engine:
            answers.append(engine.run(pictures))
    np.testing.assert_array_equal(*answers)


def test_equal_input_gives_equal_bytes_and_twice_is_once(models: dict[str, tiny_models.Files]) -> None:
    model = models["tflite-float32"]["model.tflite"]
    first = into_tflite(model, FACTS)
    assert into_tflite(model, FACTS) == first
    assert into_tflite(first, FACTS) == first
    assert into_tflite(into_tflite(model, replace(FACTS, name="another")), FACTS) == first


def test_other_metadata_of_a_tflite_model_stays(models: dict[str, tiny_models.Files]) -> None:
    model = models["tflite-float32"]["model.tflite"]
    kept = tflite.attached(model, "min_runtime_version")
    assert kept is not None
    assert tflite.attached(into_tflite(model, FACTS), "min_runtime_version") == kept


def test_unzip_finds_the_labels_in_a_tflite_file() -> None:
    model = into_tflite(outline(len(LABELS)), FACTS)
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode().split("\n") == [*LABELS, ""]


def test_the_standard_table_describes_raw_pixels_and_probabilities() -> None:
    described = table(into_tflite(outline(len(LABELS)), FACTS))
    assert described["name"] == "colours"
    assert described["license"] == "Apache-2.0"
    (graph,) = described["subgraph_metadata"]
    (pixels,) = graph["input_tensor_metadata"]
    assert pixels["content"] == {"content_properties_type": 2, "content_properties": {"color_space": 1}}
    assert pixels["process_units"] == [{"options_type": 1, "options": {"mean": [0.0], "std": [1.0]}}]
    (probabilities,) = graph["output_tensor_metadata"]
    (labels,) = probabilities["associated_files"]
    assert (labels["name"], labels["type"]) == ("labels.txt", 2)


def test_a_quantized_input_is_normalised_so_that_it_holds_the_pixels() -> None:
    model = flatbuffer.read(outline(len(LABELS)))
    pixels = flatbuffer.graph(model).tensors[0]
    pixels.quantization = schema.QuantizationParametersT()
    pixels.quantization.scale, pixels.quantization.zeroPoint = [1 / 128], [127]
    (graph,) = table(into_tflite(flatbuffer.write(model), FACTS))["subgraph_metadata"]
    (unit,) = graph["input_tensor_metadata"][0]["process_units"]
    assert unit["options"] == {"mean": [127.0], "std": [128.0]}


@given(LABEL_LISTS)
def test_labels_go_through_the_standard_table(labels: tuple[str, ...]) -> None:
    facts = replace(FACTS, contract=FACTS.contract.with_labels(labels))
    model = into_tflite(outline(len(labels)), facts)
    assert from_tflite(model)["labels"] == facts.to_dict()["labels"]
    assert metadata._standard_texts(model, table(model)) == {
        **{key: facts.to_dict()[key] for key in ("name", "description", "version", "author", "license")},
        "labels": facts.to_dict()["labels"],
        "mean": "0",
        "std": "1",
    }


@pytest.mark.parametrize("through", [through_tflite, through_onnx, through_openvino])
def test_a_thousand_labels_go_through(
    through: Any, models: dict[str, tiny_models.Files], tmp_path: Path
) -> None:
    labels = tuple(f"class {place}, 类 {place}" for place in range(1001))
    facts = replace(FACTS, contract=FACTS.contract.with_labels(labels))
    wide = {**models, "tflite-float32": {"model.tflite": outline(1001)}}
    assert json.loads(through(wide, facts, tmp_path)["labels"]) == list(labels)


def test_metadata_of_another_writer_is_read() -> None:
    model = flatbuffer.read(outline(2))
    tensor = {"associated_files": [{"name": "classes.txt", "type": tflite.TENSOR_AXIS_LABELS}]}
    unit = {"options_type": tflite.NORMALIZATION_OPTIONS, "options": {"mean": [127.5], "std": [127.5]}}
    described = {
        "name": "theirs",
        "subgraph_metadata": [
            {"input_tensor_metadata": [{"process_units": [unit]}], "output_tensor_metadata": [tensor]}
        ],
    }
    tflite.attach(model, tflite.NAME, tflite.encode(described))
    # Without a newline at the end, as some writers have it.
    data = tflite.pack(flatbuffer.write(model), {"classes.txt": "ant\nbee"})
    assert from_tflite(data) == {
        "name": "theirs",
        "labels": '["ant", "bee"]',
        "mean": "127.5",
        "std": "127.5",
    }


def test_a_model_without_metadata_says_nothing(models: dict[str, tiny_models.Files]) -> None:
    files = models["openvino-float32"]
    assert from_tflite(models["tflite-float32"]["model.tflite"]) == {}
    assert from_onnx(onnx.load_from_string(models["onnx-float32"]["model.onnx"])) == {}
    assert from_openvino(openvino.Core().read_model(files["model.xml"], files["model.bin"])) == {}


def test_onnx_names_its_producer_and_keeps_what_others_wrote(models: dict[str, tiny_models.Files]) -> None:
    model = onnx.load_from_string(models["onnx-float32"]["model.onnx"])
    model.metadata_props.add(key="theirs", value="stays")
    model.metadata_props.add(key="labels", value="goes")
    into_onnx(model, FACTS)
    into_onnx(model, FACTS)
    onnx.checker.check_model(model)
    assert (model.producer_name, model.producer_version) == ("edgetl", "0.1.0")
    assert model.doc_string == FACTS.description
    assert from_onnx(model) == {"theirs": "stays", **FACTS.to_dict()}
    assert len(model.metadata_props) == 1 + len(FACTS.to_dict())


def test_openvino_has_what_model_api_reads(models: dict[str, tiny_models.Files]) -> None:
    files = models["openvino-float32"]
    model = openvino.Core().read_model(files["model.xml"], files["model.bin"])
    into_openvino(model, FACTS)

    def said(key: str) -> str:
        return str(model.get_rt_info(["model_info", key]).astype(str))

    assert said("model_type") == "Classification"
    assert said("labels").split() == ["rot", "gelb", "leaf_green", "cyan/türkis", "青"]
    assert said("resize_type") == "crop"
    into_openvino(model, replace(FACTS, contract=replace(FACTS.contract, resize="squash")))
    assert said("resize_type") == "standard"


@pytest.mark.parametrize("outputs", [(b"probabilities", b"embedding"), (b"embedding", b"probabilities")])
def test_outputs_are_described_in_the_order_of_the_graph(outputs: tuple[bytes, ...]) -> None:
    model = into_tflite(outline(len(LABELS), outputs=outputs), replace(FACTS, embedding=True))
    (graph,) = table(model)["subgraph_metadata"]
    described = graph["output_tensor_metadata"]
    assert [tensor["name"].encode() for tensor in described] == list(outputs)
    assert ["associated_files" in tensor for tensor in described] == [
        name == b"probabilities" for name in outputs
    ]
    assert json.loads(from_tflite(model)["outputs"]) == ["probabilities", "embedding"]


def test_refuses_outputs_that_are_not_those_of_the_facts() -> None:
    with pytest.raises(ConversionError, match=r"gives boxes, scores, and .* describe probabilities"):
        into_tflite(outline(5, outputs=(b"boxes", b"scores")), FACTS)
    with pytest.raises(ConversionError, match="7 classes and 5 labels"):
        into_tflite(outline(7), FACTS)


def test_refuses_what_is_no_tflite_file() -> None:
    with pytest.raises(ModelError, match=r"no \.tflite file"):
        from_tflite(b"PK\x03\x04 and more")


def test_refuses_fields_the_format_does_not_have() -> None:
    with pytest.raises(ValueError, match="ModelMetadata has no field nmae"):
        tflite.encode({"nmae": "x"})


@given(st.data())
def test_damaged_metadata_is_one_error(data: st.DataObject) -> None:
    model = bytearray(into_tflite(outline(len(LABELS)), FACTS))
    for place in data.draw(st.lists(st.integers(8, len(model) - 1), min_size=1, max_size=8)):
        model[place] = data.draw(st.integers(0, 255))
    try:
        facts = from_tflite(bytes(model[: data.draw(st.integers(8, len(model)))]))
    except ModelError:
        return
    assert all(isinstance(text, str) for text in facts.values())


@pytest.fixture(scope="module")
def mediapipe_python() -> str:
    """An interpreter that has MediaPipe: this one, or the one that EDGETL_MEDIAPIPE_PYTHON names."""
    named = os.environ.get("EDGETL_MEDIAPIPE_PYTHON")
    if named is None and find_spec("mediapipe") is None:
        pytest.skip("needs mediapipe: install it, or let EDGETL_MEDIAPIPE_PYTHON name a Python that has it")
    python = named or sys.executable
    tried = subprocess.run(
        [python, "-c", "from mediapipe.tasks.python import vision"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        pytest.skip(f"needs mediapipe, which does not load here: {tried.stderr.strip().splitlines()[-1]}")
    return python


def asked(
    python: str, model: bytes, pictures: NDArray[np.uint8], folder: Path
) -> list[dict[str, tuple[str, float]]]:
    """What MediaPipe's ImageClassifier says of each picture: label and score by head."""
    (folder / "model.tflite").write_bytes(model)
    np.save(folder / "pictures.npy", pictures)
    done = subprocess.run(
        [python, "-c", CLASSIFY, folder / "model.tflite", folder / "pictures.npy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ["tflite-float32", "tflite-int8"])
def test_mediapipe_takes_an_exported_file_as_it_is_and_gives_the_right_label(
    name: str, mediapipe_python: str, solar_export: Exported, solar_run: Run, tmp_path: Path
) -> None:
    bundle = solar_export.bundle
    photos = solar_run.dataset.split("test")[::4]
    pictures = np.stack([images.decode(photo.path, bundle.manifest.contract) for photo in photos])
    (content,) = bundle.model_files(bundle.variant(name)).values()
    answers = asked(mediapipe_python, content, pictures, tmp_path)
    with edgetl.load(bundle.path, variant=name) as model:
        expected = [model.classify(photo.path) for photo in photos]
    assert [answer["probabilities"][0] for answer in answers] == [answer.label for answer in expected]
    scores = [answer["probabilities"][1] for answer in answers]
    np.testing.assert_allclose(scores, [answer.score for answer in expected], atol=2e-3)
    assert len({answer.label for answer in expected}) == 2


def test_all_formats_of_an_export_carry_the_same_facts(solar_export: Exported) -> None:
    bundle = solar_export.bundle

    def files(name: str) -> dict[str, bytes]:
        return bundle.model_files(bundle.variant(name))

    weights = np.frombuffer(files("openvino-int8")["model.bin"], np.uint8)
    xml = files("openvino-int8")["model.xml"]
    network = openvino.Core().read_model(xml, openvino.Tensor(weights, shared_memory=False))
    found = [
        metadata.from_tflite(files("tflite-int8")["model.tflite"]),
        metadata.from_onnx(onnx.load_model_from_string(files("onnx-int8")["model.onnx"])),
        metadata.from_openvino(network),
    ]
    assert found[0] == found[1] == found[2]
    assert json.loads(found[0]["labels"]) == list(bundle.labels)
    assert found[0]["license"] == "Apache-2.0"


@pytest.mark.parametrize(
    ("variant", "embedding"), [("tflite-float32", False), ("tflite-int8", False), ("tflite-float32", True)]
)
def test_mediapipe_classifies_rgb_pictures_like_edgetl(
    variant: str,
    embedding: bool,
    mediapipe_python: str,
    models: dict[str, tiny_models.Files],
    pictures: NDArray[np.uint8],
    tmp_path: Path,
) -> None:
    before, facts = models[variant]["model.tflite"], FACTS
    heads = ["probabilities", "embedding"] if embedding else ["probabilities"]
    with LiteRTEngine({"model.tflite": before}, num_threads=1) as engine:
        expected = engine.run(pictures)[0]
    if embedding:
        model = flatbuffer.read(before)
        graph, (head,) = model.subgraphs[0], flatbuffer.of_kind(model, [flatbuffer.Op.FULLY_CONNECTED])
        graph.outputs = [*graph.outputs, head.inputs[0]]
        for index, name in zip(graph.outputs, heads, strict=True):
            graph.tensors[index].name = name.encode()
        model.signatureDefs = None
        before, facts = flatbuffer.write(model), replace(FACTS, embedding=True)
    answers = asked(mediapipe_python, into_tflite(before, facts), pictures, tmp_path)
    assert {frozenset(answer) for answer in answers} == {frozenset(heads)}
    assert [answer["probabilities"][0] for answer in answers] == [
        LABELS[best] for best in expected.argmax(axis=1)
    ]
    scores = np.array([answer["probabilities"][1] for answer in answers])
    np.testing.assert_allclose(scores, expected.max(axis=1), atol=1e-5)
    assert len({answer["probabilities"][0] for answer in answers}) == 3
