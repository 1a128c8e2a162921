import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import write_fake_bundle

from edgetl.bundle import MANIFEST, Bundle, entry_of
from edgetl.errors import BundleError, DamagedBundleError, UsageError

WAY_OUT = "copy the bundle again, or export it anew"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_fake_bundle(tmp_path / "insects.edgetl", variants=("fake-float32", "fake-int8"))


def model_of(folder: Path) -> Path:
    return folder / "fake-float32" / "model.fake"


def test_a_whole_bundle_is_opened_and_read(folder: Path) -> None:
    bundle = Bundle.open(str(folder))
    assert bundle.labels == ("ant", "bee", "cat")
    assert bundle.model_files(bundle.variant("fake-int8")) == {"model.fake": model_of(folder).read_bytes()}
    assert set(bundle.expected()) == {"pixels", "keras", "probes", "fake-float32", "fake-int8"}
    assert bundle.expected()["pixels"].dtype == np.uint8
    for picture in bundle.manifest.golden.pictures:
        assert bundle.read(picture).startswith(b"\xff\xd8")


def test_a_place_without_a_bundle_is_named_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere does not exist: write a bundle with edgetl export"):
        Bundle.open(tmp_path / "nowhere")
    with pytest.raises(
        BundleError, match=r"is no bundle: it has no manifest\.json; write one with edgetl export"
    ):
        Bundle.open(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"photo\.jpg is no bundle"):
        Bundle.open(tmp_path / "photo.jpg")


def test_a_damaged_manifest_is_named(folder: Path) -> None:
    content = (folder / MANIFEST).read_bytes()
    (folder / MANIFEST).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=r"insects\.edgetl/manifest\.json: the manifest is not valid JSON"):
        Bundle.open(folder)


def test_a_bundle_of_a_newer_edgetl_says_upgrade(folder: Path) -> None:
    value = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**value, "schema": 99}))
    with pytest.raises(BundleError, match=r"manifest\.json: .*pip install --upgrade edgetl"):
        Bundle.open(folder)


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def leave_the_bundle(path: Path) -> None:
    outside = path.parents[2] / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def point_at_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (change_a_byte, r"is not the file that was exported \(SHA-256 differs\)"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), r"has \d+ bytes and the manifest says \d+"),
        (
            lambda path: path.write_bytes(path.read_bytes() + b"x"),
            r"has more than \d+ bytes and the manifest says",
        ),
        (lambda path: path.write_bytes(b""), "has 0 bytes and the manifest says"),
        (Path.unlink, r"cannot be read \(No such file or directory\)"),
        (become_a_folder, r"cannot be read \(Is a directory\)"),
        (leave_the_bundle, "is a link that leaves the bundle"),
        (point_at_itself, "cannot be read"),
    ],
    ids=["changed", "truncated", "longer", "empty", "missing", "folder", "link outside", "link loop"],
)
@pytest.mark.parametrize("name", ["fake-float32/model.fake", "golden/expected.npz"])
def test_a_damaged_file_is_named_with_a_way_out(
    folder: Path, name: str, damage: Callable[[Path], None], reason: str
) -> None:
    damage(folder / name)
    bundle = Bundle.open(folder)
    (model,) = bundle.variant("fake-float32").files
    with pytest.raises(DamagedBundleError, match=f"{name} {reason}.*: {WAY_OUT}"):
        bundle.read(model if model.path == name else bundle.manifest.golden.expected)


def test_damage_to_one_variant_leaves_the_others_usable(folder: Path) -> None:
    model_of(folder).unlink()
    bundle = Bundle.open(folder)
    assert bundle.model_files(bundle.variant("fake-int8"))


def test_a_link_inside_the_bundle_is_fine(folder: Path) -> None:
    model_of(folder).unlink()
    model_of(folder).symlink_to(Path("../fake-int8/model.fake"))
    bundle = Bundle.open(folder)
    assert bundle.model_files(bundle.variant("fake-float32"))


def test_a_bundle_reached_through_a_link_is_fine(folder: Path) -> None:
    link = folder.parent / "latest.edgetl"
    link.symlink_to(folder)
    bundle = Bundle.open(link)
    assert bundle.model_files(bundle.variant("fake-float32"))


def test_a_variant_that_is_not_there_is_named_with_those_that_are(folder: Path) -> None:
    bundle = Bundle.open(folder)
    with pytest.raises(
        UsageError, match=r"no variant 'fake-int4': choose fake-float32, fake-int8; did you mean fake-int8\?"
    ):
        bundle.variant("fake-int4")


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 broken", b""])
def test_golden_arrays_that_are_no_archive_are_refused(folder: Path, content: bytes) -> None:
    (folder / "golden" / "expected.npz").write_bytes(content)
    with pytest.raises(DamagedBundleError, match=r"expected\.npz is no NumPy archive"):
        relabelled(folder).expected()


def test_golden_arrays_of_python_objects_are_refused(folder: Path) -> None:
    with (folder / "golden" / "expected.npz").open("wb") as file:
        np.savez(file, pixels=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DamagedBundleError, match=r"expected\.npz is no NumPy archive"):
        relabelled(folder).expected()


def test_golden_arrays_that_lack_a_variant_are_refused(folder: Path) -> None:
    with (folder / "golden" / "expected.npz").open("wb") as file:
        np.savez(file, pixels=np.zeros(1), keras=np.zeros(1))
    with pytest.raises(DamagedBundleError, match=r"expected\.npz lacks fake-float32, fake-int8"):
        relabelled(folder).expected()


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        (np.zeros((1, 4), np.int64), r"int64 \(1, 4\)"),
        (np.zeros((1, 3), np.uint8), r"uint8 \(1, 3\)"),
        (np.zeros((65, 4), np.uint8), "at most 64 rows"),
        (np.array([[3, 0, 0, 4]], np.uint8), "not among the 3 golden ones"),
        (np.array([[0, 0, 0, 9]], np.uint8), "parts that are none"),
        (np.array([[0, 1, 0, 4]], np.uint8), r"has fake-float32 as float32 \(3, 3\)"),
    ],
)
def test_probes_that_cannot_be_made_or_have_no_answers_are_refused(
    folder: Path, probes: NDArray[Any], words: str
) -> None:
    place = folder / "golden" / "expected.npz"
    with np.load(place) as arrays:
        held = dict(arrays)
    with place.open("wb") as file:
        np.savez(file, **held, probes=probes)
    with pytest.raises(DamagedBundleError, match=words):
        relabelled(folder).expected()


def relabelled(folder: Path) -> Bundle:
    """The bundle as if its golden arrays had been exported as they are now."""
    bundle = Bundle.open(folder)
    golden = dataclasses.replace(
        bundle.manifest.golden, expected=entry_of(folder, folder / "golden" / "expected.npz")
    )
    return Bundle(folder, dataclasses.replace(bundle.manifest, golden=golden))


def test_a_bundle_whose_old_one_had_stepped_aside_when_its_writer_was_killed_is_brought_back(
    tmp_path: Path,
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    bundle = write_fake_bundle(tmp_path / "insects.edgetl")
    bundle.rename(tmp_path / f".insects.edgetl.tmp-old-{ended.pid}-0123abcd-0.edgetl")
    assert Bundle.open(bundle).labels == ("ant", "bee", "cat")
    assert [path.name for path in tmp_path.iterdir()] == ["insects.edgetl"]
