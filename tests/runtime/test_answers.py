"""How the outputs of a model are read where it has several tasks, or a task of several labels."""

import json
from pathlib import Path

import numpy as np
import pytest
import support
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import edgetl
from edgetl.cli.info import command as info
from edgetl.cli.run import command as run
from edgetl.errors import ModelError, UsageError
from edgetl.runtime import answers, fake
from edgetl.runtime.base import Outputs
from edgetl.tasks import Task, names_of_outputs

STATE = Task("state", "softmax", ("broken", "whole"), 0, reject_threshold=0.6)
MARKS = Task("marks", "sigmoid", ("scratch", "dust", "stain"), 2, thresholds=(0.5, 0.2, 0.9))
TASKS = (STATE, MARKS)
ROW = (0.25, 0.75, 0.4, 0.3, 0.95)
SHARES = st.floats(0, 1, width=32)


def bundle(folder: Path, tasks: tuple[Task, ...] = TASKS, probabilities: tuple[float, ...] = ROW) -> Path:
    labels = names_of_outputs(tasks)
    return support.write_fake_bundle(
        folder / "cells.edgetl", labels=labels, probabilities=probabilities, tasks=tasks
    )


def test_each_task_has_its_answer(tmp_path: Path) -> None:
    with edgetl.load(bundle(tmp_path)) as model:
        result = model.classify(support.scene())
    assert result.labels == ("state=broken", "state=whole", "marks=scratch", "marks=dust", "marks=stain")
    assert result["state"].label == "whole"
    assert result["state"].score == 0.75
    assert result["marks"].found == ("stain", "dust")
    assert result["marks"].top(1) == [("stain", pytest.approx(0.95))]
    assert result.found == ("state=whole", "marks=stain", "marks=dust")
    assert (result.label, result.score, result.unknown) == ("whole, stain", 0.75, False)


def test_a_task_that_is_not_there_is_named(tmp_path: Path) -> None:
    with edgetl.load(bundle(tmp_path)) as model:
        result = model.classify(support.scene())
    with pytest.raises(UsageError, match="no task 'colour': choose state, marks"):
        result["colour"]


def test_a_bundle_of_one_answer_has_no_tasks(tmp_path: Path) -> None:
    with edgetl.load(support.write_fake_bundle(tmp_path / "insects.edgetl")) as model:
        result = model.classify(support.scene())
    assert (result.answers, result.found) == ((), ("bee",))
    assert set(result.to_dict()) == {"label", "score", "unknown", "truncated", "top", "timings_ms"}
    with pytest.raises(UsageError, match="it has but one, the result itself"):
        result["bee"]


def test_a_picture_without_any_label_is_unknown(tmp_path: Path) -> None:
    marks = Task("label", "sigmoid", ("scratch", "dust"), 0, thresholds=(0.5, 0.5))
    with edgetl.load(bundle(tmp_path, (marks,), (0.4, 0.3))) as model:
        result = model.classify(support.scene())
    assert (result.label, result.unknown, result.found) == ("scratch", True, ())


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.just(5)), elements=SHARES))
def test_a_softmax_says_one_label_and_a_sigmoid_those_at_their_threshold(rows: NDArray[np.float32]) -> None:
    said = answers.said(rows, TASKS)
    assert said[:, STATE.places].sum(axis=1).tolist() == [1] * len(rows)
    assert (said[:, MARKS.places] == (rows[:, 2:] >= np.array([0.5, 0.2, 0.9], np.float32))).all()


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.just(4)), elements=SHARES))
def test_of_one_answer_a_picture_the_shared_labels_are_those_that_agree(rows: NDArray[np.float32]) -> None:
    other = rows[::-1]
    agree = float((rows.argmax(axis=1) == other.argmax(axis=1)).mean())
    assert answers.shared(answers.said(rows, ()), answers.said(other, ())) == pytest.approx(agree)


@given(hnp.arrays(np.float32, 5, elements=SHARES))
def test_what_is_found_is_what_is_said_but_for_unknown(row: NDArray[np.float32]) -> None:
    state, marks = answers.read(row, TASKS)
    said = answers.said(row[np.newaxis], TASKS)[0]
    assert set(marks.found) == {label for label, yes in zip(MARKS.labels, said[2:], strict=True) if yes}
    assert state.found == (() if row[:2].max() < np.float32(0.6) else (state.label,))


