"""Whether something helped: both models on the same held-out photos, by a paired test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl import extras
from edgetl.training.arrays import Labels
from edgetl.training.heads.head import softmax

_LEVEL = 0.05
_RESAMPLES = 4000


@dataclass(frozen=True)
class Decision:
    """The head and the fine-tuned model on photos that neither was made with."""

    photos: int
    head_accuracy: float
    """Share of right answers, 0 to 1."""
    tuned_accuracy: float
    head_loss: float
    """Mean of -log of the score that the right class got, both models with a temperature of their own."""
    tuned_loss: float
    p_accuracy: float
    """McNemar's exact test, one-sided: how likely such a gain in right answers is by chance alone."""
    p_loss: float
    """The same for the gain in loss: bootstrap over the photos."""
    adopted: bool
    why: str
    """In a sentence."""


def decide(
    head_logits: NDArray[np.floating],
    tuned_logits: NDArray[np.floating],
    truth: Labels,
    *,
    seed: int,
    rival: str = "the head",
) -> Decision:
    """Adopt the tuned model where its scores are better beyond noise and it is right as often at least.

    The loss decides, since it hears of every photo; right answers change on a few only, and a test on
    those (McNemar's) overlooks most gains that a few hundred photos could show.

    Args:
        head_logits: (n, classes), of a head that has not seen these photos, calibrated.
        tuned_logits: the same of the tuned model.
        truth: int64 (n,).
        seed: for the bootstrap.
        rival: what the sentence calls the head.
    """
    head_right, tuned_right = (logits.argmax(axis=1) == truth for logits in (head_logits, tuned_logits))
    better, worse = int((tuned_right & ~head_right).sum()), int((head_right & ~tuned_right).sum())
    stats = extras.load("scipy.stats", extra="train", purpose="training")  # takes a second
    p_accuracy = (
        float(stats.binomtest(better, better + worse, alternative="greater").pvalue)
        if better + worse
        else 1.0
    )
    head_losses, tuned_losses = _losses(head_logits, truth), _losses(tuned_logits, truth)
    gains = head_losses - tuned_losses
    random = np.random.default_rng(seed)
    means = np.array([gains[random.integers(len(gains), size=len(gains))].mean() for _ in range(_RESAMPLES)])
    p_loss = float((1 + (means <= 0).sum()) / (1 + _RESAMPLES))
    adopted = p_loss < _LEVEL and better >= worse
    said = (
        f"right on {tuned_right.sum()} of {len(truth)} held-out photos, {rival} on {head_right.sum()}; "
        f"loss {tuned_losses.mean():.3f} against {head_losses.mean():.3f} (p = {p_loss:.2g})"
    )
    reason = "better beyond noise" if adopted else "no gain beyond noise" if better >= worse else "no better"
    return Decision(
        photos=len(truth),
        head_accuracy=float(head_right.mean()),
        tuned_accuracy=float(tuned_right.mean()),
        head_loss=float(head_losses.mean()),
        tuned_loss=float(tuned_losses.mean()),
        p_accuracy=p_accuracy,
        p_loss=p_loss,
        adopted=adopted,
        why=f"{reason}: {said}",
    )


def _losses(logits: NDArray[np.floating], truth: Labels) -> NDArray[np.float64]:
    scores = softmax(logits)[np.arange(len(truth)), truth]
    return -np.log(np.maximum(scores, 1e-12), dtype=np.float64)
