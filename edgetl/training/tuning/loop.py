"""The training loop: Keras' own ``train_on_batch``, a schedule, an average of the weights, checkpoints.

It knows no back end of Keras. Everything it depends on is in its arguments and its checkpoint, so that a
training that was killed goes on to the very weights it would have had.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ConversionError
from edgetl.training.arrays import Floats, Labels
from edgetl.training.heads.held_out import log_loss
from edgetl.training.scoring.calibration import temperature
from edgetl.training.tuning import backend, precision, schedule
from edgetl.training.tuning.batches import Batches
from edgetl.training.tuning.checkpoint import Checkpoints
from edgetl.training.tuning.network import Upper
from edgetl.training.tuning.optimizer import LayeredAdamW
from edgetl.training.tuning.options import TuningOptions

_SAVE_EVERY_S = 30.0
_SPREAD = 1.0
"""Of temperatures, on a logarithm: a network that was trained can be far surer than it should be."""
_PARTS = 5
"""Of the held-out photos; each part is answered as the others choose."""
_JUDGED = 32
"""Photos a batch while held-out ones are judged."""

Weights = list[NDArray[Any]]


@dataclass(frozen=True)
class HeldOut:
    """Photos that judge an epoch."""

    rows: NDArray[Any]
    """(n, height, width, channels), as the upper half reads them."""
    truth: Labels
    """int64 (n,)."""


@dataclass(frozen=True)
class Trained:
    """Where a training ended."""

    weights: Weights
    """Averaged, of the best epoch; in the order of the model's trained variables."""
    best_epoch: int
    """From 0."""
    history: tuple[dict[str, float | None], ...]
    """An entry an epoch: ``epoch``, ``rate``, ``loss``; of held-out photos ``val_loss``, ``val_accuracy``."""
    answers: tuple[Floats, ...] = ()
    """After each epoch float32 (held-out photos, classes), what the average of the weights said of them."""


def fit(
    upper: Upper,
    batches: Batches,
    options: TuningOptions,
    checkpoints: Checkpoints,
    *,
    held_out: HeldOut | None,
    stop_after: int | None = None,
    heard: Callable[[int], None],
    jit: bool = False,
) -> Trained:
    """Train from where the checkpoint is, or from the weights the model has.

    Args:
        upper: what is trained.
        batches: of the train photos.
        options: how.
        checkpoints: of this training.
        held_out: judges each epoch, and ends the training when nothing is gained; None trains through.
        stop_after: epochs to do of those the schedule is laid out for; None does all.
        heard: told the number of photos after every step.
        jit: compile with XLA, where the back end does not need that anyway.

    Raises:
        ConversionError: the loss is no number any more.
    """
    trainer = _Trainer(upper, options, batches, jit)
    history: list[dict[str, float | None]] = []
    answers: list[Floats] = []
    best, best_loss, best_epoch = trainer.weights(), np.inf, -1
    epoch = step = 0
    total = 0.0
    saved = checkpoints.load()
    if saved is not None:
        position = saved.position
        history, best_epoch = position["history"], position["best_epoch"]
        told = len(history) if held_out is not None else 0
        own = len(saved.arrays) - told
        best = trainer.restore(saved.arrays[:own])
        answers = [np.asarray(array, np.float32) for array in saved.arrays[own:]]
        best_loss = np.inf if position["best_loss"] is None else position["best_loss"]
        epoch, step, total = position["epoch"], position["step"], position["total"]
    epochs = options.epochs if stop_after is None else stop_after

    def save() -> None:
        position = {
            "history": history,
            "best_epoch": best_epoch,
            "epoch": epoch,
            "step": step,
            "total": total,
        }
        position["best_loss"] = best_loss if np.isfinite(best_loss) else None
        checkpoints.save(position, [*trainer.state(best), *answers])

    while epoch < epochs and not (held_out and epoch - 1 - best_epoch >= options.patience):
        kept_at = time.monotonic()
        for batch in batches.of_epoch(epoch, step):
            total += trainer.step(batch.rows, batch.targets, batch.weights, epoch, step)
            step += 1
            heard(len(batch.rows))
            if time.monotonic() - kept_at > _SAVE_EVERY_S:
                save()
                kept_at = time.monotonic()
        loss = total / batches.steps
        if not np.isfinite(loss):
            raise ConversionError(
                f"fine-tuning blew up in epoch {epoch + 1}: its loss is {loss}; the head alone is kept "
                "with --fine-tune off"
            )
        entry: dict[str, float | None] = {
            "epoch": epoch + 1,
            "rate": trainer.rate(epoch, batches.steps - 1),
            "loss": loss,
            "val_loss": None,
            "val_accuracy": None,
        }
        if held_out is not None:
            with trainer.averaged():
                answers.append(trainer.logits(held_out.rows))
                val_loss, val_accuracy = judge(answers[-1], held_out.truth)
                if val_loss < best_loss:
                    best, best_loss, best_epoch = trainer.weights(), val_loss, epoch
            entry |= {"val_loss": val_loss, "val_accuracy": val_accuracy}
        history.append(entry)
        epoch, step, total = epoch + 1, 0, 0.0
        save()
    if held_out is None and epoch:
        with trainer.averaged():
            best, best_epoch = trainer.weights(), epoch - 1
    return Trained(best, best_epoch, tuple(history), tuple(answers))


