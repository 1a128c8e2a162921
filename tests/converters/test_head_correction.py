"""The corrected head undoes what int8 does to the features, and no more."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgetl.converters.head_correction import HeadWeights, correct
from edgetl.runtime.base import AbstractEngine, Images, Outputs
from edgetl.training.head import softmax


class Features(AbstractEngine):
    """Stands for a network: looks up the features of a picture by its first pixel."""

    name = "features"

    def __init__(self, table: NDArray[np.float64]) -> None:
        self._table = table.astype(np.float32)
        super().__init__({}, num_threads=1)

    def _load(self, files: object) -> None:
        self.input_shape = (1, 1, 3)

    def _run_one(self, image: Images) -> Outputs:
        row = self._table[int(image[0, 0, 0, 0])][np.newaxis]
        return (row[:, :2], row)

    def _free(self) -> None:
        """Nothing to free."""


def setting(seed: int) -> tuple[HeadWeights, NDArray[np.float64], Images]:
    random = np.random.default_rng(seed)
    table = random.normal(1, 1, (200, 12)) @ random.normal(size=(12, 30))
    head = HeadWeights(
        random.normal(size=(30, 3)).astype(np.float32), random.normal(size=3).astype(np.float32)
    )
    pictures = np.arange(200, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 1, 3), np.uint8)
    return head, table, pictures


def error(head: HeadWeights, seen: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    return float(np.abs(softmax(seen @ head.kernel + head.bias) - wanted).mean())


def test_equal_features_leave_the_answers_as_they_are() -> None:
    head, table, pictures = setting(0)
    same = correct(head, Features(table), Features(table), pictures)
    assert np.allclose(table @ same.kernel + same.bias, table @ head.kernel + head.bias, atol=1e-2)


@given(st.integers(0, 50))
def test_shifted_and_noisy_features_answer_more_like_the_float_model(seed: int) -> None:
    head, table, pictures = setting(seed)
    random = np.random.default_rng(seed + 1)
    gain, shift = random.uniform(0.6, 1.4, table.shape[1]), random.normal(size=table.shape[1])
    noisy = gain * table + shift + 0.1 * random.normal(size=table.shape)
    wanted = softmax(table @ head.kernel + head.bias)
    # Solved on one half of the pictures, judged on the other.
    corrected = correct(head, Features(table), Features(noisy), pictures[:100])
    assert error(corrected, noisy[100:], wanted[100:]) < error(head, noisy[100:], wanted[100:])


def test_mean_logits_become_those_of_the_float_model() -> None:
    head, table, pictures = setting(3)
    shifted = table + np.linspace(-2, 2, table.shape[1])
    corrected = correct(head, Features(table), Features(shifted), pictures)
    before = (table @ head.kernel + head.bias).mean(axis=0)
    after = (shifted @ corrected.kernel + corrected.bias).mean(axis=0)
    assert np.allclose(before, after, atol=1e-3)
