from pathlib import Path

import pytest
from support import encoded, scene

from edgetl.errors import DatasetError, UsageError
from edgetl.runtime.sources import pictures

PHOTO = encoded(scene(40, 30))


def write(path: Path, content: bytes = PHOTO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "photo.from-camera")
    assert pictures(path) == pictures(str(path)) == [path]


def test_a_folder_is_searched_in_order_without_hidden_or_other_files(tmp_path: Path) -> None:
    kept = [write(tmp_path / name) for name in ("a/2.png", "a/b/1.JPG", "b.webp", "c.Tif")]
    for name in (".hidden.jpg", ".cache/thumb.jpg", "a/.git/x.jpg", "notes.txt", "jpg", "model.tflite"):
        write(tmp_path / name)
    assert pictures(tmp_path) == sorted(kept)


def test_a_folder_that_is_hidden_itself_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / ".camera" / "1.jpg")
    assert pictures(tmp_path / ".camera") == [path]


def test_a_folder_that_links_to_itself_is_searched_once(tmp_path: Path) -> None:
    path = write(tmp_path / "1.jpg")
    (tmp_path / "again").symlink_to(tmp_path)
    assert pictures(tmp_path) == [path]


def test_a_pattern_names_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (write(tmp_path / name) for name in ("a/1.jpg", "a/2.jpg", "b/3.jpg"))
    assert pictures(f"{tmp_path}/a/*.jpg") == [first, second]
    assert pictures(f"{tmp_path}/**/*.jpg") == [first, second, third]
    assert pictures(f"{tmp_path}/?/[13].jpg") == [first, third]
    monkeypatch.chdir(tmp_path)
    assert pictures("a/*.jpg") == [Path("a/1.jpg"), Path("a/2.jpg")]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    path = write(tmp_path / "photo[1].jpg")
    assert pictures(path) == [path]


def test_what_is_not_there_is_named_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"nowhere\.jpg does not exist: give a picture, a folder or a pattern"
    ):
        pictures(tmp_path / "nowhere.jpg")
    with pytest.raises(UsageError, match=r"nothing matches .*\*\.jpg: give a picture, a folder or a pattern"):
        pictures(f"{tmp_path}/*.jpg")


def test_a_folder_without_pictures_says_what_it_looks_for(tmp_path: Path) -> None:
    write(tmp_path / "notes.txt")
    with pytest.raises(DatasetError, match=r"has no pictures: edgetl takes \.bmp, \.gif, \.jpeg"):
        pictures(tmp_path)
