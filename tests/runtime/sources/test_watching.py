import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import encoded, scene

from edgetl.errors import DatasetError, UsageError
from edgetl.runtime.sources import watch

PHOTO = encoded(scene(40, 30))


def write(path: Path, content: bytes = PHOTO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class Looks:
    """Watches a folder and does one thing between each two looks, instead of sleeping."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = monkeypatch

    def __call__(self, *actions: Callable[[], object], existing: bool = False) -> list[str]:
        """The names that were yielded until nothing was left to do."""
        todo = list(actions)

        def act(_: float) -> None:
            if not todo:
                raise StopWatchingError
            todo.pop(0)()

        self._patch.setattr("time.sleep", act)
        found: list[str] = []
        with contextlib.suppress(StopWatchingError):
            found.extend(path.name for path in watch(self.folder, existing=existing))
        return found


class StopWatchingError(Exception):
    pass


def nothing() -> None:
    pass


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(tmp_path, monkeypatch)


def test_new_pictures_are_yielded_once(looks: Looks) -> None:
    folder = looks.folder
    assert looks(
        lambda: write(folder / "1.jpg"), nothing, nothing, lambda: write(folder / "2.PNG"), nothing, nothing
    ) == ["1.jpg", "2.PNG"]


def test_what_was_there_counts_only_if_asked(looks: Looks) -> None:
    write(looks.folder / "old.jpg")
    assert looks(nothing, nothing) == []
    assert looks(nothing, nothing, existing=True) == ["old.jpg"]


def test_a_picture_is_left_to_grow(looks: Looks) -> None:
    path = looks.folder / "1.jpg"
    grown: list[int] = []

    def grow() -> None:
        grown.append(len(grown) + 1)
        path.write_bytes(PHOTO * len(grown))

    assert looks(path.touch, nothing, grow, grow, grow) == []
    assert looks(nothing, nothing, existing=True) == ["1.jpg"]


def test_a_picture_that_was_growing_at_the_start_is_new(looks: Looks) -> None:
    path = write(looks.folder / "1.jpg", PHOTO[:100])
    assert looks(lambda: write(path), nothing, nothing) == ["1.jpg"]


def test_a_picture_written_anew_is_yielded_again(looks: Looks) -> None:
    path = looks.folder / "latest.jpg"
    assert looks(
        lambda: write(path), nothing, nothing, lambda: write(path, PHOTO + b"\0"), nothing, nothing
    ) == ["latest.jpg", "latest.jpg"]


def test_a_picture_removed_and_put_back_is_yielded_again(looks: Looks) -> None:
    path = looks.folder / "1.jpg"
    assert looks(lambda: write(path), nothing, path.unlink, lambda: write(path), nothing) == [
        "1.jpg",
        "1.jpg",
    ]


def test_several_new_pictures_come_oldest_first(looks: Looks) -> None:
    def write_both() -> None:
        os.utime(write(looks.folder / "a.jpg"), (2000, 2000))
        os.utime(write(looks.folder / "b.jpg"), (1000, 1000))

    assert looks(write_both, nothing) == ["b.jpg", "a.jpg"]


def test_hidden_and_other_files_are_not_pictures(looks: Looks) -> None:
    folder = looks.folder
    assert (
        looks(lambda: write(folder / ".1.jpg"), lambda: write(folder / "1.jpg.part"), nothing, nothing) == []
    )


def test_a_folder_that_goes_away_ends_the_watch(looks: Looks) -> None:
    with pytest.raises(DatasetError, match=r"cannot be watched any more: No such file or directory"):
        looks(lambda: shutil.rmtree(looks.folder))


def test_only_a_folder_can_be_watched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere is no folder: give one to watch"):
        watch(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is no folder"):
        watch(write(tmp_path / "1.jpg"))
