"""What groups of photos that show the same mean, and which of them may go."""

import hashlib
from dataclasses import replace
from pathlib import Path

from edgetl.contract import Contract
from edgetl.training.checking import copies, fixing, mislabelled
from edgetl.training.checking.duplicates import Group
from edgetl.training.checking.duplicates import find as find_duplicates
from edgetl.training.checking.pictures import Picture
from edgetl.training.checking.subject import Subject
from edgetl.training.dataset import Dataset, Photo
from edgetl.training.listing import Listing

ROOT = Path("data")
LABELS = ("ants", "bees")


def photo(name: str, split: str = "train", label: int = 0) -> Photo:
    return Photo(
        ROOT / split / LABELS[label] / f"{name}.jpg",
        label,
        split,
        hashlib.sha256(f"{name} {split} {label}".encode()).hexdigest(),
    )


def picture(taken: str = "") -> Picture:
    return Picture(640, 480, 90_000, 120.0, 110.0, 50.0, 900.0, "JPEG", "RGB", "Acme", taken)


def subject(*photos: Photo, split_here: bool = False, times: dict[str, str] | None = None) -> Subject:
    seen = {each.sha256: picture((times or {}).get(each.path.stem, "")) for each in photos}
    dataset = Dataset(ROOT, LABELS, photos)
    return Subject(Listing(ROOT, ()), (), dataset, split_here, Contract(224, 224), seen, {})


def found(subject: Subject, *groups: Group) -> dict[str, str]:
    return {finding.kind: finding.severity for finding in copies.find(subject, groups)}


def test_a_picture_in_two_splits_is_a_leak_and_the_train_copy_goes() -> None:
    train, val, test = photo("a"), photo("b", "val"), photo("c", "test")
    group = Group((train, val, test), "exact", 1.0)
    assert found(subject(train, val, test), group) == {"leaks between splits": "error"}
    assert list(copies.to_remove([group])) == [train, val]


def test_what_only_looks_like_a_copy_goes_when_asked_alone() -> None:
    train, val, test = photo("a"), photo("b", "val"), photo("c", "test")
    group = Group((train, val, test), "copy", 0.9)
    assert found(subject(train, val, test), group) == {"copies in several splits": "warning"}
    assert list(copies.to_remove([group])) == []
    assert list(copies.to_remove([group], looks=True)) == [train, val]


def test_photos_that_look_the_same_with_two_labels_are_a_warning_and_stay() -> None:
    group = Group((photo("a"), photo("b", label=1)), "copy", 0.9)
    assert found(subject(*group.photos), group) == {"same look, two labels": "warning"}
    assert list(copies.to_remove([group], looks=True)) == []


def test_a_picture_with_two_labels_waits_for_somebody_to_look() -> None:
    train, test = photo("a"), photo("b", "test", 1)
    group = Group((train, test), "exact", 1.0)
    assert found(subject(train, test), group) == {
        "leaks between splits": "error",
        "one picture, two labels": "error",
    }
    assert list(copies.to_remove([group])) == []


def test_copies_inside_a_split_are_a_note_and_stay() -> None:
    group = Group((photo("a"), photo("b")), "copy", 0.99)
    assert found(subject(*group.photos), group) == {"copies in one split": "note"}
    assert list(copies.to_remove([group])) == []


def test_a_burst_over_splits_is_a_warning_and_one_inside_a_split_a_note() -> None:
    across = Group((photo("IMG_101"), photo("IMG_102", "test"), photo("IMG_104", "test")), "similar", 0.9)
    inside = Group((photo("c"), photo("d")), "similar", 0.9)
    everything = subject(*across.photos, *inside.photos)
    assert found(everything, across, inside) == {"scenes in several splits": "warning", "bursts": "note"}
    assert list(copies.to_remove([across, inside])) == []
    (crossing, _) = copies.find(everything, [across, inside])
    assert "1 of the 1 groups follow each other in name or time" in crossing.title
    assert "keep each scene in one split" in crossing.title


