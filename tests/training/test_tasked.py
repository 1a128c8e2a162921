"""``train --tasks`` and ``--multi-label``: a head for each question, in one model."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import support

import edgetl
from edgetl import cache
from edgetl.errors import DatasetError, EdgetlError, UsageError
from edgetl.progress import Progress
from edgetl.training import columns, dataset, features, task_rules
from edgetl.training.checking import check
from edgetl.training.config import TrainConfig
from edgetl.training.dataset import Photo
from edgetl.training.prepare import Prepared
from edgetl.training.run import Run


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return support.cells_csv(tmp_path_factory.mktemp("again") / "cells.csv")


def test_a_run_has_a_head_for_each_task(cells_run: Run) -> None:
    assert [task.name for task in cells_run.tasks] == ["state", "crystal", "marks"]
    assert cells_run.contract.labels[:3] == ("state=defective", "state=functional", "crystal=mono")
    told = cells_run.description
    assert set(told["heads"]) == {"state", "crystal", "marks"}
    assert "head" not in told
    marks = told["tasks"][2]
    assert (marks["activation"], marks["labels"], marks["start"]) == ("sigmoid", ["bad", "poly"], 4)
    assert all(0 < limit < 1 for limit in marks["thresholds"])


def test_each_task_is_scored_on_the_photos_that_say_something_of_it(cells_run: Run) -> None:
    tasks = cells_run.metrics["tasks"]
    assert {name: found["images"] for name, found in tasks.items()} == {
        "state": 80,
        "crystal": 72,
        "marks": 72,
    }
    # Mono and poly are told apart easily, and what is marked is what the other columns say.
    assert tasks["crystal"]["accuracy"]["value"] > 0.9
    assert tasks["marks"]["micro_f1"]["value"] > 0.7
    poly = tasks["marks"]["labels"][1]
    assert (poly["label"], poly["recall"]["value"] > 0.9) == ("poly", True)
    assert 0.7 < cells_run.metrics["accuracy"]["value"] < 1.0


def test_a_task_is_solved_as_if_it_were_alone(cells_run: Run, csv: Path, tmp_path: Path) -> None:
    alone = edgetl.train(csv, tasks="crystal", folds="none", layers="last", out=tmp_path / "crystal")
    assert alone.tasks == ()
    assert alone.contract.labels == ("mono", "poly")
    together = cells_run.metrics["tasks"]["crystal"]
    assert alone.metrics["accuracy"] == together["accuracy"]
    assert alone.metrics["log_loss"]["value"] == pytest.approx(together["log_loss"]["value"], abs=1e-4)


def test_a_task_is_cross_validated_on_features_as_its_head_reads_them(
    cells_run: Run, csv: Path, tmp_path: Path
) -> None:
    wanted: dict[str, Any] = {"folds": "3", "layers": "both"}
    together = edgetl.train(csv, tasks="state,crystal", out=tmp_path / "both", **wanted)
    alone = edgetl.train(csv, tasks="crystal", out=tmp_path / "crystal", **wanted)
    found, expected = together.metrics["tasks"]["crystal"], alone.metrics
    assert found["log_loss"]["value"] == pytest.approx(expected["log_loss"]["value"], abs=1e-4)
    assert found["cross_validation"]["log_loss"]["value"] == pytest.approx(
        expected["cross_validation"]["log_loss"]["value"], abs=1e-4
    )


def test_a_backbone_that_another_training_replaced_meanwhile_is_good_enough(
    cells_run: Run, csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not the cache of all tests: what they compare to the byte was built there.
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    extract = features.extract

    def slow(photos: Sequence[Photo], prepared: Prepared, progress: Progress) -> Any:
        found = extract(photos, prepared, progress)
        for empty_head in prepared.folder.glob("classifier-*"):
            empty_head.unlink()  # it is built when it is asked for
        return found

    monkeypatch.setattr(features, "extract", slow)
    run = edgetl.train(csv, tasks="state,crystal,marks:many", folds="none", out=tmp_path / "run")
    assert run.metrics == cells_run.metrics


def test_the_page_has_each_task(cells_run: Run) -> None:
    page = (cells_run.path / "report.html").read_text("utf-8")
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert [title for title in titles if title.startswith("marks: ")] == [
        "marks: Labels",
        "marks: Precision and recall",
        "marks: The hardest pictures",
    ]
    assert {"state: Accuracy", "crystal: Accuracy"} <= set(titles)
    assert titles.count("How it was trained") == 1


def test_a_damaged_list_of_tasks_is_no_whole_run(cells_run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for file in cells_run.path.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    told = json.loads((copy / "run.json").read_text())
    told["tasks"][0]["activation"] = "relu"
    (copy / "run.json").write_text(json.dumps(told))
    with pytest.raises(EdgetlError, match=r"is not a whole run .*the activation softmax or sigmoid"):
        Run.open(copy)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tasks": "state,crystal", "fine_tune": "last"}, "--fine-tune does not go with several tasks"),
        ({"tasks": "state,crystal", "hidden": 32}, "--hidden does not go with several tasks"),
        ({"tasks": "state,crystal", "backbone": "auto"}, "--backbone auto does not go with several tasks"),
        (
            {"tasks": "marks:many", "suspects": "downweight"},
            "downweight does not go with several labels a photo",
        ),
        ({"tasks": "marks", "multi_label": True, "folds": "5"}, "--folds does not go with several labels"),
        ({"tasks": "marks", "multi_label": True, "false_accept": 0.05}, "--false-accept does not go with"),
        (
            {"tasks": "state,crystal", "false_accept": 0.05},
            "of the two classes of 'state' none can be spared",
        ),
        (
            {"tasks": "state,crystal", "min_precision": 0.9},
            "chooses thresholds of several labels: add --multi-label",
        ),
        ({"tasks": "marks:many", "min_precision": 1.5}, "a precision of 1.5 is not offered"),
    ],
)
def test_what_does_not_go_together_is_refused_before_the_slow_work(
    csv: Path, tmp_path: Path, options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        edgetl.train(csv, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_head_of_several_tasks_is_not_kept(cells_run: Run, csv: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="answers several questions"):
        edgetl.train(csv, tasks="state", from_run=str(cells_run.path), keep_head=True, out=tmp_path / "run")


def test_a_column_that_is_missing_is_named(csv: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no column shape: choose --tasks from state, crystal, marks"):
        edgetl.train(csv, tasks="state,shape", out=tmp_path / "run")


def warned_of(folder: Path, cells: list[str], **options: Any) -> list[str]:
    """What is told of such labels, before the slow work."""
    lines = ["path,label"]
    for number, cell in enumerate(cells):
        support.scene(24, 24, seed=number).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{cell}")
    (folder / "list.csv").write_text("\n".join(lines))
    wanted = TrainConfig(data=str(folder / "list.csv"), **options)
    asked = columns.columns_of(wanted.tasks, multi_label=wanted.multi_label)
    return list(task_rules.advice(dataset.read(wanted.data, asked), wanted))


def test_cells_that_look_like_several_labels_are_told(tmp_path: Path) -> None:
    (sentence,) = warned_of(tmp_path, ["cat;dog", "cat"] * 8)
    assert sentence.startswith("labels such as 'cat;dog' look like several in one cell")
    report = check.check(tmp_path / "list.csv", look=False)
    assert "several labels in a cell" in [finding.kind for finding in report.findings]


def test_one_label_everywhere_is_told(tmp_path: Path) -> None:
    (sentence,) = warned_of(tmp_path, ["dog", "cat"] * 8, multi_label=True)
    assert sentence.startswith("every photo has exactly one label of 'label'")


def test_labels_as_they_should_be_are_not_spoken_of(tmp_path: Path) -> None:
    assert warned_of(tmp_path, ["dog", "cat", "cat;dog", ""] * 4, multi_label=True) == []
    assert warned_of(tmp_path, ["dog", "cat"] * 8) == []


def test_check_looks_at_one_column(csv: Path) -> None:
    report = check.check(csv, column="crystal", look=False)
    assert report.labels == ("mono", "poly")
    with pytest.raises(UsageError, match="names several: check one at a time"):
        check.check(csv, column="state,crystal", look=False)
