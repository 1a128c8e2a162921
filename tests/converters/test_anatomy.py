import csv
import subprocess
import sys
import time
from pathlib import Path

import layered_models
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgetl import extras, isolated
from edgetl.converters.anatomy import execution
from edgetl.converters.anatomy import reading as anatomy
from edgetl.converters.anatomy.reading import Anatomy, Operator, TensorFacts
from edgetl.errors import ConversionError, ModelError, UsageError

Models = dict[str, layered_models.Files]


@pytest.fixture(scope="module")
def models() -> Models:
    """Files by variant name; see ``layered_models.build``."""
    built: Models = isolated.call("layered_models:build", doing="building the tests' models")
    return built


EXPECTED = {
    "tflite-float32": ("float32", {"float32": 1.0}),
    "tflite-float16": ("float16", {"float16": 1.0}),
    # TensorFlow leaves weights of fewer than 1024 numbers in float.
    "tflite-dynamic": ("mixed", {"dynamic": 2 * 524_288 / layered_models.MACS}),
    "tflite-int8": ("int8", {"int8": 1.0}),
    "tflite-int16x8": ("int16x8", {"int16x8": 1.0}),
    "onnx-float32": ("float32", {"float32": 1.0}),
    "onnx-float16": ("float16", {"float16": 1.0}),
    "onnx-dynamic": ("mixed", {"dynamic": 1 - 524_288 / layered_models.MACS}),
    # All seven operators stand between QuantizeLinear and DequantizeLinear, yet ONNX Runtime has
    # no int8 kernel for transposed convolutions.
    "onnx-int8": ("mixed", {"int8": 1 - 524_288 / layered_models.MACS}),
    "openvino-float32": ("float32", {"float32": 1.0}),
    "openvino-float16": ("float16", {"float16": 1.0}),
    "openvino-int8": ("int8", {"int8": 1.0}),
    "openvino-weight-only": ("weight-only", {"weight-only": 1.0}),
}


@pytest.mark.parametrize("variant", EXPECTED)
def test_tells_what_arithmetic_does_the_work(variant: str, models: Models) -> None:
    found = anatomy.read(models[variant])
    precision, shares = EXPECTED[variant]
    assert found.macs == layered_models.MACS
    assert found.precision == precision
    assert {name: found.mac_shares()[name] for name in shares} == pytest.approx(shares)
    assert found.format == variant.partition("-")[0]
    assert found.execution is not None
    assert found.not_accelerated is not None, found.execution.summary


def test_every_format_counts_the_same_parameters(models: Models) -> None:
    weights = 32 * 27 + 32 * 9 + 64 * 32 + 8 * 4 * 64 + 80
    biases = 32 + 32 + 64 + 8 + 10
    for variant in ("tflite-float32", "tflite-int8", "openvino-float32", "onnx-float32"):
        found = anatomy.read(models[variant], ask_engine=False)
        # Biases that are zero, as in a network that was never trained, are left out by some converters.
        assert weights <= found.parameters <= weights + biases, variant


def test_an_operator_that_xnnpack_does_not_take_is_named(models: Models) -> None:
    found = anatomy.read(models["tflite-int16x8"])
    slow = found.not_accelerated
    assert slow is not None
    assert found.execution is not None
    assert found.execution.summary == "XNNPACK takes 0 of 9 operators"
    assert [item.kind for item in slow[:2]] == ["CONV_2D", "TRANSPOSE_CONV"] or [
        item.kind for item in slow[:2]
    ] == ["TRANSPOSE_CONV", "CONV_2D"]
    assert {item.computed for item in slow} == {None}


def test_an_operator_without_an_int8_kernel_counts_as_float(models: Models) -> None:
    static = anatomy.read(models["onnx-int8"], ask_engine=False)
    assert static.int8_mac_share == 1.0
    assert static.not_accelerated is None
    asked = anatomy.read(models["onnx-int8"])
    assert [operator.kind for operator in asked.fallbacks] == ["ConvTranspose"]
    assert asked.not_accelerated is not None
    assert [item.kind for item in asked.not_accelerated] == ["ConvTranspose"]
    assert asked.int8_operators == static.int8_operators - 1


def test_a_name_that_is_kept_passes(models: Models) -> None:
    for variant, (precision, _) in EXPECTED.items():
        named = variant.partition("-")[2]
        if precision in (named, "mixed"):
            anatomy.check(anatomy.read(models[variant], ask_engine=False), named)


def test_a_float_file_called_int8_is_refused(models: Models) -> None:
    found = anatomy.read(models["tflite-float32"], ask_engine=False)
    with pytest.raises(ConversionError) as caught:
        anatomy.check(found, "int8")
    message = str(caught.value)
    assert "is called int8 and is float32: 0.0 % of its multiply-accumulates are int8" in message
    assert "CONV_2D" in message
    assert "(39.0 %)" in message


