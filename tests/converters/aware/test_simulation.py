"""What is trained is what the file computes: code for code, on real pictures, before and after training."""

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from keras import layers, ops
from numpy.typing import NDArray
from PIL import Image

from edgetl import isolated
from edgetl.contract import Contract
from edgetl.converters import flatbuffer, rounding
from edgetl.converters.aware import reading, simulation, training
from edgetl.converters.aware.steps import Codes
from edgetl.converters.aware.task import OPTIONS, Outcome, Start, Task
from edgetl.converters.formats import FORMATS
from edgetl.converters.request import ConversionRequest, Recipe
from edgetl.converters.results import TUNED_LAYERS, Layer, read_layers
from edgetl.errors import ConversionError
from edgetl.progress import SILENT
from edgetl.runtime import engines
from edgetl.runtime.litert import LiteRTEngine

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

SIZE = 48
CONTRACT = Contract(SIZE, SIZE, labels=("a", "b", "c"))


def network() -> keras.Model:
    """Normalisation, strides, depthwise kernels, bounded and open ReLU, a residual, a gate, swishes."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, -1)(pixels)
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    short = x
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.Activation("hard_silu")(layers.BatchNormalization()(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(4, 1, activation="relu", bias_initializer="ones")(gate)
    gate = layers.Conv2D(16, 1, activation="sigmoid", bias_initializer="ones")(gate)
    x = layers.Conv2D(16, 1, bias_initializer="ones")(layers.Multiply()([x, gate]))
    x = layers.Add()([x, short])
    x = layers.Conv2D(32, 3, strides=2)(layers.MaxPooling2D(2)(layers.ZeroPadding2D(1)(x)))
    x = layers.Activation("silu")(layers.BatchNormalization()(x))
    x = layers.Dense(3, name="logits")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(pixels, layers.Softmax(name="probabilities")(x))
    random = np.random.default_rng(2)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            count = layer.gamma.shape[0]
            # Uneven channels, which share one scale: what int8 suffers from.
            values = (np.exp2(random.uniform(-5, 2, count)), random.normal(0, 0.5, count))
            layer.set_weights([*values, random.normal(0, 0.3, count), random.uniform(0.5, 2, count)])
    head = model.get_layer("logits")
    head.set_weights([random.normal(0, 1.5, head.kernel.shape), random.normal(0, 0.1, 3)])
    return model


@dataclass(frozen=True)
class Trained:
    """A training of int8, and what is made of it."""

    folder: Path
    pixels: NDArray[np.uint8]
    """(n, SIZE, SIZE, 3), not trained on."""
    outcome: Outcome

    def model(self, name: str) -> bytes:
        return (self.folder / name / "model.tflite").read_bytes()


def request(folder: Path, form: str, out: str, *, tuned: bool) -> ConversionRequest:
    (folder / out).mkdir()
    return ConversionRequest(
        graph=folder / FORMATS[form].graph,
        precision="int8",
        out=folder / out,
        calibration=folder / "train.npy",
        contract=CONTRACT,
        recipe=Recipe(correct_head=False),
        layers=folder / "int8.npz",
        tuned=folder / "tuned" if tuned else None,
    )


@pytest.fixture(scope="module")
def trained(solar_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("aware")
    paths = sorted(solar_photos.rglob("*.png"))[::2]
    shown = [np.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE))) for path in paths]
    pixels = np.stack(shown)
    np.save(folder / "train.npy", pixels[:48])
    np.save(folder / "scored.npy", pixels[48:])
    network().save(folder / "model.keras")
    call = isolated.call
    call(
        "edgetl.converters.graphs:write",
        *(folder / "model.keras", CONTRACT, ("tflite", "onnx"), folder),
        doing="writing",
    )
    rounding.write(folder / "graph.onnx", folder / "train.npy", {"int8": folder / "int8.npz"})
    call(
        "edgetl.converters.tflite:convert",
        request(folder, "tflite", "before", tuned=False),
        doing="converting",
    )
    for place in ("tuned", "work"):
        (folder / place).mkdir()
    task = Task(
        starts=(Start(folder / "before" / "model.tflite", folder),),
        teacher=folder / "graph.tflite",
        pixels=folder / "train.npy",
        truth=np.zeros(48, np.int64),
        judging=np.arange(0, 48, 4),
        scored=folder / "scored.npy",
        folder=folder / "work",
        identity="test",
        out=folder / "tuned",
        options=replace(OPTIONS, epochs=8, batch_size=12, peak_rate=1e-3),
    )
    outcome = training.train(task, progress=SILENT)
    for form in ("tflite", "onnx"):
        call(
            f"edgetl.converters.{form}:convert",
            request(folder, form, f"after-{form}", tuned=True),
            doing="converting",
        )
    return Trained(folder, pixels[48:], outcome)


def codes_of_file(data: bytes, graph: reading.Graph, pixels: NDArray[np.uint8]) -> list[NDArray[np.generic]]:
    """What the file's int8 tensors hold behind each operator, (n, ...)."""
    model = flatbuffer.read(data)
    flatbuffer.graph(model).outputs = int8_of(graph)
    model.signatureDefs = None
    with LiteRTEngine({"model.tflite": flatbuffer.write(model)}, num_threads=1) as engine:
        rows = [engine.run(np.array(picture[np.newaxis])) for picture in pixels]
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def int8_of(graph: reading.Graph) -> list[int]:
    return [step.output for step in graph.steps if graph.is_int8(step.output)]


