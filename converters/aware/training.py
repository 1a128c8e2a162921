"""Train the simulation of an int8 file, and write what came of it; runs in a process of its own."""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import keras
import numpy as np
from numpy.typing import NDArray

from edgetl.converters import flatbuffer
from edgetl.converters.aware import reading, writing
from edgetl.converters.aware.simulation import Simulation
from edgetl.converters.aware.task import LAYERS, Judged, Outcome, Task
from edgetl.converters.formats import FORMATS
from edgetl.converters.results import read_layers
from edgetl.progress import Progress
from edgetl.runtime.litert import LiteRTEngine
from edgetl.training.arrays import Floats, Labels
from edgetl.training.heads.head import softmax
from edgetl.training.tuning import backend, loop
from edgetl.training.tuning.batches import Batches, Table
from edgetl.training.tuning.checkpoint import Checkpoints
from edgetl.training.tuning.loop import HeldOut
from edgetl.training.tuning.network import Upper

_AT_ONCE = 16
_LEAST = 1e-12
"""Smaller scores count as this, so that their logarithm stays finite."""


def train(task: Task, *, progress: Progress) -> Outcome:
    """Fine-tune with simulated int8 and write the float graphs that its int8 files are made of.

    Targets are the float model's own answers, as in distillation (Hinton et al. 2015): that is what the file
    is held against, and labels would teach it what the float model does not say.

    Raises:
        ConversionError: there is an operator that is not known, or the loss blew up.
    """
    keras.utils.set_random_seed(task.options.seed)
    backend.be_deterministic()
    pixels = np.load(task.pixels, mmap_mode="r")
    learning = np.setdiff1d(np.arange(len(task.truth)), task.judging)
    lesson = BothWays(pixels, learning)
    asked = len(lesson) + len(task.judging)
    with progress.step("ask the float model what int8 is to learn", total=asked) as advance:
        rows = (lesson[number, 0] for number in range(len(lesson)))
        wanted = np.concatenate(list(_answers(task, rows, advance)))
        told = np.concatenate(list(_answers(task, (pixels[place] for place in task.judging), advance)))
    truth = task.truth[task.judging]
    # By the float model's answers too: it may know the right ones of photos its head was solved on.
    judges = HeldOut(np.asarray(pixels[task.judging]), told.argmax(axis=1))
    models = [Simulation(reading.read(start.int8.read_bytes())) for start in task.starts]
    found = [_judged(model, judges, told, truth) for model in models]
    best = int(np.argmin([judged.divergence for judged in found]))
    model, start = models[best], task.starts[best]
    graph = start.folder / FORMATS["tflite"].graph
    layers = read_layers(start.folder / LAYERS)
    kernels = writing.carried(model, flatbuffer.read(graph.read_bytes()), layers)
    for output, kernel in model.kernels.items():
        # What no other format could be given stays as it is.
        kernel.trainable = output in kernels.values()
    upper = Upper(model, tuple(part for part in model.parts if part.trainable_variables))
    batches = Batches(
        Table(
            cast("NDArray[np.uint8]", lesson),
            np.arange(len(lesson)),
            wanted,
            np.ones(len(lesson), np.float32),
        ),
        task.options,
    )
    with progress.step("train int8", total=task.options.epochs * batches.steps * batches.size) as advance:
        trained = loop.fit(
            upper,
            batches,
            task.options,
            Checkpoints(task.folder, f"{task.identity} {best}"),
            held_out=judges,
            heard=advance,
        )
    for variable, value in zip(model.trainable_variables, trained.weights, strict=True):
        variable.assign(value)
    after = _judged(model, judges, told, truth)
    writing.write(model, kernels, graph, layers, task.out)
    return Outcome(
        start=best,
        before=found[best],
        after=after,
        best_epoch=trained.best_epoch + 1,
        history=trained.history,
        photos=len(learning),
        layers=len(kernels),
        simulated=_simulated(model, np.load(task.scored, mmap_mode="r")),
    )


class BothWays:
    """Photos, and behind them the same ones mirrored; read from the disk as ``Table`` reads its rows."""

    dtype = np.dtype(np.uint8)

    def __init__(self, pixels: NDArray[np.uint8], places: Labels) -> None:
        """uint8 (n, height, width, 3), and which of them."""
        self._pixels, self._places = pixels, places

    def __len__(self) -> int:
        return 2 * len(self._places)

    def __getitem__(self, key: tuple[int, int]) -> NDArray[np.uint8]:
        """uint8 (height, width, 3) of a row; there is one view of each."""
        number, _ = key
        row: NDArray[np.uint8] = self._pixels[self._places[number % len(self._places)]]
        return row[:, ::-1] if number >= len(self._places) else row


def _answers(
    task: Task, pixels: Iterable[NDArray[np.uint8]], advance: Callable[[int], None]
) -> Iterator[Floats]:
    with LiteRTEngine({"model.tflite": task.teacher.read_bytes()}, num_threads=2) as engine:
        for picture in pixels:
            yield engine.run(np.array(picture[np.newaxis]))[0]
            advance(1)


def _simulated(model: Simulation, pixels: NDArray[np.uint8]) -> Floats:
    """Probabilities, float32 (n, classes), computed operator by operator.

    Compiled, TensorFlow multiplies by 1 / 127 where it should divide by 127: the last bit of a step is then
    another one, and now and then a code with it.
    """
    parts = [pixels[place : place + _AT_ONCE] for place in range(0, len(pixels), _AT_ONCE)]
    answers = [keras.ops.convert_to_numpy(model(np.asarray(part), training=False)) for part in parts]
    return np.asarray(softmax(np.concatenate(answers)), np.float32)


def _judged(model: Simulation, judges: HeldOut, told: Floats, truth: Labels) -> Judged:
    answers = np.asarray(softmax(loop.logits(model, judges.rows)), np.float64)
    chosen = answers.argmax(axis=1)
    said, heard = (np.maximum(scores, _LEAST) for scores in (answers, told.astype(np.float64)))
    return Judged(
        photos=len(truth),
        divergence=float((heard * np.log(heard / said)).sum(axis=1).mean()),
        accuracy=float((chosen == truth).mean()),
        agreement=float((chosen == judges.truth).mean()),
    )
