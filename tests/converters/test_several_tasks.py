"""A model of several tasks becomes a bundle: every format finds its head, and answers each task."""

from pathlib import Path

import numpy as np
import pytest

import edgetl
from edgetl.bundle import Bundle
from edgetl.converters import gate, tail, verification
from edgetl.converters.anatomy import reading
from edgetl.converters.export import Exported
from edgetl.converters.gate import Limits
from edgetl.errors import UsageError
from edgetl.manifest import Interval, Score, TaskScore
from edgetl.runtime import answers, engines
from edgetl.tasks import Task
from edgetl.training.kinds import Truth
from edgetl.training.run import Run

STATE = Task("state", "softmax", ("broken", "whole"), 0)
MARKS = Task("marks", "sigmoid", ("scratch", "dust"), 2, thresholds=(0.5, 0.5))


@pytest.fixture(scope="module")
def exported(cells_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """In int8, of all three formats."""
    return edgetl.export(
        cells_run.path,
        precisions="int8",
        calibration_images=40,
        max_drop=10,
        embedding=True,
        out=tmp_path_factory.mktemp("bundle") / "cells.edgetl",
    )


def test_the_bundle_knows_the_tasks_and_their_thresholds(exported: Exported, cells_run: Run) -> None:
    assert exported.bundle.manifest.tasks == cells_run.tasks
    assert exported.bundle.manifest.reject_threshold is None


def test_each_task_of_each_variant_is_scored(exported: Exported, cells_run: Run) -> None:
    told = cells_run.metrics["tasks"]
    trained = {name: found.get("accuracy", found.get("micro_f1"))["value"] for name, found in told.items()}
    for row in exported.scored:
        assert row.variant.score is not None
        assert [task.name for task in row.variant.score.tasks] == ["state", "crystal", "marks"]
        assert [task.images for task in row.variant.score.tasks] == [80, 72, 72]
        for task in row.variant.score.tasks:
            assert task.accuracy.value == pytest.approx(trained[task.name] - task.drop.value / 100)
            assert task.agreement > 0.9


def test_the_heads_and_what_is_behind_them_stay_in_float(exported: Exported) -> None:
    for variant in exported.bundle.manifest.variants:
        anatomy = reading.read(exported.bundle.model_files(variant))
        assert anatomy.precision == "int8"
        assert anatomy.int8_mac_share is not None
        assert 0.999 < anatomy.int8_mac_share < 1


def test_every_engine_answers_each_task(exported: Exported, cells_run: Run) -> None:
    photo = cells_run.dataset.split("test")[0]
    for variant in exported.bundle.manifest.variants:
        with edgetl.load(exported.bundle.path, variant.name) as model:
            result = model.classify(photo.path)
        assert result["state"].probabilities.sum() == pytest.approx(1, abs=1e-3)
        assert result["crystal"].probabilities.sum() == pytest.approx(1, abs=1e-3)
        assert result["marks"].labels == ("bad", "poly")
        assert result.embedding is not None
        assert result.embedding.shape == (1280,)


def test_the_bundle_verifies_itself(exported: Exported) -> None:
    found = edgetl.verify(exported.bundle.path)
    assert found.passed
    assert all(check.agreement is not None and check.agreement > 0.7 for check in found.variants)


def test_the_answers_are_those_of_the_heads(exported: Exported, cells_run: Run) -> None:
    """The sigmoid of a label and the softmax of a task, not one softmax over all."""
    bundle = exported.bundle
    expected = bundle.expected()
    sums = expected["keras"][:, :2].sum(axis=1), expected["keras"][:, 2:4].sum(axis=1)
    assert np.allclose(sums, 1, atol=1e-5)
    variant = bundle.variant("onnx-int8")
    with engines.start(engines.get("onnxruntime"), bundle.model_files(variant), num_threads=1) as engine:
        row = engine.run(expected["pixels"][:1])[0]
    assert np.abs(row - expected["keras"][:1]).max() < 0.2


def test_it_can_be_taught_no_classes(exported: Exported, cells_run: Run) -> None:
    with edgetl.load(exported.bundle.path) as model, pytest.raises(UsageError, match="can learn no classes"):
        model.teach("burnt", [cells_run.dataset.photos[0].path])


def test_the_page_of_the_bundle_has_each_task(exported: Exported) -> None:
    page = (Path(exported.bundle.path) / "report.html").read_text("utf-8")
    assert "Each task" in page
    assert "marks: Labels" in page
    assert "state: Accuracy" in page


def test_a_bundle_is_read_again(exported: Exported) -> None:
    assert Bundle.open(exported.bundle.path).manifest == exported.bundle.manifest


def test_scores_of_tasks_count_what_is_known() -> None:
    truth = Truth(
        np.array([[1, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 1]], np.bool_),
        np.array([[1, 1], [1, 0], [0, 1]], np.bool_),
    )
    reference = np.array([[0.9, 0.1, 0.8, 0.9], [0.2, 0.8, 0.9, 0.9], [0.5, 0.5, 0.1, 0.7]], np.float32)
    variant = np.array([[0.9, 0.1, 0.8, 0.2], [0.6, 0.4, 0.9, 0.9], [0.5, 0.5, 0.1, 0.7]], np.float32)
    found = verification.score_tasks(reference, variant, truth, (STATE, MARKS), split="test")
    state, marks = found.tasks
    assert (state.images, marks.images, found.images) == (2, 2, 3)
    # State: right of one and wrong of the other; the float model was right of both.
    assert (state.accuracy.value, state.drop.value) == (0.5, 50.0)
    # Marks: two labels said rightly of three that are there.
    assert marks.accuracy.value == pytest.approx(2 * 2 / (2 + 3))
    assert marks.drop.value == pytest.approx(100 * (1 - 0.8))
    assert marks.agreement == pytest.approx(2 * 4 / (5 + 4))
    assert found.accuracy.value == pytest.approx(2 * 3 / (4 + 5))


def test_answers_that_are_the_same_lose_nothing() -> None:
    rows = np.random.default_rng(0).random((40, 4), np.float32)
    holds = answers.said(rows, (STATE, MARKS))
    truth = Truth(holds, np.ones((40, 2), np.bool_))
    found = verification.score_tasks(rows, rows, truth, (STATE, MARKS), split="test")
    assert (found.accuracy.value, found.drop.value, found.agreement) == (1.0, 0.0, 1.0)


def test_the_gate_asks_every_task() -> None:
    def task(name: str, drop: float, agreement: float) -> TaskScore:
        return TaskScore(name, 100, Interval(0.9, 0.8, 1), Interval(drop, drop - 1, drop + 1), agreement)

    def score(*tasks: TaskScore) -> Score:
        return Score("test", 100, Interval(0.9, 0.8, 1), Interval(0, -1, 1), 0.99, tasks=tasks)

    fine, worse, other = task("a", 0.5, 0.95), task("b", 1.5, 0.95), task("c", 0.0, 0.8)
    assert gate.refusal("x", score(fine), Limits()) is None
    assert gate.refusal("x", score(fine, worse), Limits()) == (
        "x at the task 'b' loses 1.5 points, more than --max-drop 1"
    )
    refused = gate.refusal("x", score(fine, other), Limits())
    assert refused is not None
    assert "x at the task 'c' agrees on 80.0 %" in refused


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"out": ("Softmax", "head")}, "head"),
        ({"out": ("Sigmoid", "head")}, "head"),
        (
            {"out": ("Concat", "a", "b"), "a": ("Softmax", "c"), "b": ("Sigmoid", "d")}
            | {"c": ("Slice", "head", None), "d": ("Slice", "head", None)},
            "head",
        ),
        ({"out": ("Concat", "a", "b"), "a": ("Softmax", "head"), "b": ("Softmax", "other")}, None),
        ({"out": ("Slice", "head", None)}, None),
        ({"out": ("Mul", "a", "head"), "a": ("Sigmoid", "head")}, None),
    ],
)
def test_the_head_is_what_all_behind_it_reads(
    graph: dict[str, tuple[str | None, ...]], expected: str | None
) -> None:
    found = tail.find(
        "out",
        lambda node: str(graph.get(node, ("Gemm",))[0]),
        lambda node: graph[node][1:],
        lambda one, other: one == other,
    )
    assert (found.head if found else None) == expected


@pytest.mark.slow
def test_one_task_of_several_labels_needs_no_cuts(cells_run: Run, tmp_path: Path) -> None:
    run = edgetl.train(
        cells_run.path.parent / "cells.csv", tasks="marks:many", min_precision=0.9, out=tmp_path / "marks"
    )
    done = edgetl.export(run.path, precisions="int8", calibration_images=40, max_drop=10)
    assert edgetl.verify(done.bundle.path).passed
    (task,) = done.bundle.manifest.tasks
    assert (task.activation, done.bundle.labels) == ("sigmoid", ("bad", "poly"))
    with edgetl.load(done.bundle.path) as model:
        result = model.classify(run.dataset.split("test")[0].path)
    assert set(result.found) == set(result["marks"].found)