def operator(arithmetic: str | None, macs: int | None, place: int = 0) -> Operator:
    return Operator("CONV_2D", f"layer{place}", place, arithmetic, macs)


def made_of(*operators: Operator) -> Anatomy:
    image = TensorFacts("pixels", (1, 8, 8, 3), "uint8")
    return Anatomy("tflite", (image,), (TensorFacts("classes", (1, 2), "float32"),), operators, {}, 0)


@pytest.mark.parametrize(
    ("int8", "precision", "accepted"),
    [(100, "int8", True), (90, "int8", True), (89, "mixed", True), (50, "mixed", True), (49, "mixed", False)],
)
def test_a_share_decides_the_name(int8: int, precision: str, *, accepted: bool) -> None:
    found = made_of(operator("int8", int8), operator("float32", 100 - int8, 1), operator(None, 0, 2))
    assert found.precision == precision
    assert found.int8_mac_share == int8 / 100
    assert found.operators == 2
    if accepted:
        anatomy.check(found, "int8")
    else:
        with pytest.raises(ConversionError, match="layer1 in float32"):
            anatomy.check(found, "int8")


def test_what_is_not_known_is_none_and_operators_decide_the_name() -> None:
    found = made_of(operator("int8", None), operator("float32", 10, 1))
    assert found.macs is None
    assert found.int8_mac_share is None
    assert found.precision == "mixed"
    assert made_of().precision == "float32"
    assert made_of().int8_op_share is None


def test_a_file_that_its_engine_refuses_is_told_and_still_read(models: Models) -> None:
    onnx = extras.load("onnx", extra="train", purpose="this test")
    model = onnx.load_model_from_string(models["onnx-float32"]["model.onnx"])
    model.graph.node[0].op_type = "NobodyKnows"
    found = anatomy.read({"model.onnx": model.SerializeToString()})
    assert found.execution is not None
    assert found.execution.slow is None
    assert "unknown: loading it in onnxruntime failed" in found.execution.summary
    assert "NobodyKnows" in found.execution.summary


