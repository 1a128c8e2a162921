"""``edgetl teach``: what it prints, what it refuses, and what is there afterwards."""

import json
from pathlib import Path

import numpy as np
import pytest
import teachable
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image
from teachable import LABELS, certain

from edgetl.bundle import Bundle
from edgetl.cli.main import main
from edgetl.runtime import fake, teaching
from edgetl.runtime.base import Images, Outputs
from edgetl.runtime.teaching import exemplars

SIZE = 32


def edgetl(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


def pattern(kind: int, seed: int) -> NDArray[np.uint8]:
    """A picture of one kind of thing, uint8 (32, 32, 3)."""
    middle = np.random.default_rng(kind).integers(40, 216, (8, 8, 3))
    noise = np.random.default_rng([seed, kind]).normal(0, 25, (8, 8, 3))
    return np.kron((middle + noise).clip(0, 255), np.ones((4, 4, 1))).astype(np.uint8)


def look(images: Images) -> NDArray[np.float32]:
    """What the fake engine sees: the cells of the pattern, float32 (n, 192)."""
    return (images[:, 2::4, 2::4].reshape(len(images), -1) / 255).astype(np.float32)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """One whose engine sees patterns, and takes all of them for bees."""

    def run_one(self: fake.FakeEngine, image: Images) -> Outputs:
        return certain(np.ones(1, np.int64), sure=0.7), look(image)

    monkeypatch.setattr(fake.FakeEngine, "_run_one", run_one)
    truth = np.repeat(range(len(LABELS)), 20)
    shown = np.stack([pattern(kind, seed) for seed, kind in enumerate(truth)])
    return teachable.write_bundle(
        tmp_path / "insects.edgetl", exemplars.pack(look(shown), truth, certain(truth))
    )


@pytest.fixture
def dogs(tmp_path: Path) -> Path:
    """A folder of ten pictures."""
    folder = tmp_path / "dogs"
    folder.mkdir()
    for seed in range(10):
        Image.fromarray(pattern(7, seed)).save(folder / f"{seed}.png")
    return folder


def test_a_class_is_taught_listed_and_forgotten(bundle: Bundle, dogs: Path) -> None:
    taught = edgetl("teach", bundle.path, "--label", "dog", dogs)
    assert taught.exit_code == 0, taught.output
    assert "taught   dog with 10 new pictures\n" in taught.stdout
    assert "class    dog: 10 pictures, 10 recognised when left out\n" in taught.stdout
    assert "guard    60 of 60 exemplars of 3 classes right before, 60 after\n" in taught.stdout
    assert f"file     {teaching.place(bundle)}, " in taught.stdout
    assert f"next: edgetl run {bundle.path} {dogs}" in taught.stderr
    answers = edgetl("run", bundle.path, dogs)
    assert answers.stdout.count(": dog ") == 10
    listed = edgetl("teach", bundle.path, "--list")
    assert listed.stdout == taught.stdout.partition("\n")[2]
    forgotten = edgetl("teach", bundle.path, "--forget", "dog")
    assert forgotten.stdout == "forgot   dog\nlearned  nothing\n"
    assert edgetl("run", bundle.path, dogs).stdout.count(": bee 70.0 %") == 10
    assert not teaching.place(bundle).exists()


def test_pictures_taught_before_are_told_from_new_ones(bundle: Bundle, dogs: Path) -> None:
    edgetl("teach", bundle.path, "--label", "dog", dogs / "0.png", dogs / "1.png")
    again = edgetl("teach", bundle.path, "--label", "dog", str(dogs / "*.png"))
    assert "taught   dog with 8 new pictures, 2 taught before\n" in again.stdout


def test_few_pictures_and_odd_ones_are_advised_on(bundle: Bundle, dogs: Path, tmp_path: Path) -> None:
    few = edgetl("teach", bundle.path, "--label", "dog", dogs / "0.png", dogs / "1.png")
    assert "2 pictures of dog find some of it: 10 or more are better" in few.stderr
    bees = tmp_path / "bees"
    bees.mkdir()
    for seed in range(10):
        Image.fromarray(pattern(1, 900 + seed)).save(bees / f"{seed}.png")
    odd = edgetl("teach", bundle.path, "--label", "wasp", bees)
    assert "of 10 pictures of wasp are recognised when left out: give more" in odd.stderr


def test_json_says_the_same(bundle: Bundle, dogs: Path) -> None:
    taught = json.loads(edgetl("teach", bundle.path, "--label", "dog", dogs, "--json").stdout)
    assert taught == {
        "new_pictures": 10,
        "bundle": str(bundle.path),
        "file": str(teaching.place(bundle)),
        "labels": [{"label": "dog", "pictures": 10, "recognised": 10}],
        "guard": {"exemplars": 60, "classes": 3, "right_before": 60, "right_after": 60},
    }
    listed = json.loads(edgetl("teach", bundle.path, "--list", "--json").stdout)
    assert listed == {name: value for name, value in taught.items() if name != "new_pictures"}
    forgotten = json.loads(edgetl("teach", bundle.path, "--forget", "dog", "--json").stdout)
    assert forgotten == {"bundle": str(bundle.path), "file": None, "labels": [], "guard": None}


def test_classes_that_nothing_guards_are_told(bundle: Bundle, dogs: Path) -> None:
    known = exemplars.read(bundle)
    two = exemplars.Exemplars(known.features[:40], known.scale, known.labels[:40], known.answers[:40])
    teachable.with_exemplars(bundle, teachable.npz(**two.arrays()))
    taught = edgetl("teach", bundle.path, "--label", "dog", dogs)
    assert "1 of the bundle's classes have no exemplars, and nothing guards them" in taught.stderr


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ([], 2, "choose one: --label NAME"),
        (["--list", "--forget", "dog"], 2, "choose one"),
        (["--label", "dog"], 2, "go together"),
        (["--list", "DOGS"], 2, "go together"),
        (["--label", "bee", "DOGS"], 2, "'bee' is a class of"),
        (["--label", "dog", "nowhere"], 2, "nowhere"),
        (["--forget", "dog"], 2, "was not taught 'dog': nothing was taught"),
        (["--label", "dog", "DOGS", "--variant", "fake-int8"], 2, "has no variant 'fake-int8'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    bundle: Bundle, dogs: Path, words: list[str], code: int, reason: str
) -> None:
    done = edgetl("teach", bundle.path, *[dogs if word == "DOGS" else word for word in words])
    assert (done.exit_code, done.stdout) == (code, "")
    assert reason in done.stderr
    assert not teaching.place(bundle).exists()


def test_a_file_that_is_no_picture_teaches_nothing(bundle: Bundle, dogs: Path) -> None:
    (dogs / "5.png").write_bytes(b"words")
    done = edgetl("teach", bundle.path, "--label", "dog", dogs)
    assert done.exit_code == 1
    assert "5.png" in done.stderr
    assert not teaching.place(bundle).exists()


def test_a_damaged_file_stops_the_bundle_with_the_way_out(bundle: Bundle, dogs: Path) -> None:
    edgetl("teach", bundle.path, "--label", "dog", dogs)
    teaching.place(bundle).write_bytes(b"words")
    for words in (["run", bundle.path, dogs], ["teach", bundle.path, "--list"]):
        done = edgetl(*words)
        assert done.exit_code == 1
        assert f"remove it with  rm {teaching.place(bundle)}" in done.stderr
