"""Make one variant: convert, read back, run, score. Work that variants share is done once."""

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

import edgetl
from edgetl import isolated
from edgetl.bundle import entry_of
from edgetl.converters import exemplars, gate, latency, verification
from edgetl.converters.anatomy import reading
from edgetl.converters.anatomy.facts import label
from edgetl.converters.aware import fit
from edgetl.converters.aware.fit import Fitted
from edgetl.converters.calibration import PixelSet
from edgetl.converters.facts import ModelFacts
from edgetl.converters.formats import FORMATS, Format
from edgetl.converters.gate import Limits
from edgetl.converters.request import CALIBRATED, ConversionRequest, ConvertedModel, Recipe
from edgetl.converters.results import Equalised, FloatGraphs, LayerError, Steps
from edgetl.converters.subject import Subject
from edgetl.errors import ConversionError
from edgetl.manifest import Arithmetic, Score, Variant
from edgetl.progress import Progress
from edgetl.reports.units import format_duration
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine
from edgetl.runtime.teaching.exemplars import Exemplars

Floats = NDArray[np.float32]
T = TypeVar("T")

TOLERANCES = {"float32": 1e-3, "float16": 1e-2, "int16x8": 0.05, "dynamic": 0.1, "int8": 0.1}
"""Largest difference of a probability that the self-test allows: sums in another order for float; with
int8 weights other kernels too, whose rounding moved outputs by up to 5 of 255 steps between engines."""
_NAMED_FALLBACKS = 5


@dataclass(frozen=True)
class Base:
    """A float model and what has been made of it."""

    model: Path
    """Convention model."""
    folder: Path
    """With the float graph of each format."""
    logits: Path | None
    """Of the calibration pictures (``head_correction.py``); None where none is to be corrected."""
    tuned: Path | None = None
    """Folder with what training int8 found (``aware/``); None without training."""

    def with_tuned(self, folder: Path) -> "Base":
        """The same graphs, with what training found."""
        return replace(self, tuned=folder)


@dataclass(frozen=True)
class Attempt:
    """A variant and how it did."""

    variant: Variant
    folder: Path
    """Where its files are."""
    outputs: Floats
    """float32 (n, classes), its answers to the scored pictures."""
    seconds: float
    """What converting it took."""
    libraries: dict[str, str]
    reason: str | None
    """Why it fails the gate, None when it passes."""
    doubt: str | None
    """Said when the pictures cannot tell its drop from the limit."""
    base: Base
    recipe: Recipe

    @property
    def contents(self) -> dict[str, bytes]:
        """The bytes of its files by file name."""
        names = [Path(entry.path).name for entry in self.variant.files]
        return {name: (self.folder / name).read_bytes() for name in names}


