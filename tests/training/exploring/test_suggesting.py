"""Suggested labels: a model's, its group's where the model does not know, or a new kind."""

import numpy as np
import pytest

from edgetl.training.exploring import suggesting
from edgetl.training.exploring.grouping import Groups


def groups(of: list[int]) -> Groups:
    count = max(of) + 1
    return Groups(np.array(of), np.zeros((count, 2), np.float32), np.zeros(len(of), np.float32), 0.4, {})


ANSWERS = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.5, 0.5], [0.55, 0.45], [0.05, 0.95]], np.float32)


def test_without_a_model_labels_are_numbers_of_groups() -> None:
    found = suggesting.by_group(groups([0, 0, 1]))
    assert found.labels == ("group-01", "group-01", "group-02")
    assert (found.scores, found.unsure, found.new) == (None, None, (False, False))


def test_an_unknown_picture_gets_the_label_of_its_group() -> None:
    found = suggesting.by_model(
        groups([0, 0, 0, 1, 1, 1]), ANSWERS, ("ant", "bee"), ANSWERS.max(axis=1) < 0.7
    )
    assert found.labels[:3] == ("ant", "ant", "ant")
    assert found.scores is not None
    assert found.scores[:3].tolist() == pytest.approx([0.9, 0.8, 0.4])
    assert (found.names[0], found.new[0]) == ("ant", False)


def test_a_group_that_is_mostly_unknown_is_a_new_kind_and_what_is_known_in_it_keeps_its_label() -> None:
    found = suggesting.by_model(
        groups([0, 0, 0, 1, 1, 1]), ANSWERS, ("ant", "bee"), ANSWERS.max(axis=1) < 0.7
    )
    assert found.labels[3:] == ("new-02", "new-02", "bee")
    assert found.scores is not None
    assert found.scores[3:].tolist() == pytest.approx([0, 0, 0.95])
    assert (found.names[1], found.new[1]) == ("new-02", True)


def test_unsure_is_the_gap_between_the_two_best() -> None:
    found = suggesting.by_model(groups([0] * 6), ANSWERS, ("ant", "bee"), ANSWERS.max(axis=1) < 0)
    assert found.unsure is not None
    assert found.unsure.tolist() == pytest.approx([0.2, 0.4, 0.8, 1.0, 0.9, 0.1])


def test_a_new_kind_is_not_called_as_a_class_is() -> None:
    found = suggesting.by_model(groups([0, 0]), ANSWERS[3:5], ("ant", "New-01"), np.array([True, True]))
    assert found.labels == ("new-01-b", "new-01-b")


def test_labels_are_counted_by_group_the_most_frequent_first() -> None:
    told = suggesting.counts(groups([0, 0, 0, 1]), ("a", "b", "b", "c"))
    assert [list(counts.items()) for counts in told] == [[("b", 2), ("a", 1)], [("c", 1)]]
