"""What a fine-tuning does in a process of its own, since it needs Keras and a back end."""

import hashlib
import io
import zipfile
from pathlib import Path

import keras
import numpy as np

from edgetl import files
from edgetl.files import scratch_folder
from edgetl.progress import Progress
from edgetl.training.arrays import Floats, Labels
from edgetl.training.heads.head import softmax
from edgetl.training.scoring import rejection
from edgetl.training.tuning import backend, loop, network, work
from edgetl.training.tuning.batches import Batches, Table
from edgetl.training.tuning.checkpoint import Checkpoints
from edgetl.training.tuning.decide import decide
from edgetl.training.tuning.loop import HeldOut
from edgetl.training.tuning.work import Outcome, Task

_WEIGHTS = "model.weights.h5"


def train(task: Task, *, progress: Progress) -> Outcome:
    """Train, judge, and where that helped train once more with the photos that judged.

    Raises:
        ConversionError: the loss blew up.
    """
    keras.utils.set_random_seed(task.options.seed)
    backend.be_deterministic()
    model = keras.models.load_model(task.classifier, compile=False)  # our own file
    upper = network.upper(model, task.cut)
    start = [np.array(keras.ops.convert_to_numpy(variable)) for variable in upper.model.trainable_variables]
    head = [model.get_layer(network.HEAD).kernel, model.get_layer(network.HEAD).bias]
    rows = np.load(task.folder / work.TRAIN, mmap_mode="r")
    scored = np.load(task.folder / work.SCORED, mmap_mode="r")
    labelled = work.Targets(
        np.eye(len(task.bias), dtype=np.float32)[task.labels], _weights(task.labels, task.balanced)
    )
    others = np.arange(len(task.labels), len(rows))

    def begin(kernel: Floats, bias: Floats) -> None:
        for variable, value in zip(upper.model.trainable_variables, start, strict=True):
            variable.assign(value)
        for variable, value in zip(head, (kernel, bias), strict=True):
            variable.assign(value)

    def fit(
        chosen: Labels, targets: work.Targets, held_out: HeldOut | None, stop_after: int | None, name: str
    ) -> loop.Trained:
        table = Table(rows, chosen, targets.values[chosen], targets.weights[chosen])
        batches = Batches(table, task.options)
        epochs = task.options.epochs if stop_after is None else stop_after
        with progress.step(name, total=epochs * batches.steps * batches.size) as advance:
            return loop.fit(
                upper,
                batches,
                task.options,
                Checkpoints(task.folder / name, f"{task.identity} {name}"),
                held_out=held_out,
                stop_after=stop_after,
                heard=advance,
            )

    with work.alone(task.folder / work.TRAIN):  # the parent holds the folder
        everything = np.arange(len(task.labels))
        if len(task.val):
            judges = HeldOut(scored[: len(task.val)], task.val)
            chosen = everything
        else:
            judges = HeldOut(np.asarray(rows[task.held, 0]), task.labels[task.held])
            chosen = np.setdiff1d(everything, task.held)

        def judged(targets: work.Targets, learned: Labels, name: str) -> tuple[loop.Trained, Floats]:
            """Train without the photos that judge, and what it then says of them."""
            begin(task.judged_kernel, task.judged_bias)
            trained = fit(learned, targets, judges, None, name)
            return trained, loop.judged_by_others(trained.answers, judges.truth, task.options.seed)

        found, shown = judged(labelled, chosen, "fine-tune")
        final, learned, taught = labelled, everything, None
        if task.taught is not None:
            other, theirs = judged(
                task.taught[0], np.concatenate([chosen, others]), "fine-tune with the teacher"
            )
            taught = decide(
                *(shown, theirs, judges.truth),
                seed=task.options.seed,
                rival="fine-tuned without a teacher",
            )
            if taught.adopted:
                found, shown = other, theirs
                final, learned = task.taught[1], np.concatenate([everything, others])
        decision = decide(task.head_logits, shown, judges.truth, seed=task.options.seed)
        answers = found.answers[found.best_epoch]
        honest = loop.honest_temperature(answers, judges.truth)
        scores = softmax(answers / honest)
        threshold = rejection.keeping(scores.max(axis=1), scores.argmax(axis=1) == judges.truth)
        told: dict[str, Floats] = dict.fromkeys(
            ("scored", "train"), np.empty((0, len(task.bias)), np.float32)
        )
        if decision.adopted:
            if len(task.val):
                _assign(upper.model, found.weights)
            else:
                begin(task.kernel, task.bias)
                whole = fit(learned, final, None, found.best_epoch + 1, "fine-tune with all train photos")
                _assign(upper.model, whole.weights)
            with progress.step("score the fine-tuned model"):
                told["scored"] = softmax(loop.logits(upper.model, scored[len(task.val) :]) / honest)
                told["train"] = softmax(loop.logits(upper.model, rows[: len(task.labels), 0]) / honest)
            for variable in head:
                variable.assign(keras.ops.convert_to_numpy(variable) / honest)
            files.write_bytes(task.folder / work.MODEL, _packed(model, task.classifier))
    return Outcome(
        decision=decision,
        taught=taught,
        history=found.history,
        best_epoch=found.best_epoch + 1,
        layers=len(upper.layers),
        parameters=sum(value.size for value in start),
        temperature=honest,
        reject_threshold=threshold,
        weights_sha256=hashlib.sha256(b"".join(value.tobytes() for value in found.weights)).hexdigest(),
        backend=backend.described(),
        **told,
    )


def _assign(model: keras.Model, values: loop.Weights) -> None:
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)


def _weights(labels: Labels, balanced: bool) -> Floats:
    """How much each photo counts, 1 on average."""
    if not balanced:
        return np.ones(len(labels), np.float32)
    counts = np.bincount(labels)
    return np.asarray(len(labels) / (np.count_nonzero(counts) * counts[labels]), np.float32)


def _packed(model: keras.Model, template: Path) -> bytes:
    """The bytes of a ``.keras`` file: the template's, with the model's weights.

    Keras' own ``save`` writes the time into the file, and equal models would be other files.
    """
    result = io.BytesIO()
    with scratch_folder() as scratch:
        place = scratch / _WEIGHTS
        model.save_weights(place)
        weights = place.read_bytes()
    with zipfile.ZipFile(template) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as new:
        for member in old.infolist():
            new.writestr(member, weights if member.filename == _WEIGHTS else old.read(member))
    return result.getvalue()
