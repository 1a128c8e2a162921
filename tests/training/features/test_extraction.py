"""Features of real pictures by a real network: once each, killed or not, whatever the cache went through."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import support
from PIL import Image

from edgetl import cache, images
from edgetl.errors import UsageError, WriteError
from edgetl.progress import SILENT, Progress
from edgetl.reports.units import format_size
from edgetl.training import dataset, features, prepare
from edgetl.training.dataset import Photo
from edgetl.training.features.shards import SUFFIX, record_bytes
from edgetl.training.prepare import Prepared
from edgetl.training.run import Run

RECORD = record_bytes(1280 + 1664)  # the last map and the blocks of EfficientNet-Lite0


class Listener(Progress):
    """Counts the pictures that are computed, and keeps warnings."""

    def __init__(self) -> None:
        self.computed = 0
        self.warnings: list[str] = []

    @contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        def advance(count: int) -> None:
            self.computed += count

        yield advance

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def prepared(solar_run: Run) -> Prepared:
    """The backbone of that run, from the cache."""
    choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
    return prepare.prepare(choice, engine=prepare.choose_engine("auto"), classes=2, progress=SILENT)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without features."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def shards(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"[!.]*{SUFFIX}"))


def hashes(photos: tuple[Photo, ...]) -> list[str]:
    return [photo.sha256 for photo in photos]


def test_every_picture_is_computed_once_whatever_it_is_called(
    prepared: Prepared, solar_photos: Path, empty_cache: Path
) -> None:
    photos = dataset.read(solar_photos).photos[:30]
    again = tuple(Photo(photo.path, 1 - photo.label, "val", photo.sha256) for photo in photos[:5])
    listener = Listener()
    table, unreadable = features.extract(photos + again, prepared, listener)
    assert (listener.computed, len(table), unreadable) == (30, 30, {})
    with prepared.start(num_threads=1) as engine:
        for photo in photos[::10]:
            (expected,) = engine.run(images.decode(photo.path, prepared.choice.contract)[np.newaxis])
            assert np.array_equal(table.whole[photo.sha256], expected[0])
            assert np.array_equal(table[photo.sha256], expected[0][:1280])
            assert np.array_equal(table.part("blocks")[photo.sha256], expected[0][1280:])
    listener = Listener()
    features.extract(photos, prepared, listener)
    assert listener.computed == 0


def test_a_fresh_cache_gives_the_same_features_to_the_bit(
    prepared: Prepared, solar_run: Run, empty_cache: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = solar_run.dataset.photos[:25]
    fresh, _ = features.extract(photos[::-1], prepared, SILENT)
    monkeypatch.setenv(cache.VARIABLE, str(own_cache))
    listener = Listener()
    cached, _ = features.extract(photos, prepared, listener)
    assert listener.computed == 0
    assert np.array_equal(fresh.rows(hashes(photos)), cached.rows(hashes(photos)))


def test_killed_at_any_moment_it_goes_on_from_there(
    prepared: Prepared, solar_photos: Path, empty_cache: Path
) -> None:
    photos = dataset.read(solar_photos).photos
    program = """