@pytest.mark.parametrize("name", ["before", "after-tflite"])
def test_every_int8_tensor_of_the_file_is_the_simulations(trained: Trained, name: str) -> None:
    data = trained.model(name)
    graph = reading.read(data)
    found = simulation.Simulation(graph).everything(trained.pixels)
    wanted = codes_of_file(data, graph, trained.pixels)
    assert len(wanted) >= 16
    for place, codes in zip(int8_of(graph), wanted, strict=True):
        values = found[place]
        assert isinstance(values, Codes)
        tensor = graph.tensors[place]
        # The engine gives what the codes mean.
        difference = np.abs(ops.convert_to_numpy(values.whole) - np.rint(codes / tensor.scale))
        assert float((difference == 0).mean()) >= 0.999, tensor.name
        assert float(difference.max()) <= 1, tensor.name


def test_the_file_gives_the_answers_that_were_trained(trained: Trained) -> None:
    contents = {"model.tflite": trained.model("after-tflite")}
    with engines.start(engines.for_format("tflite"), contents, num_threads=1) as engine:
        answers = np.concatenate([engine.run(np.array(row[np.newaxis]))[0] for row in trained.pixels])
    simulated = trained.outcome.simulated
    assert np.array_equal(answers.argmax(axis=1), simulated.argmax(axis=1))
    assert np.abs(answers - simulated).max() <= 1e-3
    assert np.mean(np.abs(answers - simulated).max(axis=1) <= 1e-5) >= 0.9


def test_training_brings_int8_nearer_to_the_float_model(trained: Trained) -> None:
    def answers(data: bytes) -> NDArray[np.float32]:
        with LiteRTEngine({"model.tflite": data}, num_threads=1) as engine:
            return np.concatenate([engine.run(np.array(row[np.newaxis]))[0] for row in trained.pixels])

    wanted = answers((trained.folder / "graph.tflite").read_bytes())
    before, after = (
        float(np.abs(answers(trained.model(name)) - wanted).mean()) for name in ("before", "after-tflite")
    )
    assert after < before


def test_weights_and_ranges_have_moved(trained: Trained) -> None:
    before, after = (reading.read(trained.model(name)) for name in ("before", "after-tflite"))
    known = {tensor.name: tensor for tensor in before.tensors}
    moved = [tensor for tensor in after.tensors if tensor.scale != known[tensor.name].scale]
    assert len(moved) >= 8
    kernels = [tensor for tensor in after.tensors if tensor.values is not None and tensor.values.ndim == 4]
    assert all(not np.allclose(kernel.values, known[kernel.name].values) for kernel in kernels)


def test_onnx_has_the_weights_that_were_trained(trained: Trained) -> None:
    tuned = read_layers(trained.folder / "tuned" / TUNED_LAYERS)
    model = onnx.load(trained.folder / "after-onnx" / "model.onnx")
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kernels = [value for value in arrays.values() if value.dtype == np.int8 and value.ndim == 4]
    assert len(kernels) == len(tuned) == 6
    for layer in tuned.values():
        top = np.abs(layer.kernel).max(axis=(1, 2, 3), keepdims=True)
        codes = np.rint(layer.kernel / (top / 127)).astype(np.int8)
        assert any(codes.shape == kernel.shape and np.array_equal(codes, kernel) for kernel in kernels)


def test_an_operator_that_is_not_known_is_named() -> None:
    tensors = (
        reading.Tensor("in", (1, 2), None, None, None),
        reading.Tensor("out", (1, 2), None, None, None),
    )
    step = reading.Step(flatbuffer.Op.SVDF, (0,), 1, {})
    with pytest.raises(ConversionError, match="through the operator SVDF of this model"):
        simulation.Simulation(reading.Graph(tensors, (step,), 0, 1, 1))


def test_a_format_that_lacks_a_trained_layer_is_refused_not_left_half_trained(tmp_path: Path) -> None:
    kernel, ones = np.ones((4, 3, 3, 3), np.float32), np.ones(4, np.float32)
    layer = Layer(before=kernel, kernel=2 * kernel, factor=0 * ones, shift=ones, tied=True)
    put: list[int] = []
    found = rounding.apply([(7, 3 * kernel)], {0: layer}, lambda place, _: put.append(place))
    assert (found, put) == (False, [])
    asked = ConversionRequest(tmp_path, "int8", tmp_path, tmp_path, CONTRACT, tuned=tmp_path)
    with pytest.raises(ConversionError, match="the ONNX graph does not have every layer that was trained"):
        asked.check_put(found, "ONNX")
    replace(asked, tuned=None).check_put(found, "ONNX")
