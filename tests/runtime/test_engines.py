"""One contract for all engines."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_models import Files, reference

from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import MissingPackageError, ModelError, UsageError
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine, check_input
from edgetl.runtime.fake import FakeEngine

Pixels = NDArray[np.uint8]
Models = dict[str, Files]
Needs = Callable[[str], engines.EngineRow]

# Engine, variant, and how far a probability may be from the double-precision reference: int8 outputs
# come in steps of 1/256 and are computed from weights and activations of 8 bits.
CASES = [
    ("litert", "tflite-float32", 1e-5),
    ("litert", "tflite-int8", 0.02),
    ("tflite-runtime", "tflite-float32", 1e-5),
    ("tflite-runtime", "tflite-int8", 0.02),
    ("onnxruntime", "onnx-float32", 1e-5),
    ("openvino", "openvino-float32", 1e-5),
]
REAL_ENGINES = ["litert", "tflite-runtime", "onnxruntime", "openvino"]


def files_for(row: engines.EngineRow, models: Models) -> Files:
    return models[f"{row.formats[0]}-float32"]


@pytest.fixture(params=REAL_ENGINES)
def row(request: pytest.FixtureRequest, needs: Needs) -> engines.EngineRow:
    return needs(request.param)


@pytest.fixture
def engine(row: engines.EngineRow, models: Models) -> Iterator[AbstractEngine]:
    with engines.start(row, files_for(row, models)) as started:
        yield started


# --- right answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "variant", "tolerance"), CASES)
def test_every_engine_gives_the_same_probabilities(
    name: str, variant: str, tolerance: float, needs: Needs, models: Models, pixels: Pixels
) -> None:
    expected = reference(pixels, 5)
    with engines.start(needs(name), models[variant]) as engine:
        (probabilities,) = engine.run(pixels)
        assert engine.input_shape == (16, 16, 3)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == expected.shape
    assert np.abs(probabilities - expected).max() < tolerance
    assert np.abs(probabilities.sum(axis=1) - 1).max() < max(tolerance, 1e-5)


def test_the_models_tell_the_pictures_apart(pixels: Pixels) -> None:
    assert len(set(reference(pixels, 5).argmax(axis=1))) >= 3


def test_one_at_a_time_is_the_same_as_many(engine: AbstractEngine, pixels: Pixels) -> None:
    (together,) = engine.run(pixels)
    alone = [engine.run(pixels[index : index + 1])[0] for index in range(len(pixels))]
    assert np.array_equal(together, np.concatenate(alone))


def test_an_answer_is_not_overwritten_by_the_next_one(engine: AbstractEngine, pixels: Pixels) -> None:
    (first,) = engine.run(pixels[:1])
    kept = first.copy()
    engine.run(pixels[1:])
    assert np.array_equal(kept, first)


def test_what_the_decoder_gives_goes_straight_in(engine: AbstractEngine, pixels: Pixels) -> None:
    decoded = images.decode(pixels[0], Contract(16, 16))
    assert np.array_equal(engine.run(pixels[:1])[0], engine.run(decoded[np.newaxis])[0])


def test_pixels_may_lie_strangely_in_memory(engine: AbstractEngine, pixels: Pixels) -> None:
    mirrored = pixels[:, :, ::-1]
    assert np.allclose(engine.run(np.ascontiguousarray(mirrored))[0], engine.run(mirrored)[0], atol=1e-6)
    turned = np.asfortranarray(pixels)
    assert np.array_equal(engine.run(pixels)[0], engine.run(turned)[0])


def test_several_threads_get_right_answers(engine: AbstractEngine, pixels: Pixels) -> None:
    (expected,) = engine.run(pixels)
    order = [index % len(pixels) for index in range(400)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda index: engine.run(pixels[index : index + 1])[0][0], order))
    assert np.array_equal(expected[order], np.stack(answers))


def test_two_models_do_not_mix(row: engines.EngineRow, models: Models, pixels: Pixels) -> None:
    files = files_for(row, models)
    with engines.start(row, files) as first, engines.start(row, files, num_threads=1) as second:
        expected = first.run(pixels)[0]
        first.close()
        assert np.allclose(expected, second.run(pixels)[0], atol=1e-6)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 16, 16, 3), np.float32),
        np.zeros((1, 16, 16, 3), np.int8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((1, 16, 17, 3), np.uint8),
        np.zeros((1, 3, 16, 16), np.uint8),
        np.zeros((0, 16, 16, 3), np.uint8),
    ],
    ids=lambda wrong: f"{wrong.dtype}-{'x'.join(map(str, wrong.shape))}",
)
def test_images_of_the_wrong_kind_are_refused(engine: AbstractEngine, wrong: Pixels) -> None:
    with pytest.raises(ModelError, match=r"takes uint8 images of shape \(n, 16, 16, 3\), not"):
        engine.run(wrong)


def test_a_closed_model_says_so(row: engines.EngineRow, models: Models, pixels: Pixels) -> None:
    engine = engines.start(row, files_for(row, models))
    engine.run(pixels)
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match=f"the model is closed: load it again to run it in {row.name}"):
        engine.run(pixels)


def damaged(files: Files, how: str, models: Models) -> Files:
    other = models["onnx-float32" if "model.tflite" in files else "tflite-float32"]
    content = {
        "truncated": lambda data: data[: len(data) // 2],
        "empty": lambda _: b"",
        "text": lambda _: b"these are words, not a model\n" * 20,
        "zeros": lambda data: bytes(len(data)),
        "foreign": lambda _: next(iter(other.values())),
    }[how]
    # The model itself; an OpenVINO .bin is weights alone, in which every byte is a valid one.
    return {name: data if name.endswith(".bin") else content(data) for name, data in files.items()}


@pytest.mark.parametrize("how", ["truncated", "empty", "text", "zeros", "foreign"])
def test_bytes_that_are_no_model_are_refused(row: engines.EngineRow, models: Models, how: str) -> None:
    if (row.name, how) == ("tflite-runtime", "truncated"):
        pytest.skip("tflite-runtime has no verifier: this ends the process")
    files = damaged(files_for(row, models), how, models)
    with pytest.raises(ModelError, match=rf"^{row.name} cannot load model\..+: .+") as caught:
        engines.start(row, files)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("weights", [b"", bytes(10)])
def test_weights_that_are_cut_off_are_refused(needs: Needs, models: Models, weights: bytes) -> None:
    row = needs("openvino")
    with pytest.raises(ModelError, match=r"^openvino cannot load model\.xml, model\.bin: "):
        engines.start(row, {**models["openvino-float32"], "model.bin": weights})


def test_half_an_openvino_model_is_refused(needs: Needs, models: Models) -> None:
    with pytest.raises(ModelError, match=r"an OpenVINO model is an \.xml and a \.bin file, not model\.xml"):
        engines.start(needs("openvino"), {"model.xml": models["openvino-float32"]["model.xml"]})


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 16, 16, 3), np.float32),
        ((2, 16, 16, 3), np.uint8),
        ((1, 3, 16, 16), np.uint8),
        ((1, 16, 3), np.uint8),
    ],
)
def test_a_model_with_another_input_is_refused_with_a_way_out(shape: tuple[int, ...], dtype: type) -> None:
    with pytest.raises(ModelError, match=r"not uint8 \(1, height, width, 3\): export it with edgetl export"):
        check_input(shape, dtype)


def test_loading_and_refusing_print_nothing(
    row: engines.EngineRow, models: Models, pixels: Pixels, tmp_path: Path
) -> None:
    whole = files_for(row, models)
    for kind, files in (("whole", whole), ("broken", damaged(whole, "text", models))):
        (tmp_path / kind).mkdir()
        for name, content in files.items():
            (tmp_path / kind / name).write_bytes(content)
    np.save(tmp_path / "pixels.npy", pixels)
    code = """