import sys
from pathlib import Path
from edgetl.progress import SILENT
from edgetl.training import dataset, features, prepare
choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
prepared = prepare.Prepared(choice, Path(sys.argv[2]), prepare.choose_engine("auto"))
features.extract(dataset.read(sys.argv[1]).photos, prepared, SILENT)
"""
    command = [sys.executable, "-c", program, str(solar_photos), str(prepared.folder)]
    moments = (7, 48, 113)
    for moment in moments:
        process = subprocess.Popen(command, cwd=empty_cache.parent)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if sum(shard.stat().st_size for shard in shards(empty_cache)) >= moment * RECORD:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    on_disk = sum((shard.stat().st_size - 16) // RECORD for shard in shards(empty_cache))
    assert on_disk >= moments[-1] - 1
    listener = Listener()
    table, _ = features.extract(photos, prepared, listener)
    assert listener.computed == len(photos) - on_disk  # none repeated
    assert table.has(hashes(photos)).all()  # none lost


def test_two_at_the_same_time_do_no_harm(prepared: Prepared, solar_photos: Path, empty_cache: Path) -> None:
    photos = dataset.read(solar_photos).photos[:40]
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from edgetl.progress import SILENT
from edgetl.training import dataset, features, prepare
choice = prepare.choose("efficientnet_lite0", size=None, width=1.0, weights_file=None)
prepared = prepare.Prepared(choice, Path(sys.argv[2]), prepare.choose_engine("auto"))
table, _ = features.extract(dataset.read(sys.argv[1]).photos[:40], prepared, SILENT)
print(len(table))
"""
    command = [sys.executable, "-c", program, str(solar_photos), str(prepared.folder)]
    both = [
        subprocess.Popen(command, cwd=empty_cache.parent, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [int(process.communicate(timeout=120)[0]) for process in both] == [40, 40]
    listener = Listener()
    table, _ = features.extract(photos, prepared, listener)
    assert (listener.computed, len(table)) == (0, 40)


def test_a_damaged_entry_is_computed_anew(prepared: Prepared, solar_photos: Path, empty_cache: Path) -> None:
    photos = dataset.read(solar_photos).photos[:12]
    before = features.extract(photos, prepared, SILENT)[0].rows(hashes(photos))
    (shard,) = shards(empty_cache)
    content = bytearray(shard.read_bytes())
    content[16 + 3 * RECORD + 1000] ^= 16
    shard.write_bytes(content[: 16 + 10 * RECORD + 77])
    listener = Listener()
    table, _ = features.extract(photos, prepared, listener)
    assert listener.computed == 3  # the changed one, and the two that were cut off
    assert np.array_equal(table.rows(hashes(photos)), before)
    listener = Listener()
    features.extract(photos, prepared, listener)
    assert (listener.computed, listener.warnings) == (0, [])


@pytest.mark.parametrize("name", ["backbone.json", "features.keras"])
def test_a_damaged_backbone_is_built_anew(name: str, empty_cache: Path) -> None:
    choice = prepare.choose("efficientnet_lite0", size=96, width=1.0, weights_file=None)
    listener = Listener()
    built = [
        prepare.prepare(choice, engine=prepare.choose_engine("auto"), classes=2, progress=listener)
        for _ in range(2)
    ]
    assert listener.warnings == []
    place = built[0].folder / name
    content = place.read_bytes()
    place.write_bytes(content[: len(content) // 2])
    prepare.prepare(choice, engine=prepare.choose_engine("auto"), classes=2, progress=listener)
    assert listener.warnings == ["the cached efficientnet_lite0 was damaged and is built anew"]
    assert len(place.read_bytes()) == len(content)


def test_a_cache_without_room_for_a_backbone_is_told_before_it_is_built(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(small_disk))
    choice = prepare.choose("efficientnet_lite0", size=96, width=1.0, weights_file=None)
    with pytest.raises(
        WriteError,
        match=r"^building efficientnet_lite0 takes [\d.]+ MB, and \S+ has 1\.05 MB free: free some space or "
        "name another folder in EDGETL_CACHE$",
    ):
        prepare.prepare(choice, engine=prepare.choose_engine("auto"), classes=2, progress=Listener())


def test_pictures_that_cannot_be_read_are_named_under_every_name(
    prepared: Prepared, solar_photos: Path, empty_cache: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    for split in ("train", "test"):
        for label in ("a", "b"):
            (folder / split / label).mkdir(parents=True)
            for number, path in enumerate(sorted((solar_photos / "train" / "defective").iterdir())[:3]):
                shutil.copy(path, folder / split / label / f"{number}.png")
    # 200 million pixels in 200 kB: refused by its header alone.
    huge = support.encoded(Image.new("L", (20_000, 10_000)), "PNG")
    (folder / "train" / "a" / "huge.png").write_bytes(huge)
    (folder / "train" / "b" / "huge.png").write_bytes(huge)
    (folder / "test" / "a" / "text.png").write_text("no picture")
    table, unreadable = features.extract(dataset.read(folder).photos, prepared, SILENT)
    assert len(table) == 3
    assert sorted(str(path.relative_to(folder)) for path in unreadable) == [
        "test/a/text.png",
        "train/a/huge.png",
        "train/b/huge.png",
    ]
    assert (
        "more than the limit of 50 million pixels: make it smaller first"
        in unreadable[folder / "train" / "b" / "huge.png"]
    )


def test_a_picture_that_cannot_be_read_is_named_once_in_its_warning() -> None:
    heard = Listener()
    reasons = {Path("a.jpg"): "a.jpg is no picture", Path("b.jpg"): "permission denied"}
    features.warn_unreadable(reasons, heard)
    assert heard.warnings == ["skipped: a.jpg is no picture", "skipped: b.jpg: permission denied"]


def test_a_cache_without_room_is_told_before_the_work(
    prepared: Prepared, solar_run: Run, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(small_disk))
    path = solar_run.dataset.photos[0].path
    photos = [Photo(path, 0, "train", f"{number:064x}") for number in range(240)]
    listener = Listener()
    with pytest.raises(WriteError) as caught:
        features.extract(photos, prepared, listener)
    assert str(caught.value) == (
        f"the features of the photos take {format_size(240 * RECORD)}, and {small_disk} has 1.05 MB free: "
        "free some space or name another folder in EDGETL_CACHE"
    )
    assert listener.computed == 0


def test_a_disk_that_fills_up_on_the_way_keeps_what_is_done(
    prepared: Prepared, solar_photos: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(small_disk))
    photos = dataset.read(solar_photos).photos[:60]

    class Filling(Listener):
        """Somebody else takes the room meanwhile."""

        @contextmanager
        def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
            (small_disk / "other").write_bytes(bytes(850_000))
            yield lambda count: None

    with pytest.raises(
        WriteError, match=r"the disk is full .*: free some space or name another folder in EDGETL_CACHE"
    ):
        features.extract(photos, prepared, Filling())
    (small_disk / "other").unlink()
    listener = Listener()
    table, _ = features.extract(photos, prepared, listener)
    assert table.has(hashes(photos)).all()
    assert 30 < listener.computed < 57


def test_views_of_a_picture_are_kept_apart_and_are_what_they_say(
    prepared: Prepared, solar_photos: Path, empty_cache: Path
) -> None:
    photos = dataset.read(solar_photos).photos[:4]
    plain, mirrored = (features.extract(photos, prepared, SILENT, view=view)[0] for view in (0, 1))
    assert not np.array_equal(plain.rows(hashes(photos)), mirrored.rows(hashes(photos)))
    pixels = images.decode(photos[0].path, prepared.choice.contract)
    with prepared.start(num_threads=1) as engine:
        (expected,) = engine.run(np.ascontiguousarray(pixels[:, ::-1])[np.newaxis])
    assert np.array_equal(mirrored.whole[photos[0].sha256], expected[0])
    with pytest.raises(UsageError, match=r"view 99 is not known: choose 0 \(plain\), 1 \(mirrored\)"):
        features.extract(photos, prepared, SILENT, view=99)


@pytest.mark.slow
def test_2000_pictures_killed_three_times_in_flat_memory(
    solar_run: Run, root: Path, hymenoptera: Path
) -> None:
    script = root / "benchmarks" / "peers" / "features_100k.py"
    done = subprocess.run(
        [sys.executable, str(script), "--count", "2000"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0, repeated 0, 0 of 200 differ" in done.stdout
