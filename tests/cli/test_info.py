"""What ``edgetl info`` tells of a model file, whoever wrote it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import bench_reports as make
import pytest

from edgetl.bundle import MANIFEST
from edgetl.runtime import probe_models


def info(path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgetl", "info", str(path), *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """model.tflite, model.onnx, model.xml and model.bin."""
    for format_name in ("tflite", "onnx", "openvino"):
        for name, content in probe_models.files(format_name).items():
            (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "engine"), [("model.tflite", "litert"), ("model.onnx", "onnxruntime"), ("model.xml", "openvino")]
)
def test_it_tells_types_work_and_engine(name: str, engine: str, folder: Path) -> None:
    done = info(folder / name)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line[0] != " ")
    assert lines["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert "uint8 (1, 8, 8, 3)" in lines["input"]
    assert "float32 (1, 3)" in lines["outputs"]
    assert lines["precision"] == "float32"
    assert lines["float32"].startswith("100.0 % of multiply-accumulates, ")
    assert lines["engine"].startswith(engine)


def test_json_has_everything(folder: Path) -> None:
    told = json.loads(info(folder / "model.xml", "--json").stdout)
    assert [file["name"] for file in told["files"]] == ["model.xml", "model.bin"]
    assert told["macs"] == 3 * 3
    assert told["int8_mac_share"] == 0.0
    assert told["inputs"][0]["dtype"] == "uint8"
    assert told["execution"]["slow"] == []
    assert told["hints"] == []


def test_a_model_of_another_kind_gets_hints_instead_of_a_refusal(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx to make a model")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights"], ["maps"], kernel_shape=[1, 1])],
        "detector",
        [helper.make_tensor_value_info("image", floats, ["batch", 3, "height", "width"])],
        [helper.make_tensor_value_info("maps", floats, ["batch", 2, "height", "width"])],
        [helper.make_tensor("weights", floats, [2, 3, 1, 1], [0.0] * 6)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (tmp_path / "foreign.onnx").write_bytes(model.SerializeToString())
    done = info(tmp_path / "foreign.onnx")
    assert done.returncode == 0, done.stderr
    assert "image  float32 (?, 3, ?, ?)" in done.stdout
    assert "– multiply-accumulates, 6 parameters" in done.stdout
    for part in ("no fixed size", "normalisation of pixels is outside", "NCHW", "no list of classes"):
        assert part in done.stdout
    assert json.loads(info(tmp_path / "foreign.onnx", "--json").stdout)["macs"] is None


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("model.tflite", b"", 1, "model.tflite is empty"),
        ("model.tflite", b"\x20\0\0\0TFL3", 1, "model.tflite is damaged"),
        ("model.onnx", b"\0" * 100, 1, "model.onnx is damaged"),
        ("model.xml", b"<net/>", 2, "needs model.bin beside it"),
        ("model.bin", b"\0", 2, "give the .xml beside it"),
        ("photo.jpg", b"\xff\xd8", 2, "edgetl knows .tflite, .onnx, .xml, a run and a bundle"),
    ],
)
def test_bad_files_get_a_sentence(name: str, content: bytes, code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    done = info(tmp_path / name)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_bad_places_get_a_sentence(tmp_path: Path) -> None:
    assert "neither a run nor a bundle" in info(tmp_path).stderr
    missing = info(tmp_path / "nothing.onnx")
    assert missing.returncode == 2
    assert "does not exist" in missing.stderr


def test_a_name_that_is_too_long_gets_a_sentence() -> None:
    done = info(Path("m" * 300 + ".onnx"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: mmm")
    assert "cannot be read: File name too long" in done.stderr or "does not exist" in done.stderr


def test_a_model_above_the_limit_is_refused_unread(folder: Path) -> None:
    with (folder / "model.tflite").open("wb") as file:
        file.truncate(30_000_000_000)  # takes no room on the disk
    done = info(folder / "model.tflite")
    assert done.returncode == 1
    assert "has 30000000000 bytes and the limit for a model is 536870912: set EDGETL_MAX_MODEL" in done.stderr
    both = sum((folder / name).stat().st_size for name in ("model.xml", "model.bin"))
    assert info(folder / "model.xml", EDGETL_MAX_MODEL_BYTES=str(both)).returncode == 0
    assert info(folder / "model.xml", EDGETL_MAX_MODEL_BYTES=str(both - 1)).returncode == 1


def test_cut_off_files_are_damaged(folder: Path) -> None:
    for name in ("model.tflite", "model.onnx", "model.bin"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) * 2 // 3])
        done = info(folder / ("model.xml" if name == "model.bin" else name))
        assert done.returncode == 1, (name, done.stdout)
        assert "cut off" in done.stderr or "damaged" in done.stderr


def test_a_missing_package_is_named_with_its_extra(folder: Path) -> None:
    code = f"""
import sys
sys.modules["onnx"] = None
sys.argv = ["edgetl", "info", {str(folder / "model.onnx")!r}]
from edgetl.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "looking into .onnx files needs onnx: pip install 'edgetl[train]'" in done.stderr


def test_a_bundle_tells_all_that_export_found_out(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(make.full_manifest().to_json())
    done = info(tmp_path)
    assert done.returncode == 0, done.stderr
    for line in (
        "embedding   a second output of every variant",
        "variants    tflite-float32     13.6 MB  accuracy 95.4 %  latency 3.00 ms  int8 0.0 %",
        "tflite-int8        3.90 MB  accuracy 95.4 %  latency 4.20 ms  int8 99.8 %  every layer in int8",
        "tflite-int16x8     4.00 MB  accuracy 94.8 %  latency 281 ms  int8 0.0 %",
        "onnx-dynamic       3.62 MB  accuracy 94.1 %  latency 6.20 ms  int8 0.0 %  REFUSED",
        "refused     onnx-dynamic loses 1.3 points, more than --max-drop 1",
        "measured    latency on PC: Intel Xeon Processor at 2.1 GHz, the machine that exported",
    ):
        assert line in done.stdout
    assert done.stdout.count("REFUSED") == 1
    assert json.loads(info(tmp_path, "--json").stdout)["refused"] == [
        "onnx-dynamic loses 1.3 points, more than --max-drop 1"
    ]


def test_a_bundle_of_which_little_is_known_leaves_the_rest_out(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(make.manifest(scored=False).to_json())
    told = info(tmp_path).stdout
    assert "embedding   none" in told
    assert "tflite-int8        3.90 MB\n" in told
    for word in ("latency", "REFUSED", "refused", "accuracy", "provenance"):
        assert word not in told