class Workshop:
    """What all variants of one export have in common. Its methods may be called from several threads."""

    def __init__(
        self,
        subject: Subject,
        calibrating: PixelSet | None,
        scored: PixelSet,
        limits: Limits,
        scratch: Path,
        progress: Progress,
        *,
        embedding: bool,
        threads: int,
        quantize_aware: bool = False,
    ) -> None:
        self.subject, self.calibrating, self.scored = subject, calibrating, scored
        self.limits, self.progress = limits, progress
        self.reference: Floats = np.zeros((0, 0), np.float32)
        """float32 (n, classes), the trained model's answers; set by :meth:`ask_reference`."""
        self.libraries: dict[str, str] = {}
        self.embedding, self.quantize_aware = embedding, quantize_aware
        self.exemplars: Exemplars | None = None
        """What travels for classes taught on the device; set by :meth:`note_exemplars`."""
        self._scratch, self._threads = scratch, threads
        self._numbers = itertools.count()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, object] = {}
        self._guard = threading.Lock()

    def ask_reference(self) -> None:
        """Ask the trained model itself for its answers on the scored pictures."""
        with self.progress.step(f"ask the trained model about {len(self.scored.photos)} pictures"):
            self.reference = isolated.call(
                "edgetl.converters.graphs:predict",
                self.subject.model,
                self.subject.contract,
                self.scored.pixels,
                doing="running the trained model",
            )

    def note_exemplars(self, format_: Format, folder: Path) -> None:
        """Run the float graph of a format over pictures that travel as exemplars."""
        self.exemplars = exemplars.note(
            self.subject, self.calibrating, format_, folder, self.progress, threads=self._threads
        )

    def graphs(self, model: Path, formats: Sequence[str], what: str) -> Path:
        """Write the float graph of each format; gives their folder."""
        folder = self.room("graphs")
        with self.progress.step(what):
            written: FloatGraphs = isolated.call(
                "edgetl.converters.graphs:write",
                model,
                self.subject.contract,
                tuple(formats),
                folder,
                self.embedding,
                doing="writing the float graphs",
            )
        self.libraries |= written.libraries
        return folder

    def base(self, model: Path, folder: Path, steps: Sequence[Steps]) -> Base:
        """Round the weights of a float model, and note its logits where int8 will be calibrated."""
        if not steps or self.calibrating is None or not (folder / FORMATS["onnx"].graph).is_file():
            return Base(model, folder, None)
        self._round(folder, steps)
        if "int8" not in steps:
            return Base(model, folder, None)
        logits = folder / "logits.npz"
        with self.progress.step("note the float model's answers on calibration photos"):
            headed = isolated.call(
                "edgetl.converters.head_correction:write_logits",
                folder / FORMATS["onnx"].graph,
                self.calibrating.pixels,
                logits,
                doing="running the float graph",
            )
        return Base(model, folder, logits if headed else None)

    def _round(self, folder: Path, steps: Sequence[Steps]) -> None:
        assert self.calibrating is not None
        try:
            with self.progress.step("choose the steps of the weights"):
                isolated.call(
                    "edgetl.converters.rounding:write",
                    folder / FORMATS["onnx"].graph,
                    self.calibrating.pixels,
                    {kind: folder / f"{kind}.npz" for kind in steps},
                    doing="rounding weights",
                )
        except ConversionError as error:
            self.progress.warn(f"weights are rounded one by one: {error}")

    def _rounded(self, base: Base, precision: str) -> Path | None:
        """The rounded weights of a precision; None without pictures to round them by."""
        if self.calibrating is None or precision == "float32" or base.tuned is not None:
            return None
        steps: Steps = "float16" if precision == "float16" else "int8"
        file = base.folder / f"{steps}.npz"

        def work() -> None:
            if not file.is_file() and (base.folder / FORMATS["onnx"].graph).is_file():
                # The last rung of the ladder, which few reach.
                self._round(base.folder, [steps])

        self._once(f"{steps} of {base.folder.name}", work)
        return file if file.is_file() else None

    def make(
        self,
        format_: Format,
        precision: str,
        base: Base,
        recipe: Recipe,
        words: str,
        *,
        faster_than_float: bool = False,
    ) -> Attempt | str:
        """Convert, read back, run and score one variant.

        Args:
            format_: to convert to.
            precision: likewise.
            base: the float graphs.
            recipe: for precisions that are calibrated.
            words: the recipe for people.
            faster_than_float: do not score a variant that takes longer than the float graph.

        Returns:
            The attempt, or why it was not scored.

        Raises:
            ConversionError: the library failed, or the file is not what it is called.
        """
        name = f"{format_.name}-{precision}"
        out = self.room(name)
        request = self.request(format_, precision, base, recipe, out)
        with self.progress.step(f"convert to {name}"):
            converted: ConvertedModel = isolated.call(
                f"{format_.module}:convert", request, doing=f"converting to {name}"
            )
        contents = {file: (out / file).read_bytes() for file in converted.files}
        anatomy = reading.read(contents)
        reading.check(anatomy, precision)
        with engines.start(engines.for_format(format_.name), contents, num_threads=self._threads) as engine:
            slow = self._slowness(format_, base, engine) if faster_than_float else None
            if slow is not None:
                return slow
            outputs = verification.answers(engine, self.scored.load(), name, self.progress)
        score = self._score(outputs)
        fallbacks = anatomy.fallbacks[:_NAMED_FALLBACKS] if precision in (*CALIBRATED, "dynamic") else ()
        variant = Variant(
            name=name,
            format=format_.name,
            precision=precision,
            files=tuple(
                replace(entry_of(out, out / file), path=f"{name}/{file}") for file in converted.files
            ),
            score=score,
            tolerance=TOLERANCES[precision],
            recipe=words,
            arithmetic=Arithmetic(
                precision=anatomy.precision,
                int8_operators=anatomy.int8_op_share or 0.0,
                int8_macs=anatomy.int8_mac_share or 0.0,
                in_float=tuple(label(operator) for operator in fallbacks),
            ),
        )
        return Attempt(
            variant=variant,
            folder=out,
            outputs=outputs,
            seconds=converted.seconds,
            libraries=converted.libraries,
            reason=gate.refusal(name, score, self.limits),
            doubt=gate.doubt(score, self.limits),
            base=base,
            recipe=recipe,
        )

    def request(
        self, format_: Format, precision: str, base: Base, recipe: Recipe, out: Path
    ) -> ConversionRequest:
        """What a converter is asked for; arguments as for :meth:`make`."""
        return ConversionRequest(
            graph=base.folder / format_.graph,
            precision=precision,
            out=out,
            calibration=self.calibrating.pixels if self.calibrating else None,
            contract=self.subject.contract,
            recipe=recipe,
            facts=self._facts(precision),
            logits=base.logits,
            layers=self._rounded(base, precision),
            tuned=base.tuned,
            work=base.tuned or base.folder,
        )

    def trained(self, base: Base, formats: Sequence[str]) -> Fitted | None:
        """int8 trained from the best that is made without training; None when that gains nothing.

        Raises:
            ConversionError: it cannot be trained.
        """

        def work() -> Fitted | None:
            try:
                found = self.equalised(formats)
            except ConversionError:
                found = None  # the ladder has told why
            return fit.fit(self, [base] if found is None else [base, found[0]])

        return self._once("trained", work)

    def equalised(self, formats: Sequence[str]) -> tuple[Base, Equalised] | None:
        """The same model with channels of like ranges; None when it has no channels to equalise.

        Only a ``.keras`` file can be rewritten so.
        """
        if self.subject.model.suffix != ".keras" or self.calibrating is None:
            return None

        def work() -> tuple[Base, Equalised] | None:
            assert self.calibrating is not None
            model = self.room("equalised") / "model.keras"
            with self.progress.step("equalise channels"):
                found: Equalised = isolated.call(
                    "edgetl.converters.equalisation:equalise",
                    self.subject.model,
                    self.calibrating.pixels,
                    model,
                    doing="equalising channels",
                )
            if not found.tensors:
                return None
            folder = self.graphs(model, formats, "write the float graphs of the equalised model")
            return self.base(model, folder, ["int8"]), found

        return self._once("equalised", work)

    def layer_errors(self, base: Base) -> tuple[LayerError, ...]:
        """What int8 costs in each layer alone."""

        def work() -> tuple[LayerError, ...]:
            assert self.calibrating is not None
            with self.progress.step("find the layers that int8 hurts"):
                found: tuple[LayerError, ...] = isolated.call(
                    "edgetl.converters.sensitivity:measure",
                    base.folder / FORMATS["onnx"].graph,
                    self.calibrating.pixels,
                    doing="measuring the layers",
                )
            return found

        return self._once(f"errors of {base.folder.name}", work)

    def _slowness(self, format_: Format, base: Base, engine: AbstractEngine) -> str | None:
        contents = {file: (base.folder / file).read_bytes() for file in format_.graph_files}
        row = engines.for_format(format_.name)
        with engines.start(row, contents, num_threads=self._threads) as float_engine:
            found = latency.measure({"this": engine, "float": float_engine}, self.scored.load()[:1])
        if found["this"] <= found["float"]:
            return None
        return (
            f"not scored: {format_duration(found['this'])} a picture here, and float32 takes "
            f"{format_duration(found['float'])}"
        )

    def _once(self, what: str, work: Callable[[], T]) -> T:
        """Do a piece of work for whoever asks first; the others wait and get its result."""
        with self._guard:
            lock = self._locks.setdefault(what, threading.Lock())
        with lock:
            if what not in self._known:
                self._known[what] = work()
            return self._known[what]  # type: ignore[return-value]

    def _score(self, outputs: Floats) -> Score:
        subject = self.subject
        truth = subject.truth(self.scored.photos)
        if truth is None:
            return verification.score(self.reference, outputs, self.scored.truth, split=subject.split)
        return verification.score_tasks(self.reference, outputs, truth, subject.tasks, split=subject.split)

    def _facts(self, precision: str) -> ModelFacts:
        subject = self.subject
        weights = subject.provenance.get("weights", {})
        return ModelFacts(
            name=subject.name,
            description=f"{subject.name}: image classifier with {len(subject.contract.labels)} classes",
            version=edgetl.__version__,
            contract=subject.contract,
            precision=precision,
            embedding=self.embedding,
            licence=weights.get("licence"),
            tasks=subject.tasks,
        )

    def room(self, name: str) -> Path:
        """A new folder that is gone after the export."""
        room = self._scratch / f"{next(self._numbers):03}-{name}"
        room.mkdir()
        return room
