"""Grey and colour by class, of very many classes."""

from pathlib import Path

import pytest

from edgetl.contract import Contract
from edgetl.training.checking import colours
from edgetl.training.checking.pictures import Picture
from edgetl.training.checking.subject import Subject
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.listing import Listing


def test_each_photo_is_looked_at_a_few_times_however_many_classes_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classes, each = 300, 6
    photos = tuple(
        Photo(Path(f"{number}.jpg"), number // each, "train", f"{number:064x}")
        for number in range(classes * each)
    )
    seen = {
        photo.sha256: Picture(64, 48, 1, 99.0 if photo.label else 0.0, 99.0, 9.0, 9.0, "JPEG", "RGB", "", "")
        for photo in photos
    }
    data = Dataset(Path("data"), tuple(map(str, range(classes))), photos)
    subject = Subject(Listing(Path("data"), ()), (), data, True, Contract(32, 32), seen, {})
    looks, of = 0, Subject.of

    def counting(self: Subject, photo: Photo) -> Picture:
        nonlocal looks
        looks += 1
        return of(self, photo)

    monkeypatch.setattr(Subject, "of", counting)
    (found,) = colours.find(subject)
    assert found.kind == "colour tells the class"
    assert "100 % of '0'" in found.title
    assert looks <= 4 * len(photos)
