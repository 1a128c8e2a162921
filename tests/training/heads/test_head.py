"""The head is the optimum it claims to be, and is chosen on photos it was not solved on."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from edgetl.errors import UsageError
from edgetl.training.arrays import Floats, Labels, Rows
from edgetl.training.heads import choosing, logistic
from edgetl.training.heads import head as heads
from edgetl.training.heads import held_out as judging
from edgetl.training.heads.choosing import Problem
from edgetl.training.heads.logistic import Basis, Targets


def blobs(
    count: int, width: int, classes: int, *, seed: int = 0, spread: float = 2.0
) -> tuple[Floats, Labels]:
    """Correlated features around one centre a class, of very unequal variance, as networks give them."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    mixing = random.normal(size=(width, width)) * np.geomspace(1, 1e-3, width)
    centres = random.normal(size=(classes, width))
    features = (centres[labels] + spread * random.normal(size=(count, width))) @ mixing + 5.0
    return features.astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize(("count", "width", "classes"), [(60, 200, 2), (400, 50, 3), (300, 40, 10)])
def test_finds_the_optimum_that_scikit_learn_finds(count: int, width: int, classes: int) -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the reference here")
    features, labels = blobs(count, width, classes)
    basis = Basis.of(features)
    projected = basis.project(features)
    solution = logistic.solve(projected, Targets.of(labels, classes), basis.projected(), 0.1)
    # For two classes scikit-learn penalises one vector where a softmax has two halves of it.
    strength = 0.2 if classes == 2 else 0.1
    reference = linear.LogisticRegression(C=strength, max_iter=5000, tol=1e-8).fit(
        projected.astype(np.float64), labels
    )
    ours = heads.softmax(solution.logits(projected, basis.projected()))
    assert np.abs(ours - reference.predict_proba(projected)).max() < 2e-3


@pytest.mark.parametrize("balanced", [False, True])
def test_no_small_step_away_from_the_solution_is_better(balanced: bool) -> None:
    features, labels = blobs(90, 12, 3)
    labels[:45] = 0
    basis = Basis.of(features)
    projected = basis.project(features)
    strength, classes = 0.3, 3
    targets = Targets.of(labels, classes, balanced=balanced)
    solution = logistic.solve(projected, targets, basis.projected(), strength)
    counts = np.bincount(labels)
    share = 1 / (classes * counts[labels]) if balanced else np.full(90, 1 / 90)

    def objective(flat: np.ndarray) -> float:
        weights, bias = flat[:-classes].reshape(-1, classes), flat[-classes:]
        probabilities = heads.softmax(projected.astype(np.float64) @ weights + bias).astype(np.float64)
        entropy = -share @ np.log(probabilities[np.arange(90), labels])
        return float(entropy + (weights**2).sum() / (2 * strength * 90))

    flat = np.concatenate([solution.weights.ravel(), solution.bias])
    slope = approx_fprime(flat, objective, 1e-4)
    assert np.abs(slope).max() < 2e-3


