"""Trying a user's model out: what its answers are, and whether the rewritten one gives the same."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.converters.adoption.checks import ModelInput
from edgetl.converters.adoption.normalisation import Normalisation
from edgetl.converters.adoption.options import ModelOptions, Outputs
from edgetl.errors import ConversionError, UsageError

Answer = Literal["probabilities", "logits"]

# What Pillow's convert("L") weighs R, G and B with (ITU-R 601-2, in 65,536ths).
LUMA = tuple(part / 65536 for part in (19595, 38470, 7471))


_ADD_SOFTMAX = "say --outputs logits if a softmax is to follow"
_SEVERAL = "a model of several labels at a time is not offered"


def kind_of_answers(
    raw: NDArray[np.floating], wanted: Outputs, known: Answer | None, model: Path
) -> tuple[Answer, str]:
    """Whether outputs are probabilities, and a note that says how that was found.

    Args:
        raw: what the model answers to ``probes``, (n, classes) or (n, 1) for one sigmoid.
        wanted: what the user says.
        known: what the model's last layer says; None where it tells nothing.
        model: for the message.

    Raises:
        UsageError: the user says logits, and the last layer says otherwise.
        ConversionError: the answers are not finite, or contradict what was said of them, or are scores
            of several labels at a time.
    """
    if not np.isfinite(raw).all():
        raise ConversionError(f"{model} answers with NaN or infinity: check --normalise, or train it again")
    single = raw.shape[1] == 1
    shares = bool((raw >= -1e-6).all() and (raw <= 1 + 1e-6).all())
    sums = raw.sum(axis=1)
    whole = shares and (single or bool((abs(sums - 1) <= 1e-3).all()))
    if wanted == "logits" and known == "probabilities":
        raise UsageError(f"{model} ends with a softmax or sigmoid: leave --outputs out")
    answer: Answer
    if wanted == "auto":
        # Logits never happen to lie between 0 and 1 with the sum 1 four times over; a sigmoid's may.
        seen: Answer = "probabilities" if whole else "logits"
        answer = known or seen if single or not whole else seen
        said = "its last layer" if known == answer else "what it answers to test pictures"
    else:
        answer, said = wanted, "--outputs"
    if answer == "probabilities" and not whole:
        found = f"sum to {sums.min():.3g} to {sums.max():.3g}" if shares else "are not between 0 and 1"
        way_out = _SEVERAL if known == "probabilities" else f"{_ADD_SOFTMAX}; {_SEVERAL}"
        raise ConversionError(
            f"{model} is said to give probabilities (by {said}), but they {found}, instead of having the sum "
            f"1: {way_out}"
        )
    if wanted == "auto" and known is None and answer == "logits" and shares and not single:
        raise ConversionError(
            f"{model} answers between 0 and 1, with sums of {sums.min():.3g} to {sums.max():.3g}: "
            f"{_ADD_SOFTMAX}; {_SEVERAL}"
        )
    added = {
        (True, "probabilities"): "one output, the probability of the second label",
        (True, "logits"): "one output, the logit of the second label; a sigmoid was added",
        (False, "probabilities"): "probabilities",
        (False, "logits"): "logits; a softmax was added",
    }[single, answer]
    return answer, f"its outputs are {added} (by {said})"


def probes(source: ModelInput) -> NDArray[np.uint8]:
    """Four pictures to try a model on, uint8 (4, height, width, 3): noise, a slope, black, white."""
    generator = np.random.default_rng(0)
    shape = (source.height, source.width, 3)
    y, x = np.mgrid[0 : 1 : source.height * 1j, 0 : 1 : source.width * 1j]
    slope = 255 * np.stack([x, y, (1 - x) * y], axis=-1)
    return np.stack([generator.integers(0, 256, shape), slope, np.zeros(shape), np.full(shape, 255)]).astype(
        np.uint8
    )


def prepared(
    pixels: NDArray[np.uint8], source: ModelInput, rule: Normalisation, options: ModelOptions
) -> NDArray[np.generic]:
    """Pixels as the user's own program would hand them to the model: the definition the rewriting must meet.

    Args:
        pixels: uint8 (n, height, width, 3), RGB.
        source: what the model takes.
        rule: normalisation in the model's order of channels.
        options: the user's.

    Returns:
        (n, ...) in the model's own layout and type.
    """
    x = pixels.astype(np.float64)
    if source.channels == 1:
        x = (x @ np.array(LUMA))[..., np.newaxis]
    elif options.channels == "BGR":
        x = x[..., ::-1]
    x = x * np.array(rule.scale) + np.array(rule.offset)
    if source.layout == "NCHW":
        x = x.transpose(0, 3, 1, 2)
    whole = np.issubdtype(np.dtype(source.dtype), np.integer)
    return np.ascontiguousarray((x.round() if whole else x).astype(source.dtype))


def probabilities(raw: NDArray[np.floating], answer: Answer) -> NDArray[np.float64]:
    """What a user's answers, (n, classes) or (n, 1), come to: float64 (n, classes), rows sum to 1."""
    x = raw.astype(np.float64)
    if x.shape[1] == 1:
        if answer == "probabilities":
            return np.concatenate([1 - x, x], axis=1)
        x = np.concatenate([np.zeros_like(x), x], axis=1)
    elif answer == "probabilities":
        return x
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def refuse_difference(expected: NDArray[np.float64], got: NDArray[np.floating], model: Path) -> None:
    """The last step of every rewriting: the new model answers like the old one.

    Raises:
        ConversionError: a probability differs by more than 0.001, far more than rounding does.
    """
    worst = float(abs(expected - got).max())
    if not worst <= 1e-3:
        raise ConversionError(
            f"{model} could not be given its pre-processing: a probability differs by {worst:.2g}"
        )
