"""A real small search: real weights, real photos, two input sizes."""

import csv
import io
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import edgetl
from edgetl import demo
from edgetl.errors import GateError, UsageError, WeightsError
from edgetl.progress import Progress
from edgetl.training import config, dataset
from edgetl.training.choosing import search as searching
from edgetl.training.choosing import wishes
from edgetl.training.choosing.candidates import Candidate, at_hand
from edgetl.training.choosing.limits import Limits
from edgetl.training.choosing.outcome import Judged
from edgetl.training.run import Run
from edgetl.training.weights import WeightsSource

TWO = (96, 64)


class Listener(Progress):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 solar cells a class to learn from, in train and val, and 10 to score on."""
    pytest.importorskip("elpv_dataset", reason="needs the photos of the package elpv-dataset")
    folder = tmp_path_factory.mktemp("choice") / "cells"
    taken: Counter[str] = Counter()
    for line in csv.DictReader(io.StringIO(demo.solar_csv())):
        number = taken[line["label"]]
        split = "train" if number < 15 else "val" if number < 20 else "test"
        if number < 30:
            taken[line["label"]] += 1
            place = folder / split / line["label"]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(line["path"], place)
    return folder


@pytest.fixture(scope="module")
def two_candidates() -> list[Candidate]:
    return [
        replace(one, choice=replace(one.choice, size=size))
        for one in at_hand(2, size=96)
        if one.choice.name == "efficientnet_lite0"
        for size in TWO
    ]


@pytest.fixture(scope="module")
def chosen(photos: Path, two_candidates: list[Candidate], own_cache: Path) -> Run:
    """A run whose backbone was chosen out of two, for a Pi 4."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgetl.training.choosing.candidates.at_hand", lambda *_, **__: two_candidates)
        return edgetl.train(
            photos, out=photos.parent / "run", backbone="auto", board="pi4", max_latency_s=0.02
        )


def test_the_run_is_that_of_the_picked_candidate(chosen: Run) -> None:
    choice = chosen.description["choice"]
    picked = [one for one in choice["candidates"] if one["picked"]]
    assert len(picked) == 1
    assert chosen.description["backbone"] == {
        name: picked[0][key] for name, key in (("name", "backbone"), ("size", "size"), ("width", "width"))
    }
    assert chosen.contract.height == picked[0]["size"]
    assert choice["reason"] == picked[0]["why"]


def test_every_candidate_has_its_scores_and_an_estimated_latency(chosen: Run) -> None:
    choice = chosen.description["choice"]
    assert {one["size"] for one in choice["candidates"]} == set(TWO)
    assert choice["limits"] == {"latency_s": 0.02, "board": "pi4", "size_bytes": None}
    for one in choice["candidates"]:
        latency = one["latency"]
        assert (latency["kind"], latency["where"]) == ("estimated", "Raspberry Pi 4B")
        assert latency["low_s"] < latency["seconds"] < latency["high_s"] <= 0.02
        assert one["scores"]["log_loss"] > 0
        assert one["scores"]["h_score"] > 0
        assert one["trained_accuracy"]["low"] < one["trained_accuracy"]["value"]


def test_pictures_that_accuracy_is_measured_on_have_no_say(chosen: Run) -> None:
    choice = chosen.description["choice"]
    assert choice["pictures"] == choice["sample"] == 40
    assert chosen.metrics["images"] == 20


def test_run_toml_trains_the_picked_one_without_searching(chosen: Run, tmp_path: Path) -> None:
    options = config.read_config(chosen.path / "run.toml")
    assert options["backbone"] == "efficientnet_lite0"
    assert options["size"] == chosen.contract.height
    assert not {"max_latency_s", "board", "max_size_bytes", "candidates"} & set(options)
    again = edgetl.train(out=tmp_path / "again", config=chosen.path / "run.toml")
    assert again.description["model_sha256"] == chosen.description["model_sha256"]


def test_the_report_shows_the_front(chosen: Run) -> None:
    html = (chosen.path / "report.html").read_text("utf-8")
    assert "Which backbone" in html
    assert "efficientnet_lite0, 96 px" in html
    assert "estimated, not measured, for int8 on Raspberry Pi 4B" in html
    assert "lite0 64" in html