def logits(model: keras.Model, rows: NDArray[Any]) -> Floats:
    """What the upper half answers, float32 (n, classes), to rows of any number type."""
    found = []
    for start in range(0, len(rows), _JUDGED):
        part = np.asarray(rows[start : start + _JUDGED])
        part = part if part.dtype == np.uint8 else part.astype(np.float32)
        # Always of one size: another one would be compiled anew.
        full = np.concatenate([part, np.zeros((_JUDGED - len(part), *part.shape[1:]), part.dtype)])
        answers = keras.ops.convert_to_numpy(model.predict_on_batch(full))
        found.append(np.asarray(answers[: len(part)], np.float32))
    return np.concatenate(found)


def honest_temperature(answers: Floats, truth: Labels) -> float:
    """The divisor of a trained network's logits; arguments as for ``calibration.temperature``."""
    return temperature(answers, truth, spread=_SPREAD)


def judge(answers: Floats, truth: Labels) -> tuple[float, float]:
    """Loss at the best temperature, since overconfidence is mended afterwards; and accuracy.

    Args:
        answers: float32 (n, classes), logits.
        truth: int64 (n,).
    """
    loss = log_loss(answers / honest_temperature(answers, truth), truth)
    return loss, float((answers.argmax(axis=1) == truth).mean())


def judged_by_others(epochs: Sequence[Floats], truth: Labels, seed: int) -> Floats:
    """What a training says of the held-out photos, its epoch and temperature chosen without each of them.

    The best of twelve epochs on some photos looks better on those than it is. So of five parts of them each
    is answered by the epoch, and at the temperature, that the other four choose.

    Args:
        epochs: after each epoch float32 (n, classes), logits.
        truth: int64 (n,).
        seed: for the parts.

    Returns:
        float32 (n, classes), logits divided by the temperature.
    """
    parts = np.random.default_rng(seed).permutation(len(truth)) % _PARTS
    found = np.empty_like(epochs[0])
    for part in range(_PARTS):
        mine, others = parts == part, parts != part
        losses = [judge(answers[others], truth[others])[0] for answers in epochs]
        chosen = epochs[int(np.argmin(losses))]
        found[mine] = chosen[mine] / honest_temperature(chosen[others], truth[others])
    return found


class _Trainer:
    """A compiled model, and all that changes while it learns."""

    def __init__(self, upper: Upper, options: TuningOptions, batches: Batches, jit: bool) -> None:
        self._model, self._options, self._steps = upper.model, options, batches.steps
        self._shares = schedule.shares(len(upper.layers), options.bottom_share)
        depth_of = {
            variable.path: depth
            for depth, layer in enumerate(upper.layers)
            for variable in layer.trainable_variables
        }
        policy = precision.policy(options.precision)
        self._learner = self._model if policy is None else precision.twin(self._model, policy)
        self._trained = list(self._learner.trainable_variables)
        self._layered = LayeredAdamW(
            [depth_of[variable.path] for variable in self._model.trainable_variables],
            learning_rate=options.peak_rate,
            weight_decay=options.weight_decay,
            use_ema=True,
            ema_momentum=1 - 1 / max(2.0, options.averaged_epochs * batches.steps),
        )
        self._layered.exclude_from_weight_decay(var_names=["bias"])
        self._optimizer = precision.scaled(self._layered, policy)
        self._learner.compile(
            self._optimizer,
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options.label_smoothing),
            jit_compile=jit or backend.needs_compiling(),
        )
        self._optimizer.build(self._trained)
        self._dice = [
            variable
            for variable in self._learner.non_trainable_variables
            if variable.path.endswith("seed_generator_state")
        ]
        self._epoch = -1

    def rate(self, epoch: int, step: int) -> float:
        """The head's learning rate."""
        options = self._options
        return schedule.rate(
            epoch * self._steps + step,
            options.epochs * self._steps,
            peak=options.peak_rate,
            warm_up_share=options.warm_up_share,
        )

    def step(self, rows: Floats, targets: Floats, weights: Floats, epoch: int, step: int) -> float:
        """One step; returns its loss."""
        if epoch != self._epoch:
            shares = schedule.freed(self._shares, epoch, self._options.unfreeze_epochs)
            self._layered.layer_shares.assign(np.asarray(shares, np.float32))
            self._epoch = epoch
        self._layered.learning_rate.assign(self.rate(epoch, step))
        for number, dice in enumerate(self._dice):
            # What dropout and stochastic depth drop depends on the step alone, like the batches.
            drawn = (self._options.seed + 7919 * number, epoch * self._steps + step)
            dice.assign(np.array(drawn, np.uint64).astype(np.uint32))
        return float(self._learner.train_on_batch(rows, targets, sample_weight=weights))

    def logits(self, rows: NDArray[Any]) -> Floats:
        """float32 (n, classes)."""
        return logits(self._model, rows)

    def weights(self) -> Weights:
        """Copies of the trained values."""
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in self._trained]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model, the one of float32, has its averaged weights inside the block."""
        raw = self.weights()
        self._layered.finalize_variable_values(self._trained)
        # As copies: under JAX model and average would share arrays, which it deletes once they were used.
        for variable, value in zip(self._model.trainable_variables, self.weights(), strict=True):
            variable.assign(value)
        try:
            yield
        finally:
            for variable, value in zip(self._trained, raw, strict=True):
                variable.assign(value)

    def state(self, best: Weights) -> Weights:
        """Everything that :meth:`restore` needs."""
        slots = [np.array(keras.ops.convert_to_numpy(variable)) for variable in self._optimizer.variables]
        return [*self.weights(), *slots, *best]

    def restore(self, arrays: Sequence[NDArray[Any]]) -> Weights:
        """Take a saved state; returns the best weights in it."""
        variables = [*self._trained, *self._optimizer.variables]
        for variable, value in zip(variables, arrays, strict=False):
            variable.assign(value)
        return list(arrays[len(variables) :])