def test_a_small_file_that_asks_for_gigabytes_does_not_get_them(tmp_path: Path) -> None:
    onnx = extras.load("onnx", extra="train", purpose="this test")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    gigabyte = helper.make_tensor("size", onnx.TensorProto.INT64, [1], [1 << 28])
    graph = helper.make_graph(
        [
            # Computed as the model is loaded, since nothing of it depends on the picture.
            helper.make_node("ConstantOfShape", ["size"], ["ones"]),
            helper.make_node("ReduceSum", ["ones"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["image", "sum"], ["maps"]),
        ],
        "bomb",
        [helper.make_tensor_value_info("image", floats, [1, 4, 4, 3])],
        [helper.make_tensor_value_info("maps", floats, [1, 4, 4, 3])],
        [gigabyte],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    code = f"""
import resource
from pathlib import Path
from edgetl.converters.anatomy import reading as anatomy
anatomy.read({{"model.onnx": Path({str(tmp_path / "model.onnx")!r}).read_bytes()}})
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 10_000 < int(done.stdout) < 700_000  # kilobytes


def test_an_engine_that_takes_too_long_is_told(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_SECONDS", 0.01)
    found = anatomy.read(models["tflite-float32"])
    assert found.execution is not None
    assert found.execution.summary == "unknown: loading it in litert failed: it took more than 0.02 s"


def test_an_engine_is_asked_of_no_file_that_takes_its_weights_from_others(models: Models) -> None:
    pytest.importorskip("onnx")
    graph = ()
    for engine, content in (("openvino", b"\x08\x08"), ("openvino", b"\n<net/>")):
        with pytest.raises(ModelError, match="begins with neither"):
            execution._ASKED[engine]({"model.XML": content, "model.bin": b""}, graph)
    # A tensor of the graph whose data are elsewhere, at a "location".
    tensor = b"\x6a\x0a\x0a\x08location"
    content = b"\x3a\x0e\x2a" + bytes([len(tensor)]) + tensor
    with pytest.raises(ModelError, match="keeps weights in other files"):
        execution._ASKED["onnxruntime"]({"model.onnx": content}, graph)


def test_an_engine_that_is_not_installed_leaves_it_unknown(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: False)
    found = anatomy.read(models["openvino-int8"])
    assert found.not_accelerated is None
    assert found.execution is not None
    assert found.execution.summary == (
        "unknown, since openvino is not installed: pip install 'edgetl[openvino]'"
    )
    assert found.precision == "int8"


def test_openvino_is_read_with_the_standard_library_alone(models: Models, tmp_path: Path) -> None:
    for name, content in models["openvino-int8"].items():
        (tmp_path / name).write_bytes(content)
    code = f"""
import sys
from pathlib import Path
from edgetl.converters.anatomy import reading as anatomy
files = {{path.name: path.read_bytes() for path in Path({str(tmp_path)!r}).iterdir()}}
print(anatomy.read(files, ask_engine=False).precision)
print(sorted({{"openvino", "onnx", "ai_edge_litert", "tensorflow"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["int8", "[]"]


def test_text_between_the_elements_takes_no_time(models: Models) -> None:
    files = dict(models["openvino-int8"])
    files["model.xml"] = files["model.xml"].replace(b"<layers>", b"<layers>" + b"\n" * 800_000)
    files["model.xml"] = files["model.xml"].replace(b"<dim>", b"<dim>\n ")
    began = time.process_time()
    assert anatomy.read(files, ask_engine=False).precision == "int8"
    assert time.process_time() - began < 5
    files["model.xml"] = files["model.xml"].replace(b"<dim>", b"<dim>" + b"\n" * 800_000, 1)
    with pytest.raises(ModelError, match="is damaged"):
        anatomy.read(files, ask_engine=False)


def test_hints_name_what_a_foreign_model_needs() -> None:
    inputs = (TensorFacts("image", (None, 3, None, None), "float32"), TensorFacts("size", (1,), "int64"))
    found = Anatomy("onnx", inputs, (TensorFacts("boxes", (1, 10, 4), "float32"),), (), {}, 0)
    text = "\n".join(anatomy.hints(found))
    for part in (
        "2 inputs",
        "no fixed size",
        "normalisation of pixels is outside",
        "NCHW",
        "no list of classes",
    ):
        assert part in text
    assert anatomy.hints(made_of()) == ()


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({}, UsageError, "nothing is no model file"),
        ({"model.keras": b"x"}, UsageError, "edgetl reads .tflite, .onnx, .xml"),
        ({"model.tflite": b""}, ModelError, "model.tflite is empty"),
        ({"model.tflite": b"no model at all"}, ModelError, "no TFLite model"),
        ({"model.onnx": b"no model at all"}, ModelError, "model.onnx is damaged, or no onnx model"),
        ({"model.onnx": b"\x08\x08"}, ModelError, "it has no graph"),
        ({"model.xml": b"<net/>"}, UsageError, "an .xml and a .bin file, not model.xml"),
        ({"model.xml": b"<net/>", "model.bin": b""}, ModelError, "it has no layers"),
        ({"model.xml": b"<net", "model.bin": b""}, ModelError, "model.xml is damaged"),
        ({"model.xml": b"<a>" * 100, "model.bin": b""}, ModelError, "nests too deeply"),
        (
            {"model.xml": b'<!DOCTYPE n [<!ENTITY a "b">]><net>&a;</net>', "model.bin": b""},
            ModelError,
            "declares a document type",
        ),
    ],
)
def test_what_is_no_model_is_refused_in_a_sentence(
    files: dict[str, bytes], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        anatomy.read(files)


@pytest.mark.parametrize("variant", ["tflite-int8", "onnx-int8", "openvino-int8"])
def test_a_model_that_is_cut_off_is_refused(variant: str, models: Models) -> None:
    for name, content in models[variant].items():
        for part in (0.1, 0.5, 0.99):
            cut = {**models[variant], name: content[: int(part * len(content))]}
            with pytest.raises(ModelError):
                anatomy.read(cut, ask_engine=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    variant=st.sampled_from(sorted(EXPECTED)),
    places=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20),
    values=st.binary(min_size=20, max_size=20),
)
def test_random_damage_is_read_or_refused(
    variant: str, places: list[float], values: bytes, models: Models
) -> None:
    files = dict(models[variant])
    name = next(iter(files))
    damaged = bytearray(files[name])
    for place, value in zip(places, values, strict=False):
        damaged[int(place * len(damaged))] = value
    try:
        found = anatomy.read({**files, name: bytes(damaged)}, ask_engine=False)
    except ModelError:
        return
    assert found.facts()["precision"] in ("mixed", *{name for name, _ in EXPECTED.values()})
    anatomy.hints(found)


def test_mobilenet_v2_has_the_published_work(shared: Path, models: Models) -> None:
    with (shared / "data" / "model_specs.csv").open() as file:
        published = {row["model"]: float(row["macs_M"]) for row in csv.DictReader(file)}
    macs = anatomy.read(models["mobilenet_v2"], ask_engine=False).macs
    assert macs is not None
    assert macs / 1e6 == pytest.approx(published["mobilenet_v2_1.0_224"], rel=0.01)
