"""The head: what it promises whatever the pictures are."""

import numpy as np
import pytest
import teachable
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from teachable import LABELS, certain, seen

from edgetl.runtime.teaching import solving
from edgetl.runtime.teaching.exemplars import Exemplars
from edgetl.runtime.teaching.learned import Learned, margins
from edgetl.runtime.teaching.solving import MOST_LOST
from edgetl.runtime.teaching.taught import Taught


def taught(known: Exemplars, **classes: np.ndarray) -> Taught:
    found = Taught.nothing(known.width)
    for label, rows in classes.items():
        found = found.with_pictures(label, known.packed(rows), "a")
    return found


@given(
    count=st.integers(1, 12),
    seed=st.integers(0, 1000),
    # From quite another thing to the very pictures of an old class.
    likeness=st.floats(0, 1),
    spread=st.floats(0.05, 3),
)
def test_at_most_the_stated_share_of_exemplars_goes_to_new_classes(
    count: int, seed: int, likeness: float, spread: float
) -> None:
    known = teachable.known()
    rows = likeness * seen(1, count, seed=seed, spread=spread) + (1 - likeness) * seen(5, count, seed=seed)
    found = solving.solve(known, taught(known, new=rows + np.float32(1e-3)))
    assert found.guard.right_before == len(known.labels)
    assert found.guard.right_before - found.guard.right_after <= MOST_LOST * len(known.labels)


@given(
    probabilities=arrays.arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32)),
    rows=arrays.arrays(np.float32, (4, teachable.WIDTH), elements=st.floats(-1e6, 1e6, width=32)),
)
def test_any_answer_and_embedding_give_probabilities(probabilities: np.ndarray, rows: np.ndarray) -> None:
    probabilities = probabilities + np.float32(1e-6)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    extended = LEARNED.extend(probabilities, rows)
    assert extended.dtype == np.float32
    assert extended.shape == (4, 5)
    assert (extended >= 0).all()
    np.testing.assert_allclose(extended.sum(axis=1), 1, atol=1e-5)
    # Among each other, old classes keep their shares.
    old = extended[:, :3].astype(np.float64)
    np.testing.assert_allclose(old, probabilities * old.sum(axis=1, keepdims=True), atol=1e-5)


def learned() -> Learned:
    known = teachable.known()
    return solving.solve(known, taught(known, dog=seen(3, 10), fox=seen(4, 10)))


LEARNED = learned()


def test_each_exemplar_is_judged_as_if_it_had_not_been_there() -> None:
    known = teachable.known(per_class=12)
    pictures = taught(known, dog=seen(3, 6), fox=seen(4, 4))
    rows = np.concatenate([known.features, pictures.features])
    owners = np.concatenate([known.labels, len(LABELS) + pictures.owners])
    counts = np.bincount(owners)
    weights = 1.0 / counts[owners]
    weights /= weights.mean()
    inputs = np.random.default_rng(0).normal(size=(len(rows), 7))
    targets = 2.0 * np.eye(len(counts))[owners] - 1.0

    def solved(kept: np.ndarray) -> np.ndarray:
        design = np.column_stack([inputs[kept], np.ones(kept.sum())])
        weighted = design.T * weights[kept]
        return np.linalg.solve(weighted @ design + np.eye(8), weighted @ targets[kept])

    inverse = np.linalg.inv(inputs @ inputs.T + 1.0 + np.diag(1 / weights))
    scenes = np.arange(len(rows))
    scenes[[3, 5]] = 1  # pictures 1, 3 and 5 show one scene
    found = solving._left_out(targets, inverse @ targets, inverse, scenes)
    for place in (0, 1, 3, 5, len(rows) - 1):
        expected = np.append(inputs[place], 1.0) @ solved(scenes != scenes[place])
        np.testing.assert_allclose(found[place], expected, atol=1e-6)


def test_frames_of_a_still_camera_are_one_scene() -> None:
    known = teachable.known()
    burst = seen(3, 1) + np.random.default_rng(0).normal(0, 0.02, (10, teachable.WIDTH)).astype(np.float32)
    one, many = (solving.solve(known, taught(known, dog=rows)) for rows in (burst[:1], burst))
    assert many.pictures == (10,)
    assert many.recognised == (None,)
    # Nine more frames of one scene do not make the head surer of what a dog looks like.
    strange = seen(3, 40, seed=8)
    probabilities = certain(np.zeros(40, np.int64))
    shares = [(found.extend(probabilities, strange).argmax(axis=1) == 3).mean() for found in (one, many)]
    assert shares[1] >= shares[0] - 0.1


def test_pictures_are_recognised_when_left_out_unless_they_look_like_an_old_class() -> None:
    known = teachable.known()
    dogs = solving.solve(known, taught(known, dog=seen(3, 10)))
    bees = solving.solve(known, taught(known, dog=seen(1, 10, seed=5)))
    assert dogs.recognised == (10,)
    assert bees.recognised[0] is not None
    assert bees.recognised[0] <= 3


def test_classes_without_exemplars_are_told() -> None:
    known = teachable.known()
    some = Exemplars(known.features[:80], known.scale, known.labels[:80], known.answers[:80])
    assert solving.solve(some, taught(some, dog=seen(3, 5))).guard.classes == 2


def test_exemplars_the_model_gets_wrong_do_not_hold_new_classes_back() -> None:
    known = teachable.known()
    rows = seen(3, 10)
    features, answers = known.features.copy(), known.answers.copy()
    # Five "bees" that look like the new class, which the model takes for cats.
    features[40:45], answers[40:45] = known.packed(seen(3, 5, seed=50)), 2
    odd = Exemplars(features, known.scale, known.labels, answers)
    found = solving.solve(odd, taught(odd, dog=rows))
    assert found.guard.right_before == 115
    assert found.guard.right_after >= 114
    assert (found.margins(seen(3, 50, seed=9)) > found.threshold).mean() > 0.8


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_features_does_not_matter(scale: float) -> None:
    truth = np.repeat(range(3), 40)
    features = np.concatenate([seen(kind, 40) for kind in range(3)]) * np.float32(scale)
    known = teachable.exemplars.pack(features, truth, certain(truth))
    found = solving.solve(
        known, taught(known, dog=seen(3, 10) * np.float32(scale), fox=seen(4, 10) * np.float32(scale))
    )
    rows, probabilities = seen(3, 20, seed=3), certain(np.zeros(20, np.int64))
    np.testing.assert_allclose(
        found.extend(probabilities, rows * np.float32(scale)), LEARNED.extend(probabilities, rows), atol=1e-3
    )


def test_a_margin_is_over_the_best_old_class() -> None:
    scores = np.array([[0.1, 0.5, 0.7, 0.2], [0.9, -1.0, 0.0, 1.0]])
    np.testing.assert_allclose(margins(scores, 2), [[0.2, -0.3], [-0.9, 0.1]], atol=1e-6)
