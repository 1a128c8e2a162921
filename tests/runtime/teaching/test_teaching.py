"""Teaching, forgetting, and what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from teachable import LABELS, WIDTH, certain, seen

from edgetl.bundle import Bundle
from edgetl.errors import BundleError, ImageError, ModelError, UsageError
from edgetl.runtime import teaching
from edgetl.runtime.teaching import MOST_PICTURES, Learned, exemplars

DOG, FOX = 3, 4


def answers(learned: Learned, kind: int, count: int = 50) -> np.ndarray:
    """Places of the best labels for new pictures of one kind; the model itself calls what is new a bee."""
    classes = np.full(count, min(kind, 1) if kind >= DOG else kind)
    extended = learned.extend(certain(classes, sure=0.6), seen(kind, count, seed=99))
    return extended.argmax(axis=1)


def test_a_class_is_learned_from_ten_pictures_and_the_old_ones_stay(bundle: Bundle) -> None:
    learned = teaching.teach(bundle, "dog", seen(DOG, 10), variant="fake-float32")
    assert learned.labels == ("dog",)
    assert (answers(learned, DOG) == len(LABELS)).mean() > 0.9
    for kind in range(len(LABELS)):
        assert (answers(learned, kind) == kind).mean() >= 0.98


def test_what_was_taught_is_there_when_the_bundle_is_opened_again(bundle: Bundle) -> None:
    taught = teaching.teach(bundle, "dog", seen(DOG, 10), variant="fake-float32")
    loaded = teaching.load_learned(Bundle.open(bundle.path))
    assert loaded is not None
    rows = seen(DOG, 20, seed=7)
    probabilities = certain(np.zeros(20, np.int64))
    np.testing.assert_array_equal(taught.extend(probabilities, rows), loaded.extend(probabilities, rows))
    assert loaded.to_dict() == taught.to_dict()
    assert teaching.place(bundle) == bundle.path.parent / "insects.learned"


def test_nothing_is_learned_until_something_is_taught_and_removing_the_file_undoes_it(bundle: Bundle) -> None:
    assert teaching.load_learned(bundle) is None
    before = sorted(path.name for path in bundle.path.parent.rglob("*"))
    teaching.teach(bundle, "dog", seen(DOG, 10), variant="fake-float32")
    teaching.place(bundle).unlink()
    assert teaching.load_learned(bundle) is None
    assert before == sorted(path.name for path in bundle.path.parent.rglob("*"))


def test_several_classes_are_learned_together_and_told_apart(bundle: Bundle) -> None:
    teaching.teach(bundle, "dog", seen(DOG, 10), variant="fake-float32")
    learned = teaching.teach(bundle, "fox", seen(FOX, 10), variant="fake-int8")
    assert learned.labels == ("dog", "fox")
    assert (answers(learned, DOG) == len(LABELS)).mean() > 0.9
    assert (answers(learned, FOX) == len(LABELS) + 1).mean() > 0.9


def test_the_order_of_teaching_changes_the_order_of_the_labels_alone(bundle: Bundle) -> None:
    teaching.teach(bundle, "dog", seen(DOG, 10), variant="a")
    one = teaching.teach(bundle, "fox", seen(FOX, 10), variant="a")
    teaching.forget(bundle, "dog")
    other = teaching.teach(bundle, "dog", seen(DOG, 10), variant="a")
    assert other.labels == ("fox", "dog")
    probabilities, rows = certain(np.zeros(30, np.int64)), seen(FOX, 30, seed=5)
    swapped = other.extend(probabilities, rows)[:, [0, 1, 2, 4, 3]]
    np.testing.assert_allclose(one.extend(probabilities, rows), swapped, atol=1e-5)


def test_pictures_are_added_to_a_class_and_the_same_ones_only_once(bundle: Bundle) -> None:
    rows = seen(DOG, 12)
    teaching.teach(bundle, "dog", rows[:8], variant="fake-float32")
    assert teaching.teach(bundle, "dog", rows, variant="fake-float32").pictures == (12,)
    assert teaching.teach(bundle, "dog", np.repeat(rows, 3, axis=0), variant="a").pictures == (12,)


def test_a_class_is_forgotten_and_with_the_last_one_the_file(bundle: Bundle) -> None:
    only_fox = teaching.teach(bundle, "fox", seen(FOX, 10), variant="a")
    teaching.teach(bundle, "dog", seen(DOG, 10), variant="a")
    left = teaching.forget(bundle, "dog")
    assert left is not None
    assert left.labels == ("fox",)
    np.testing.assert_array_equal(only_fox.kernel, left.kernel)
    assert teaching.forget(bundle, "fox") is None
    assert not teaching.place(bundle).exists()


def test_forgetting_what_was_not_taught_says_what_was(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="was not taught 'dog': nothing was taught"):
        teaching.forget(bundle, "dog")
    teaching.teach(bundle, "fox", seen(FOX, 3), variant="a")
    with pytest.raises(UsageError, match="was not taught 'dog': taught were fox"):
        teaching.forget(bundle, "dog")


def test_a_bundle_without_embedding_or_exemplars_names_the_export(bundle: Bundle) -> None:
    for change in ({"embedding": False}, {"exemplars": None}):
        poor = Bundle(bundle.path, dataclasses.replace(bundle.manifest, **change))  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="edgetl export RUN --embedding"):
            teaching.teach(poor, "dog", seen(DOG, 10), variant="a")
    with pytest.raises(BundleError, match="has no exemplars"):
        exemplars.read(poor)


@pytest.mark.parametrize("label", ["", "  ", "two\nlines", "bell\a", "\udc80"])
def test_a_label_that_no_contract_takes_is_refused(bundle: Bundle, label: str) -> None:
    with pytest.raises(UsageError, match="is no label: give a name on one line"):
        teaching.teach(bundle, label, seen(DOG, 10), variant="a")
    assert not teaching.place(bundle).exists()


def test_a_class_of_the_bundle_itself_is_not_taught(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=r"'bee' is a class of .* itself"):
        teaching.check(bundle, "bee")


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e30])
def test_a_picture_in_which_the_model_sees_nothing_is_named(bundle: Bundle, value: float) -> None:
    rows = seen(DOG, 5)
    rows[2] = value
    with pytest.raises(ImageError, match="picture 3 of 5"):
        teaching.teach(bundle, "dog", rows, variant="a")
    assert not teaching.place(bundle).exists()


def test_a_picture_cannot_be_two_classes(bundle: Bundle) -> None:
    teaching.teach(bundle, "dog", seen(DOG, 5), variant="a")
    with pytest.raises(UsageError, match="picture 2 of 2 was taught as 'dog'"):
        teaching.teach(bundle, "fox", np.stack([seen(FOX, 1)[0], seen(DOG, 5)[3]]), variant="a")
    learned = teaching.load_learned(bundle)
    assert learned is not None
    assert learned.labels == ("dog",)


def test_embeddings_of_another_model_are_refused(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match=f"have 8 features and those of the bundle {WIDTH}"):
        teaching.teach(bundle, "dog", seen(DOG, 5, width=8), variant="a")
    learned = teaching.teach(bundle, "dog", seen(DOG, 5), variant="a")
    with pytest.raises(ModelError, match=f"embeddings of 8 features and was taught with {WIDTH}"):
        learned.extend(certain(np.zeros(2, np.int64)), seen(DOG, 2, width=8))
    with pytest.raises(ModelError, match="no numbers"):
        learned.extend(certain(np.zeros(1, np.int64)), np.full((1, WIDTH), np.nan, np.float32))


def test_no_pictures_and_too_many_are_refused(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="there are none: give 10 or more"):
        teaching.teach(bundle, "dog", np.zeros((0, WIDTH), np.float32), variant="a")
    with pytest.raises(UsageError, match=f"{MOST_PICTURES} is the most"):
        teaching.teach(bundle, "dog", seen(DOG, MOST_PICTURES + 1), variant="a")


def test_embeddings_may_keep_the_axes_of_a_pooled_feature_map(bundle: Bundle) -> None:
    rows = seen(DOG, 6)
    learned = teaching.teach(bundle, "dog", rows[:, None, None, :], variant="a")
    probabilities = certain(np.zeros(6, np.int64))
    np.testing.assert_array_equal(
        learned.extend(probabilities, rows), learned.extend(probabilities, rows[:, None, None, :])
    )


def test_a_bundle_may_lie_in_the_working_folder(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bundle.path)
    assert teaching.place(Bundle.open(Path())) == teaching.place(bundle)