def test_what_is_no_number_is_no_answer() -> None:
    with pytest.raises(ModelError, match="no number"):
        answers.read(np.array([0.5, 0.5, np.nan, 0, 0], np.float32), TASKS)


def test_the_self_test_knows_tasks(tmp_path: Path) -> None:
    found = edgetl.verify(bundle(tmp_path))
    assert found.passed
    assert [check.agreement for check in found.variants] == [1.0]


def test_the_self_test_finds_other_thresholds(tmp_path: Path) -> None:
    place = bundle(tmp_path)
    with edgetl.load(place) as model:
        manifest = model.bundle.manifest
    then = np.array([ROW], np.float32)
    with pytest.MonkeyPatch.context() as patch:
        lower = Task("marks", "sigmoid", MARKS.labels, 2, thresholds=(0.1, 0.2, 0.9))
        original = answers.read
        patch.setattr(answers, "read", lambda row, _: original(row, (STATE, lower)))
        found = edgetl.verify(place)
    assert manifest.tasks == TASKS
    assert [check.differs for check in found.variants] == ["post-processing"]
    assert found.variants[0].problem is not None
    assert "has 'scratch', which was at 0.400" in found.variants[0].problem
    assert then.shape == (1, 5)


def test_run_prints_each_task(tmp_path: Path) -> None:
    support.scene().save(tmp_path / "cell.png")
    place = bundle(tmp_path)
    done = CliRunner().invoke(run, [str(place), str(tmp_path / "cell.png")], catch_exceptions=False)
    assert "cell.png: state: whole 75.0 %; marks: stain 95.0 %, dust 30.0 %  " in done.output
    done = CliRunner().invoke(run, [str(place), str(tmp_path / "cell.png"), "--json"], catch_exceptions=False)
    told = json.loads(done.stdout)
    assert told["found"] == ["state=whole", "marks=stain", "marks=dust"]
    assert told["tasks"]["marks"]["found"] == ["stain", "dust"]


def test_a_program_is_run_for_each_label_that_holds(tmp_path: Path) -> None:
    support.scene().save(tmp_path / "cell.png")
    program = tmp_path / "note"
    program.write_text(f"#!/bin/sh\necho $EDGETL_LABEL $EDGETL_SCORE >> {tmp_path}/seen\n")
    program.chmod(0o755)
    options = ["--on-label", "marks=dust", "--on-label", "marks=scratch", "--on-label", "state=whole"]
    done = CliRunner().invoke(
        run, [str(bundle(tmp_path)), str(tmp_path / "cell.png"), *options, "--exec", str(program)]
    )
    assert done.exit_code == 0
    assert (tmp_path / "seen").read_text() == "state=whole 0.750000\nmarks=dust 0.300000\n"


def test_info_tells_the_tasks(tmp_path: Path) -> None:
    done = CliRunner().invoke(info, [str(bundle(tmp_path))], catch_exceptions=False)
    assert "state: one of broken, whole; unknown below 60.0 %" in done.output
    assert "marks: any of scratch (from 50.0 %), dust (from 20.0 %), stain (from 90.0 %)" in done.output


def test_a_label_that_appears_beside_another_is_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = iter([(0.2, 0.8, 0.4, 0.1, 0.0), (0.1, 0.9, 0.6, 0.1, 0.0), (0.1, 0.9, 0.6, 0.1, 0.0)])

    def shown(*_: object) -> Outputs:
        return (np.array([next(rows)], np.float32),)

    monkeypatch.setattr(fake.FakeEngine, "_run_one", shown)
    frames = [np.zeros((32, 32, 3), np.uint8)] * 3
    with edgetl.load(bundle(tmp_path)) as model:
        seen = list(model.stream(iter(frames), every=True))
    assert [one.changed for one in seen] == [True, True, False]
    assert [one.appeared for one in seen] == [("state=whole",), ("marks=scratch",), ()]