def test_without_a_board_latencies_are_measured_here(
    chosen: Run, photos: Path, two_candidates: list[Candidate]
) -> None:
    listener = Listener()
    found = searching.search(
        dataset.read(photos),
        two_candidates,
        Limits(latency_s=5.0),
        engine="openvino",
        best=1,
        progress=listener,
    )
    assert all(one.candidate.latency and one.candidate.latency.kind == "measured" for one in found.judged)
    assert [one.trained is not None for one in found.judged] == [True, False]
    assert found.judged[1].why == "others scored better"
    assert listener.notes[0].startswith("2 candidates, scored on 40 of 40 photos; the best 1 are then")
    with pytest.raises(GateError, match=r"none of the 2 candidates keeps to --max-latency 0\.001 ms on this"):
        searching.search(
            dataset.read(photos), two_candidates, Limits(latency_s=1e-6), engine="openvino", progress=listener
        )


def test_a_candidate_that_cannot_be_built_is_left_out_and_named(
    chosen: Run, photos: Path, two_candidates: list[Candidate], tmp_path: Path
) -> None:
    file = tmp_path / "mobilenet_v2.h5"
    file.write_bytes(b"no weights at all")
    source = WeightsSource("file", file, "file mobilenet_v2.h5", None, "1" * 64)
    broken = replace(two_candidates[1].choice, name="mobilenet_v2", weights=source)
    listener = Listener()
    found = searching.search(
        dataset.read(photos),
        [two_candidates[1], Candidate(broken, None)],
        Limits(),
        engine="openvino",
        progress=listener,
    )
    assert found.picked.candidate.choice == two_candidates[1].choice
    assert found.judged[-1].candidate.choice.name == "mobilenet_v2"
    assert "mobilenet_v2.h5" in found.judged[-1].why
    assert len(listener.warnings) == 1
    with pytest.raises(WeightsError, match=r"mobilenet_v2\.h5"):
        searching.search(
            dataset.read(photos), [Candidate(broken, None)], Limits(), engine="openvino", progress=listener
        )


def test_refuses_limits_that_nothing_keeps_to_before_the_slow_work(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"the nearest is efficientnet_lite0, 128 px, with 7\.\d+ ms"):
        edgetl.train(photos, out=tmp_path / "run", backbone="auto", board="pi4", max_latency_s=0.001)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_size_bytes": 4_000_000}, "add --backbone auto"),
        ({"backbone": "mobilenet_v2", "board": "pi4"}, "add --backbone auto"),
        ({"backbone": "auto", "board": "pi7"}, "board 'pi7' is not known"),
        ({"backbone": "auto", "candidates": 0}, "0 candidates cannot be trained: choose 1 or more"),
        ({"backbone": "auto", "max_latency_s": -1.0}, "--max-latency must be above 0"),
        ({"backbone": "auto", "crop": 7.0}, "crop 7 is not offered: choose above 0 and at most 1"),
        ({"crop": 7.0}, "crop 7 is not offered: choose above 0 and at most 1"),
    ],
)
def test_refuses_options_that_do_not_go_together(
    photos: Path, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        edgetl.train(photos, out=tmp_path / "run", **options)
    assert message in str(caught.value)


def test_of_too_many_candidates_each_backbones_largest_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST", 4)
    dropped: list[Judged] = []
    kept = searching._thinned(at_hand(2), Limits(latency_s=1.0, board="pi4"), dropped)
    names = [one.choice.name[-1] for one in kept]
    assert sorted(names) == ["0", "1", "2", "2"]
    assert {one.choice.size for one in kept} >= {224, 240, 260}
    assert len(dropped) == len(at_hand(2)) - 4
    assert all(one.why == "not tried: 4 others come first" for one in dropped)


def test_of_too_many_candidates_for_this_machine_the_smallest_are_tried_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searching, "MOST", 4)
    dropped: list[Judged] = []
    everything = at_hand(2)
    kept = searching._thinned(everything, Limits(latency_s=0.01), dropped)
    assert kept == [everything[0], *kept[1:3], everything[-1]]
    assert len({one.cost for one in kept}) == 4
    assert len(dropped) == len(everything) - 4
    assert searching._thinned(everything[:3], Limits(latency_s=0.01), []) == list(everything[:3])


def test_a_crop_that_is_named_is_searched_with(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Candidate] = []

    def search(photos: dataset.Dataset, candidates: list[Candidate], *_: object, **__: object) -> None:
        tried.extend(candidates)

    monkeypatch.setattr(searching, "search", search)
    photos = dataset.Dataset(Path("data"), ("ants", "bees"), ())
    wishes.search(photos, config.TrainConfig(data="data", backbone="auto", crop=0.5), "openvino", Listener())
    assert {one.choice.contract.crop_fraction for one in tried} == {0.5}


def test_run_json_is_plain(chosen: Run) -> None:
    text = (chosen.path / "run.json").read_text("utf-8")
    assert json.loads(text)["choice"]["ranked_by"] == "cross-validated log loss of the head"
