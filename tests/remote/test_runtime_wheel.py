"""The part of edgetl for devices: what is in it, and that it is enough."""

import base64
import csv
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import support

from edgetl.contract import Contract
from edgetl.remote import runtime_wheel as wheels
from edgetl.runtime import engines, probe_models

WHEEL_LIMIT_BYTES = 400_000
# An installed edgetl may not help out: of an editable one, the finder is taken away.
IMPORT_ALL = """
import importlib, json, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
lacking = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.startswith("edgetl"):
            lacking[name] = error.name
print(json.dumps(lacking))
"""
COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheels.write_wheel(tmp_path_factory.mktemp("wheel") / "dist"))


@pytest.fixture
def colour_bundle(tmp_path: Path) -> Path:
    """A bundle of the small model that doctor tries engines with."""
    contract = Contract(8, 8, labels=COLOURS)
    files = probe_models.files("tflite")
    picture = support.encoded(support.scene(), "PNG")
    from edgetl import images

    with engines.start(engines.for_format("tflite"), files, num_threads=1) as engine:
        (answer,) = engine.run(images.decode(picture, contract)[None])
    return support.write_bundle(
        tmp_path / "colours.edgetl",
        {"tflite-float32": files},
        {"tflite-float32": np.asarray(answer, np.float32)},
        contract,
        pictures=[picture],
    )


def test_the_same_edgetl_is_the_same_wheel_to_the_byte() -> None:
    assert wheels.runtime_wheel() == wheels.runtime_wheel()


def test_it_is_small(wheel: zipfile.ZipFile) -> None:
    assert sum(entry.compress_size for entry in wheel.infolist()) < WHEEL_LIMIT_BYTES


def test_nothing_of_the_workstation_is_in_it(wheel: zipfile.ZipFile) -> None:
    folders = tuple(f"{name.replace('.', '/')}" for name in wheels.WORKSTATION)
    assert [name for name in wheel.namelist() if name.startswith(folders)] == []
    names = set(wheel.namelist())
    assert "edgetl/cli/train.py" not in names
    runs = {"edgetl/runtime/litert.py", "edgetl/benchmarks/running/worker.py", "edgetl/reports/page.css"}
    assert runs <= names


def test_no_module_of_it_needs_one_that_is_not_in_it(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in wheel.namelist()
        if name.endswith(".py") and not name.endswith("__main__.py")
    ]
    command = [sys.executable, "-c", IMPORT_ALL, *modules]
    printed = subprocess.check_output(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, timeout=120)
    assert json.loads(printed) == {}


def test_the_record_names_every_file_with_its_digest(wheel: zipfile.ZipFile) -> None:
    (path,) = (name for name in wheel.namelist() if name.endswith("/RECORD"))
    rows = {row[0]: row[1:] for row in csv.reader(wheel.read(path).decode().splitlines())}
    assert set(rows) == set(wheel.namelist())
    for name, (digest, size) in rows.items():
        data = wheel.read(name)
        encoded = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        assert (digest, size) == (("", "") if name == path else (f"sha256={encoded}", str(len(data))))


def test_it_requires_what_the_device_package_requires(wheel: zipfile.ZipFile) -> None:
    (path,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    lines = [line for line in wheel.read(path).decode().splitlines() if line.startswith("Requires-Dist")]
    required = " ".join(lines)
    assert all(name in required for name in ("numpy", "pillow", "click", "ai-edge-litert", "onnxruntime"))
    assert not any(name in required for name in ("tensorflow", "keras", "asyncssh", "pytest"))


@pytest.mark.slow
@pytest.mark.device
def test_the_commands_of_a_device_work_from_it_alone(tmp_path: Path, colour_bundle: Path) -> None:
    wheel = wheels.write_wheel(tmp_path)
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", f"edgetl-runtime[litert] @ {wheel.as_uri()}"], check=True, timeout=300)
    (tmp_path / "photo.png").write_bytes(support.encoded(support.scene(), "PNG"))

    def edgetl(*words: str) -> str:
        command = [str(venv / "bin" / "edgetl"), *words]
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, f"{words}: {ended.stderr}"
        return ended.stdout

    doctor = json.loads(edgetl("doctor", "--json"))
    assert "litert" in json.dumps(doctor)
    assert "tflite-float32" in edgetl("verify", colour_bundle.name)
    assert any(label in edgetl("run", colour_bundle.name, "photo.png") for label in COLOURS)
    report = json.loads(edgetl("bench", colour_bundle.name, "--runs", "3", "--threads", "1", "--json"))
    assert [row["engine"] for row in report["results"]] == ["litert"]
    listing = "import importlib.metadata as m; print(*(d.name.lower() for d in m.distributions()))"
    listed = subprocess.check_output([str(python), "-c", listing], text=True)
    assert not {"keras", "tensorflow", "scikit-learn", "onnx", "scipy", "edgetl"} & set(listed.split())