import pathlib, sys
import numpy as np
from edgetl.errors import ModelError
from edgetl.runtime import engines
folder, row = pathlib.Path(sys.argv[1]), engines.get(sys.argv[2])
def files(kind):
    return {path.name: path.read_bytes() for path in (folder / kind).iterdir()}
with engines.start(row, files("whole")) as engine:
    engine.run(np.load(folder / "pixels.npy"))
try:
    engines.start(row, files("broken"))
except ModelError:
    print("refused")
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path, row.name], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "refused\n", "")


@pytest.mark.parametrize("name", ["litert", "tflite-runtime"])
def test_a_model_without_memory_is_refused_before_the_engine_aborts(
    name: str, needs: Needs, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = needs(name)

    def none_left(*_: int) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("edgetl.runtime.litert.mmap.mmap", none_left)
    with pytest.raises(ModelError, match="not enough memory for it: close other programs"):
        engines.start(row, files_for(row, models))


def test_openvino_does_not_call_home(needs: Needs, models: Models, tmp_path: Path) -> None:
    needs("openvino")
    for name, content in models["openvino-float32"].items():
        (tmp_path / name).write_bytes(content)
    code = """
import pathlib, sys
from edgetl.runtime import engines
files = {path.name: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}
engines.start(engines.get("openvino"), files)
print("loaded:", *(name for name, module in sys.modules.items() if "openvino_telemetry" in name and module))
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == ("loaded:\n", "")


def test_a_signal_is_survived_after_two_models_were_freed_in_the_order_they_came(
    row: engines.EngineRow, models: Models, tmp_path: Path
) -> None:
    for name, content in files_for(row, models).items():
        (tmp_path / name).write_bytes(content)
    code = """
import os, pathlib, signal, sys
from edgetl.runtime import engines
files = {path.name: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}
first, second = (engines.start(engines.get(sys.argv[2]), files) for _ in range(2))
first.close()
second.close()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
"""
    command = [sys.executable, "-c", code, tmp_path, row.name]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "handled\n")


def test_warming_up_runs_the_model_so_often(engine: AbstractEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda images: seen.append(run(images)))
    engine.warm_up(3)
    assert [outputs[0].shape for outputs in seen] == [(1, 5)] * 3


# --- the fake ------------------------------------------------------------------------------------


def test_the_fake_answers_as_told() -> None:
    engine = FakeEngine.answering([0.25, 0.75], shape=(8, 9, 3))
    (probabilities,) = engine.run(np.zeros((3, 8, 9, 3), np.uint8))
    assert np.array_equal(probabilities, np.float32([[0.25, 0.75]] * 3))
    with pytest.raises(ModelError, match=r"shape \(n, 8, 9, 3\)"):
        engine.run(np.zeros((1, 9, 8, 3), np.uint8))
    with pytest.raises(ModelError, match=r"fake cannot load model\.fake"):
        engines.start(engines.ENGINES["fake"], {"model.fake": b"{"})


# --- the table -----------------------------------------------------------------------------------


def test_an_unknown_engine_is_named_with_those_there_are() -> None:
    with pytest.raises(
        UsageError, match=r"engine 'onnx-runtime' is not known: choose litert, .*; did you mean onnxruntime\?"
    ):
        engines.get("onnx-runtime")


def test_an_engine_that_does_not_run_a_format_is_refused() -> None:
    with pytest.raises(
        UsageError, match="engine 'openvino' does not run tflite models: choose litert, tflite-runtime"
    ):
        engines.for_format("tflite", "openvino")
    with pytest.raises(UsageError, match="no engine runs coreml models"):
        engines.for_format("coreml")


def test_the_first_installed_engine_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgetl.extras.is_installed", lambda package: package == "tflite_runtime")
    assert engines.for_format("tflite").name == "tflite-runtime"
    with pytest.raises(
        MissingPackageError,
        match=r"running tflite models needs ai-edge-litert: pip install 'edgetl\[litert\]'",
    ):
        engines.for_format("tflite", "litert")
    with pytest.raises(
        MissingPackageError, match=r"running onnx models needs onnxruntime: pip install 'edgetl\[onnx\]'"
    ):
        engines.for_format("onnx")


def test_a_missing_package_is_told_by_the_engine_too(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_runtime", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)  # a test before may have loaded it
    with pytest.raises(
        MissingPackageError, match=r"running \.tflite files needs tflite_runtime: pip install"
    ):
        engines.start(engines.ENGINES["tflite-runtime"], models["tflite-float32"])


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_refused(threads: int) -> None:
    with pytest.raises(UsageError, match=f"{threads} threads cannot run anything: ask for 1 or more"):
        engines.start(engines.ENGINES["fake"], {}, num_threads=threads)


def test_threads_are_as_asked_or_the_cores_there_are() -> None:
    model = {"model.fake": b'{"probabilities": [1], "shape": [8, 8, 3], "delay_s": 0}'}
    assert engines.start(engines.ENGINES["fake"], model, num_threads=3).num_threads == 3
    assert 1 <= engines.start(engines.ENGINES["fake"], model).num_threads <= 4


def test_every_row_names_a_final_class_of_its_own_name() -> None:
    for row in engines.ENGINES.values():
        module, _, name = row.target.partition(":")
        engine = getattr(__import__(f"edgetl.runtime.{module}", fromlist=[name]), name)
        assert engine.name == row.name
        assert engine.__subclasses__() == []


# --- cores ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("150000 100000", 2), ("100000 100000", 1), ("5000 100000", 1), ("400000 100000", 4)],
)
def test_a_containers_share_of_time_counts_as_cores(tmp_path: Path, limit: str, cores: int) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/system.slice/edgetl.service\n")
    group = tmp_path / "sys/fs/cgroup/system.slice/edgetl.service"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text(limit + "\n")
    assert engines._quota(tmp_path) == cores


@pytest.mark.parametrize("limit", ["max 100000", "", "1 0", "words"])
def test_without_a_limit_all_cores_count(tmp_path: Path, limit: str) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text(limit)
    assert engines._quota(tmp_path) > 1000
    assert 1 <= engines.available_cores() <= (os.cpu_count() or 1)