def test_photos_of_the_same_seconds_follow_each_other_too() -> None:
    times = {"x": "2026:11:22 10:00:00", "y": "2026:11:22 10:00:12", "z": "2026:11:22 12:00:00"}
    near = Group((photo("x"), photo("y", "test")), "similar", 0.9)
    far = Group((photo("x"), photo("z", "test")), "similar", 0.9)
    everything = subject(*near.photos, *far.photos, split_here=True, times=times)
    (one,) = copies.find(everything, [near])
    assert "1 of the 1 groups follow" in one.title
    assert "give the splits yourself" in one.title
    (one,) = copies.find(everything, [far])
    assert "follow" not in one.title


def test_a_group_inside_a_larger_one_is_told_once() -> None:
    train, copy = photo("a"), photo("b")
    test = replace(photo("c", "test"), sha256=train.sha256)
    scene = photo("d", "test")
    exact = Group((train, test), "exact", 1.0)
    wider = Group((train, copy, test), "copy", 0.98)
    widest = Group((train, copy, test, scene), "similar", 0.9)
    groups = [exact, wider, widest]
    # Without those that go, what is similar lies in test alone.
    assert found(subject(train, copy, test, scene), *groups) == {
        "leaks between splits": "error",
        "copies in several splits": "warning",
        "bursts": "note",
    }
    assert [each.path.stem for each in copies.to_remove(groups)] == ["a"]
    assert sorted(each.path.stem for each in copies.to_remove(groups, looks=True)) == ["a", "b"]


def test_groups_are_numbered_the_most_alike_first() -> None:
    loose = Group((photo("a"), photo("b")), "copy", 0.91)
    close = Group((photo("c"), photo("d")), "copy", 0.99)
    (one,) = copies.find(subject(*loose.photos, *close.photos), [loose, close])
    assert [(note.path.stem, note.group, note.score) for note in one.photos] == [
        ("c", 1, 0.99),
        ("d", 1, 0.99),
        ("a", 2, 0.91),
        ("b", 2, 0.91),
    ]


def test_the_same_bytes_are_one_group() -> None:
    same = [Photo(ROOT / name, 0, "train", "1" * 64) for name in ("a", "b", "c")]
    other = Photo(ROOT / "d", 0, "train", "2" * 64)
    assert find_duplicates([*same, other]) == (Group(tuple(same), "exact", 1.0),)


def test_fixing_is_promised_only_where_the_label_is_certain() -> None:
    scored, same, other = photo("z", "test"), photo("a"), photo("b", label=1)
    everything = subject(scored, same, other)
    promised = copies.find(everything, [Group((same, scored), "exact", 1.0)])[0].title
    assert promised.endswith("--fix moves the copies in train away and leaves the scored photos alone")
    doubtful = copies.find(everything, [Group((other, scored), "exact", 1.0)])[0].title
    assert doubtful.endswith("they have two labels, so look which is right, and remove the wrong copies")


def test_no_class_is_emptied_by_fixing() -> None:
    train = [photo(name) for name in "abcd"]
    bees = [photo(name, label=1) for name in "efgh"]
    leaks = [photo("z", "test")]
    everything = subject(*train, *bees, *leaks)
    assert set(fixing.plan(everything, train[:2], ()).why) == {train[0].path, train[1].path}
    assert fixing.plan(everything, train[:3], ()).why == {}


class Doubt:
    def __init__(self, index: int, given: int, suggested: int, score: float) -> None:
        self.index, self.given, self.suggested, self.score = index, given, suggested, score


def test_suspects_are_told_in_their_order_with_both_labels() -> None:
    photos = [photo("a"), photo("b", label=1), photo("c")]
    (one,) = mislabelled.find(subject(*photos), photos, [Doubt(1, 1, 0, 0.97), Doubt(0, 0, 1, 0.6)])
    assert [(note.path.stem, note.note) for note in one.photos] == [
        ("b", "bees, or ants?"),
        ("a", "ants, or bees?"),
    ]
    assert one.title.startswith("2 photos look like another class than the label says (66.7 % of all)")
    assert mislabelled.find(subject(*photos), photos, []) == []
