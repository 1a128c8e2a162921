"""Each fault is found where it was planted, among real photos, and nothing is found where there is none."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import edgetl
from edgetl import images
from edgetl.contract import Contract
from edgetl.errors import DatasetError
from edgetl.progress import Progress
from edgetl.training.checking import pictures
from edgetl.training.checking.report import CheckReport
from edgetl.training.run import Run

TRAIN, VAL = 40, 20


def wide_enough(path: Path) -> bool:
    """Leaves out the few photos of hymenoptera that a check has something to say of."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), int)
        return (
            0.6 < image.width / image.height < 1.7
            and np.ptp(pixels, axis=2).mean() > 20
            and image.width >= 300
        )


@pytest.fixture(scope="session")
def clean(hymenoptera: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 real photos that nothing is wrong with."""
    folder = tmp_path_factory.mktemp("clean") / "insects"
    for split, count in (("train", TRAIN), ("val", VAL)):
        for label in ("ants", "bees"):
            (folder / split / label).mkdir(parents=True)
            good = (path for path in sorted((hymenoptera / split / label).iterdir()) if wide_enough(path))
            for path, _ in zip(good, range(count), strict=False):
                shutil.copy(path, folder / split / label)
    return folder


@pytest.fixture
def insects(clean: Path, tmp_path: Path) -> Path:
    """A copy of them to spoil."""
    return Path(shutil.copytree(clean, tmp_path / "insects"))


def light(data: Path, **options: object) -> CheckReport:
    """What is found without features."""
    return edgetl.check(data, look=False, **options)  # type: ignore[arg-type]


def kinds(report: CheckReport) -> set[tuple[str, str]]:
    """All but what the score can say, which is always said of so few photos."""
    return {(f.severity, f.kind) for f in report.findings} - {("warning", "what the score can say")}


def names(report: CheckReport, kind: str) -> list[str]:
    (found,) = [finding for finding in report.findings if finding.kind == kind]
    return sorted(photo.path.name for photo in found.photos)


def first(data: Path, place: str, number: int = 0) -> Path:
    return sorted((data / place).iterdir())[number]


def test_nothing_is_found_where_nothing_is_wrong(clean: Path) -> None:
    report = light(clean)
    assert kinds(report) == set()
    assert report.passed
    assert report.photos == {"train": 2 * TRAIN, "val": 2 * VAL, "test": 0}


def truncate(data: Path) -> list[str]:
    path = first(data, "train/ants")
    path.write_bytes(path.read_bytes()[:5000])
    (data / "val" / "bees" / "empty.jpg").touch()
    (data / "train" / "bees" / "page.png").write_text("<html>404</html>")
    Image.new("L", (20_000, 10_000)).save(data / "train" / "bees" / "huge.png")
    return [path.name, "empty.jpg", "huge.png", "page.png"]


def forbid(data: Path) -> list[str]:
    (data / "val" / "bees" / "memory.jpg").symlink_to("/proc/self/mem")  # not even root can read it
    return ["memory.jpg"]


def leak(data: Path) -> list[str]:
    source = first(data, "val/ants")
    shutil.copy(source, data / "train" / "ants" / "copy.jpg")
    return ["copy.jpg", source.name]


def contradict(data: Path) -> list[str]:
    source = first(data, "train/ants")
    shutil.copy(source, data / "train" / "bees" / "copy.jpg")
    return ["copy.jpg", source.name]


def count_twice(data: Path) -> list[str]:
    source = first(data, "train/ants")
    shutil.copy(source, data / "train" / "ants" / "copy.jpg")
    return ["copy.jpg", source.name]


def pass_over(data: Path) -> list[str]:
    first(data, "train/ants").rename(data / "train" / "ants" / "photo.heic")
    first(data, "train/ants").rename(data / "train" / "ants" / "photo.jfif")
    return ["photo.heic", "photo.jfif"]


def add_notes(data: Path) -> list[str]:
    (data / "train" / "ants" / "notes.txt").write_text("by hand")
    return ["notes.txt"]


def nest(data: Path) -> list[str]:
    (data / "train" / "bees" / "ants").mkdir()
    path = first(data, "train/ants")
    path.rename(data / "train" / "bees" / "ants" / path.name)
    return [path.name]


def sort_within(data: Path) -> list[str]:
    (data / "train" / "bees" / "monday").mkdir()
    path = first(data, "train/bees")
    path.rename(data / "train" / "bees" / "monday" / path.name)
    return [path.name]


def lengthen(data: Path) -> list[str]:
    with Image.open(first(data, "train/bees")) as image:
        image.crop((0, 100, image.width, 200)).save(data / "train" / "bees" / "long.jpg")
    return ["long.jpg"]


def enlarge(data: Path) -> list[str]:
    with Image.open(first(data, "train/bees")) as image:
        image.resize((2400, 1800)).save(data / "train" / "bees" / "large.jpg")
    return ["large.jpg"]


def blank(data: Path) -> list[str]:
    Image.new("RGB", (500, 375), (200, 180, 160)).save(data / "train" / "bees" / "blank.jpg")
    return ["blank.jpg"]


def darken(data: Path) -> list[str]:
    with Image.open(first(data, "train/bees")) as image:
        image.point(lambda value: value // 9).save(data / "train" / "bees" / "dark.png")
    return ["dark.png"]


def blur(data: Path) -> list[str]:
    with Image.open(first(data, "train/bees")) as image:
        image.filter(ImageFilter.GaussianBlur(20)).save(data / "train" / "bees" / "blurred.png")
    return ["blurred.png"]


def fade(data: Path) -> list[str]:
    with Image.open(first(data, "train/bees")) as image:
        image.convert("L").save(data / "train" / "bees" / "grey.jpg", quality=95)
    return ["grey.jpg"]


def fade_ants(data: Path) -> list[str]:
    paths = [path for place in ("train/ants", "val/ants") for path in sorted((data / place).iterdir())[::2]]
    for path in paths:
        with Image.open(path) as image:
            image.convert("L").convert("RGB").save(path, quality=95)
    return sorted(path.name for path in paths)


def empty(data: Path) -> list[str]:
    (data / "train" / "wasps").mkdir()
    return ["wasps"]


def leave_train(data: Path) -> list[str]:
    for split, count in (("train", 0), ("val", 6)):
        for number in range(count):
            (data / split / "wasps").mkdir(exist_ok=True)
            with Image.open(first(data, "train/bees", number)) as image:
                image.rotate(9).save(data / split / "wasps" / f"{number}.jpg", quality=95)
    return ["0.jpg"]


BROUGHT_ALONG = {
    leave_train: {"small classes", "few photos", "scenes in several splits"},
    lengthen: {"small photos"},
    enlarge: {"blurred photos", "copies in one split"},
    darken: {"copies in one split"},
    fade: {"copies in one split"},
    fade_ants: {"files that give the class away"},  # their files are of another quality then
}


@pytest.mark.parametrize(
    ("plant", "severity", "kind"),
    [
        (truncate, "error", "unreadable files"),
        (forbid, "error", "unreadable files"),
        (leak, "error", "leaks between splits"),
        (contradict, "error", "one picture, two labels"),
        (empty, "error", "empty class"),
        (leave_train, "error", "label without train photos"),
        (pass_over, "warning", "pictures passed over"),
        (nest, "warning", "nested folders"),
        (lengthen, "warning", "photos mostly cropped away"),
        (blank, "warning", "blank photos"),
        (fade_ants, "warning", "colour tells the class"),
        (sort_within, "note", "nested folders"),
        (add_notes, "note", "other files"),
        (count_twice, "note", "copies in one split"),
        (enlarge, "note", "odd sizes"),
        (darken, "note", "dark photos"),
        (blur, "note", "blurred photos"),
        (fade, "note", "grey and colour"),
    ],
)
def test_a_planted_fault_is_found_and_names_its_files(
    insects: Path, plant: Callable[[Path], list[str]], severity: str, kind: str
) -> None:
    planted = plant(insects)
    report = light(insects)
    assert (severity, kind) in kinds(report)
    assert names(report, kind) == sorted(planted)
    beside = BROUGHT_ALONG.get(plant, set())
    assert {found for _, found in kinds(report)} - beside == {kind}
    assert report.passed == (severity != "error")


def test_files_of_one_class_in_another_format_give_it_away(insects: Path) -> None:
    for path in [*(insects / "train" / "ants").iterdir(), *(insects / "val" / "ants").iterdir()]:
        with Image.open(path) as image:
            image.save(path.with_suffix(".png"))
        path.unlink()
    report = light(insects)
    (found,) = [finding for finding in report.findings if finding.kind == "files that give the class away"]
    assert "by the file format, 100 % of 'ants' are recognised and 0 % of the others" in found.title
    assert found.severity == "warning"


def test_small_and_skewed_classes_are_told(insects: Path) -> None:
    for path in sorted((insects / "train" / "bees").iterdir())[10:]:
        path.unlink()
    found = {finding.kind: finding.title for finding in light(insects).findings}
    assert "1 class has fewer than 20 train photos (bees 10)" in found["small classes"]
    assert "'ants' has 4 times the train photos of 'bees' (40 and 10)" in found["class skew"]


def test_labels_that_look_the_same_are_named_both(insects: Path) -> None:
    (insects / "train" / "ants").rename(insects / "train" / "Ants ")
    (found,) = [finding for finding in light(insects).findings if finding.kind == "labels alike"]
    assert f"{insects} has the labels 'Ants ' and 'ants'" in found.title
    with pytest.raises(DatasetError, match="'Ants ' and 'ants', which differ only in case, spaces or"):
        edgetl.train(insects, out=insects.parent / "run")


def test_two_classes_with_three_photos_are_told_and_not_refused(insects: Path, tmp_path: Path) -> None:
    for label in ("ants", "bees"):
        (tmp_path / "few" / label).mkdir(parents=True)
        for number in range(3):
            shutil.copy(first(insects, f"train/{label}", number), tmp_path / "few" / label)
    report = light(tmp_path / "few")
    assert ("error", "few photos") in kinds(report)
    assert report.photos == {"train": 6, "val": 0, "test": 0}


def test_every_line_of_a_csv_file_is_looked_at(insects: Path, tmp_path: Path) -> None:
    rows = [
        f"{path.relative_to(tmp_path)},{path.parent.name},{path.parent.parent.name}"
        for path in sorted(insects.rglob("*.jpg"))
    ]
    file = tmp_path / "photos.csv"
    bad = [
        "gone.jpg,ants,train",
        "lost.jpg,bees,val",
        "gone2.jpg,ants,",
        f"{rows[0].split(',')[0]},ants,holdout",
    ]
    file.write_text("\n".join(["path,label,split", *bad, *rows]) + "\n")
    report = light(file)
    assert names(report, "missing file") == ["gone.jpg", "gone2.jpg", "lost.jpg"]
    (line,) = [
        photo.note for finding in report.findings if finding.kind == "bad line" for photo in finding.photos
    ]
    assert line == f"{file}, line 5 has the split 'holdout': choose train, val or test"
    assert sum(report.photos.values()) == 2 * (TRAIN + VAL)


def test_refuses_what_holds_no_photos_at_all(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="needs one folder of photos per class, and it has none"):
        light(tmp_path)


class Counter(Progress):
    """Keeps how many photos were looked at."""

    looked_at: int | None = None

    def step(self, what: str, total: int | None = None):  # type: ignore[no-untyped-def]
        if what == "look at the photos":
            self.looked_at = total
        return super().step(what, total)


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_photos_are_looked_at_once_and_again_where_the_cache_is_damaged(
    clean: Path, fresh_cache: Path
) -> None:
    seen = Counter()
    before = light(clean, progress=seen)
    assert seen.looked_at == 2 * (TRAIN + VAL)
    again = light(clean, progress=seen)
    assert seen.looked_at == 0
    assert [f.to_dict() for f in again.findings] == [f.to_dict() for f in before.findings]
    (file,) = (fresh_cache / "pictures").rglob("*.npz")
    spoilt = bytearray(file.read_bytes())
    spoilt[len(spoilt) // 2] ^= 0xFF
    file.write_bytes(spoilt)
    light(clean, progress=seen)
    assert seen.looked_at == 2 * (TRAIN + VAL)


def test_exif_data_tell_the_camera_and_damaged_ones_do_not_matter(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Acme", "Snap 3"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:22 10:00:00"
    Image.new("RGB", (64, 48), "red").save(tmp_path / "a.jpg", exif=exif)
    pixels = np.zeros((32, 32, 3), np.uint8)
    found = pictures.measure(1, images.open_header(tmp_path / "a.jpg"), pixels)
    assert (found.camera, found.taken, found.width, found.height) == (
        "Acme Snap 3",
        "2026:11:22 10:00:00",
        64,
        48,
    )
    data = (
        (tmp_path / "a.jpg")
        .read_bytes()
        .replace(b"MM\x00*", b"MM\x00\x00")
        .replace(b"II*\x00", b"II\x00\x00")
    )
    assert pictures.measure(1, images.open_header(data), pixels).camera == ""


def test_a_picture_of_several_as_phones_take_has_a_camera_and_a_time(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Acme", "Phone 4"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:22 10:00:00"
    depth = Image.new("RGB", (64, 48), "grey")
    place = tmp_path / "a.jpg"
    Image.new("RGB", (64, 48), "red").save(place, "MPO", exif=exif, save_all=True, append_images=[depth])
    contract = Contract(32, 32)
    found = pictures.measure(1, images.open_header(place), images.decode(place, contract))
    assert (found.format, found.camera, found.taken) == ("MPO", "Acme Phone 4", "2026:11:22 10:00:00")


def test_a_class_without_a_readable_photo_leaves_no_labels_to_judge(
    clean: Path, tmp_path: Path, own_cache: Path
) -> None:
    shutil.copytree(clean / "train" / "ants", tmp_path / "photos" / "ants")
    (tmp_path / "photos" / "bees").mkdir()
    for number in range(8):
        (tmp_path / "photos" / "bees" / f"{number}.jpg").write_bytes(b"ftypheic %d" % number)
    report = edgetl.check(tmp_path / "photos")
    assert len(names(report, "unreadable files")) == 8


def test_a_check_finds_the_features_that_a_training_left(solar_run: Run, solar_photos: Path) -> None:
    computed: list[str] = []

    class Listener(Progress):
        def step(self, what: str, total: int | None = None):  # type: ignore[no-untyped-def]
            computed.append(what)
            return super().step(what, total)

    report = edgetl.check(solar_photos, progress=Listener())
    assert "features" not in computed
    assert "compare the splits" in computed
    assert {finding.severity for finding in report.findings} <= {"note", "warning"}
    assert "shift between splits" not in {finding.kind for finding in report.findings}


def test_a_shift_between_the_splits_is_found(solar_run: Run, solar_photos: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(solar_photos, tmp_path / "shifted"))
    for path in sorted((data / "test").rglob("*.png")):
        with Image.open(path) as image:
            image.filter(ImageFilter.GaussianBlur(3)).save(path)
    (found,) = [f for f in edgetl.check(data).findings if f.kind == "shift between splits"]
    assert found.severity == "warning"
    assert {photo.split for photo in found.photos} == {"test"}