@given(st.integers(2, 40), st.integers(1, 40), st.integers(0, 9))
def test_projecting_and_unfolding_is_the_same_as_not_doing_so(count: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(3, 2, (count, width)).astype(np.float32)
    basis = Basis.of(features)
    weights = random.normal(size=(len(basis.variances), 3))
    bias = random.normal(size=3)
    kernel, offset = basis.unfold(weights, bias)
    assert np.allclose(basis.project(features) @ weights + bias, features @ kernel + offset, atol=2e-2)


def test_learns_classes_that_can_be_told_apart() -> None:
    features, labels = blobs(300, 64, 4, spread=0.1)
    head = heads.fit(features[:200], labels[:200], held_out=(features[200:], labels[200:]))
    assert (head.probabilities(features[200:]).argmax(axis=1) == labels[200:]).all()
    assert head.chosen_on == "val"


def test_chooses_stronger_regularisation_for_noise_than_for_signal() -> None:
    features, labels = blobs(200, 100, 2, spread=0.2)
    shuffled = np.random.default_rng(3).permutation(labels)
    signal = heads.fit(features, labels, held_out=None)
    noise = heads.fit(features, shuffled, held_out=None)
    assert noise.strength < signal.strength
    assert signal.chosen_on == "5-fold cross-validation"


def test_folds_are_as_many_as_the_rarest_class_allows() -> None:
    features, labels = blobs(40, 8, 2)
    labels[:] = 0
    labels[:3] = 1
    assert heads.fit(features, labels, held_out=None).chosen_on == "3-fold cross-validation"


def named(numbers: Labels) -> list[str]:
    """A SHA-256 for each number."""
    return [f"{number:064x}" for number in numbers.tolist()]


def faint(count: int, *, seed: int = 0) -> tuple[Floats, Labels]:
    """Two classes that differ a little in 3 of 60 features."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    features = random.normal(size=(count, 60)) + 0.7 * labels[:, None] * (np.arange(60) < 3)
    return features.astype(np.float32), labels.astype(np.int64)


def test_copies_of_a_photo_are_held_out_together() -> None:
    features, labels = faint(150)
    new, truth = faint(1000, seed=1)
    times = np.tile(np.arange(150), 4)  # each photo stands there four times
    known, unknown = (
        heads.fit(features[times], labels[times], held_out=None, hashes=hashes)
        for hashes in (named(times), None)
    )
    assert known.strength < unknown.strength
    losses = [judging.log_loss(np.log(head.probabilities(new)), truth) for head in (known, unknown)]
    assert losses[0] < 0.8 * losses[1]


@pytest.mark.parametrize("count", [40, 11_000])
def test_no_photo_is_solved_on_while_its_copy_is_held_out(count: int) -> None:
    features, labels = blobs(count, 4, 2)
    photos = np.minimum(np.arange(count), np.arange(count)[::-1])  # each stands there twice
    labels = labels[photos]
    rows = Rows.of(features)
    problem = Problem(
        *(rows, labels, np.ones(count), Basis.of(rows)),
        classes=2,
        balanced=False,
        smoothing=0.0,
        hashes=named(photos),
    )
    for mask in problem.choose((0.1,), None, 0).masks:
        assert mask.any()
        assert not np.isin(photos[mask], photos[~mask]).any()


def test_different_photos_are_held_out_as_if_nothing_was_said_of_copies() -> None:
    features, labels = blobs(120, 10, 3)
    said, unsaid = (
        heads.fit(features, labels, held_out=None, hidden=4, hashes=hashes)
        for hashes in (named(np.arange(120)[::-1]), None)
    )
    assert np.array_equal(said.kernel, unsaid.kernel)


@pytest.mark.parametrize("count", [60, 10_200])
def test_a_class_of_one_photo_in_copies_is_solved(count: int) -> None:
    features, labels = blobs(count, 5, 2)
    labels[:6], features[:6] = 2, 9.0
    hashes = named(np.maximum(np.arange(count), 5))
    for seed in range(5):
        head = heads.fit(features, labels, held_out=None, hashes=hashes, strengths=(0.01, 0.1), seed=seed)
        assert head.probabilities(features[:1])[0, 2] > 0.1


def test_weighs_the_classes_when_they_are_skewed() -> None:
    features, labels = blobs(100, 8, 2)
    skewed = np.where(np.arange(100) < 80, 0, 1)
    assert heads.fit(features, labels, held_out=None).class_weights == "none"
    assert heads.fit(features, skewed, held_out=None).class_weights == "balanced"
    assert heads.fit(features, skewed, held_out=None, class_weights="none").class_weights == "none"


def test_is_the_same_for_the_same_seed() -> None:
    features, labels = blobs(100, 20, 3)
    first, second = (heads.fit(features, labels, held_out=None, seed=4) for _ in range(2))
    assert np.array_equal(first.kernel, second.kernel)


def test_keeps_95_of_100_right_answers_above_the_reject_threshold() -> None:
    features, labels = blobs(600, 30, 3, spread=1.0)
    rest = (features[400:], labels[400:])
    head = heads.fit(features[:400], labels[:400], held_out=rest)
    probabilities = head.probabilities(rest[0])
    right = probabilities.argmax(axis=1) == rest[1]
    kept = (probabilities.max(axis=1)[right] >= head.reject_threshold).mean()
    assert 0.90 <= kept <= 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_smoothing": 1.0}, "label smoothing 1 is not offered: choose 0 to below 1, like 0.1"),
        ({"hidden": -1}, "a hidden layer of -1 units is not offered: choose 0 (none) to 4096"),
    ],
)
def test_refuses_what_is_out_of_range(options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        heads.check("auto", options.get("label_smoothing", 0.0), int(options.get("hidden", 0)))


def test_photos_without_a_say_have_none() -> None:
    features, labels = blobs(200, 16, 2, spread=0.5)
    wrong = np.arange(200) < 60
    given = np.where(wrong, 1 - labels, labels)
    told = heads.fit(features, given, held_out=None, weights=1.0 - wrong)
    misled = heads.fit(features, given, held_out=None)
    truth = [(head.probabilities(features)[np.arange(200), labels]).mean() for head in (told, misled)]
    assert truth[0] > truth[1] + 0.1


def test_photos_without_a_say_as_judges_count_on_the_train_side_alone() -> None:
    features, labels = blobs(300, 40, 3)
    given = labels.copy()
    given[:90] = (labels[:90] + 1) % 3
    right = (given == labels).astype(np.float64)
    misjudged = heads.solve(features, given, held_out=None)
    judged = heads.solve(features, given, held_out=None, judged_by=right)
    assert np.array_equal(np.sort(right), np.sort(judged.says))
    assert (misjudged.says == 1).all()
    assert judged.head.temperature < misjudged.head.temperature  # the surer, where wrong labels do not judge
    same = heads.solve(features, given, held_out=None, weights=right, judged_by=right)
    assert np.array_equal(heads.fit(features, given, held_out=None, weights=right).kernel, same.head.kernel)


def test_many_photos_are_judged_on_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_SAMPLE", 500)
    features, labels = blobs(3000, 20, 4, spread=1.0)
    few = heads.fit(features[:2500], labels[:2500], held_out=None)
    assert few.chosen_on.endswith("photos held out")
    monkeypatch.setattr(choosing, "_SAMPLE", 10_000)
    whole = heads.fit(features[:2500], labels[:2500], held_out=None)
    rest, truth = features[2500:], labels[2500:]
    losses = [-np.log(head.probabilities(rest)[np.arange(len(truth)), truth]).mean() for head in (few, whole)]
    assert losses[0] < 1.1 * losses[1] + 0.01


def test_features_that_come_in_blocks_make_the_same_head() -> None:
    features, labels = blobs(400, 20, 3)
    rows = Rows(features.shape, lambda: iter(np.array_split(features, 7)))
    first, second = (heads.fit(source, labels, held_out=None) for source in (features, rows))
    assert first.strength == second.strength
    assert np.abs(first.probabilities(features) - second.probabilities(features)).max() < 1e-2


def test_a_description_has_all_but_the_weights() -> None:
    features, labels = blobs(100, 8, 2)
    described = heads.fit(features, labels, held_out=None, label_smoothing=0.1).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["label_smoothing"] == 0.1
    assert described["hidden"] == 0
    assert "kernel" not in described


def test_refuses_class_weights_that_are_not_offered() -> None:
    features, labels = blobs(20, 4, 2)
    with pytest.raises(
        UsageError, match="class weights 'focal' are not offered: choose auto, balanced or none"
    ):
        heads.fit(features, labels, held_out=None, class_weights="focal")
