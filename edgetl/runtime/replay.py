"""Give a variant the pictures recorded at export, and hold its answers against the recorded ones."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import ModelError
from edgetl.manifest import Manifest, Variant
from edgetl.runtime import answers, confined, engines, healthy, probes
from edgetl.runtime.answers import Answer
from edgetl.runtime.base import Images
from edgetl.runtime.choosing import Option
from edgetl.runtime.result import Reading, read

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class VariantCheck:
    """How a variant answered the golden pictures here."""

    variant: str
    engine: str | None
    """None when no engine here can run it."""
    pictures: int
    """How many pictures it replayed, golden ones and then probes: fewer than all when it is slow."""
    largest_difference: float | None
    """Of a probability, from what was recorded at export; None when it did not run."""
    tolerance: float
    """What that may be at most in this engine (``healthy.py``)."""
    agreement: float | None
    """Share of the golden ones, 0 to 1, with the float Keras model's top-1; see ``manifest.Score``."""
    differs: Literal["engine", "post-processing"] | None
    """What answers differently from the machine that exported; None when nothing does or it did not run."""
    problem: str | None
    """Why it failed or was skipped, None when it passed."""
    skipped: bool = False

    @property
    def passed(self) -> bool:
        """Whether it ran and answered as recorded."""
        return self.problem is None


@dataclass(frozen=True, eq=False)
class Replay:
    """Gives a variant the recorded pictures and holds its answers against the recorded ones."""

    manifest: Manifest
    expected: Arrays
    decoder_passed: bool
    seconds: float
    """After which no other picture is begun."""

    @cached_property
    def pictures(self) -> Images:
        """All that is replayed, uint8 (n, height, width, 3): the golden pictures, and then the probes."""
        pixels = self.expected["pixels"].astype(np.uint8, copy=False)
        return np.concatenate([pixels, probes.mix(pixels, self.expected["probes"])])

    def check(self, option: Option, files: Mapping[str, bytes]) -> VariantCheck:
        """Run a variant in the engine that this machine has for it; without one it is skipped.

        Args:
            option: the variant, and its engine or why there is none.
            files: its bytes by file name.
        """
        variant, row = option.variant, option.engine
        if row is None:
            return VariantCheck(
                variant.name, None, 0, None, variant.tolerance, None, None, option.reason, skipped=True
            )

        try:
            outputs = self._answers(row, files)
        except ModelError as error:
            largest = healthy.bounds(variant, row).largest
            return VariantCheck(variant.name, row.name, 0, None, largest, None, "engine", str(error))
        return self.judge(variant, row, outputs)

    def judge(self, variant: Variant, row: engines.EngineRow, outputs: NDArray[np.float32]) -> VariantCheck:
        """Hold answers to the first of :attr:`pictures`, float32 (n, classes), against those recorded."""
        count, bounds = len(outputs), healthy.bounds(variant, row)

        def result(
            problem: str | None,
            differs: Literal["engine", "post-processing"] | None = "engine",
            difference: float | None = None,
            agreement: float | None = None,
        ) -> VariantCheck:
            return VariantCheck(
                variant.name, row.name, count, difference, bounds.largest, agreement, differs, problem
            )

        recorded, keras = self.expected[variant.name][:count], self.expected["keras"][:count]
        classes = len(self.manifest.contract.labels)
        if not outputs.shape == recorded.shape == (count, classes) or not np.isfinite(outputs).all():
            return result(f"{row.name} gave {outputs.shape} or values that are no numbers")
        golden = outputs[: len(keras)]
        moved = np.abs(outputs - recorded).max(axis=1)[: None if bounds.probes else len(golden)]
        difference, mean = float(moved.max()), self._mean(moved)
        tasks = self.manifest.tasks
        agreement = answers.shared(answers.said(golden, tasks), answers.said(keras, tasks))
        told = None
        if not difference <= bounds.largest:  # written so that recorded values that are none are wrong too
            told = f"a probability moved by {difference:.2g}, more than {bounds.largest:g}"
        elif bounds.mean is not None and mean is not None and not mean <= bounds.mean:
            told = f"probabilities of probes moved by {mean:.2g} in the mean, more than {bounds.mean:g}"
        if told is not None:
            problem = (
                f"{row.name} {row.version} answers differently here: {told}; try another engine or version, "
                "or another variant"
            )
            return result(problem, "engine", difference, agreement)
        misread = self._misread(golden, recorded, bounds.largest) if self.decoder_passed else None
        return result(misread, "post-processing" if misread else None, difference, agreement)

    def _mean(self, moved: NDArray[np.float32]) -> float | None:
        """Over the probes; None where there are none, or not all were replayed: the mean of a few may be
        anything."""
        of_probes = moved[len(self.expected["pixels"]) :]
        return float(of_probes.mean()) if 0 < len(of_probes) == len(self.expected["probes"]) else None

    def _answers(self, row: engines.EngineRow, files: Mapping[str, bytes]) -> NDArray[np.float32]:
        """Probabilities of the first pictures, float32 (n, classes), n at least 1.

        In a process with limits, unless none can be started or the engine is Python of our own.
        """
        if row.package is not None and confined.can_start():
            values = len(self.manifest.contract.labels)
            return confined.run(row, files, self.pictures, values=values, seconds=self.seconds).outputs
        start = time.perf_counter()
        rows: list[NDArray[np.float32]] = []
        with engines.start(row, files, num_threads=1) as engine:
            while len(rows) < len(self.pictures) and (not rows or time.perf_counter() - start < self.seconds):
                rows.append(engine.run(self.pictures[len(rows) : len(rows) + 1])[0])
        return np.concatenate(rows)

    def _misread(
        self, outputs: NDArray[np.float32], recorded: NDArray[np.float32], tolerance: float
    ) -> str | None:
        """What post-processing makes of right answers, where that is not what was recorded."""
        manifest, labels = self.manifest, self.manifest.contract.labels
        for entry, now, then in zip(manifest.golden.pictures, outputs, recorded, strict=False):
            said = read(now, labels, manifest)
            # One answer, or one to each task: where its probabilities stand, and the threshold of unknown.
            parts: list[tuple[Reading | Answer, slice, tuple[str, ...], float | None]]
            parts = [(said, slice(None), labels, manifest.reject_threshold)]
            if manifest.tasks:
                parts = [
                    (answer, task.places, task.labels, task.reject_threshold)
                    for answer, task in zip(said.answers, manifest.tasks, strict=True)
                ]
            for answer, places, names, threshold in parts:
                best, surest = float(then[places].max()), names[int(then[places].argmax())]
                # Probabilities that moved within the tolerance may swap places, or cross the threshold.
                allowed = [names[place] for place in np.flatnonzero(then[places] >= best - 2 * tolerance)]
                right = answer.label in allowed and abs(answer.score - best) <= tolerance
                if right and threshold is not None and abs(best - threshold) > tolerance:
                    right = answer.unknown == (best < threshold)
                if not right:
                    return (
                        f"{entry.path} becomes {answer.label!r} with {answer.score:.3f}"
                        f"{', unknown' * answer.unknown}, and was {surest!r} with {best:.3f}, though decoder "
                        f"and engine are right: {self._way_out}"
                    )
            if other := self._other_labels(said, then, tolerance):
                return f"{entry.path} {other}, though decoder and engine are right: {self._way_out}"
        return None

    def _other_labels(self, said: Reading, then: NDArray[np.float32], tolerance: float) -> str | None:
        """A label of several that is found and should not be, or the other way round."""
        for answer, task in zip(said.answers, self.manifest.tasks, strict=True):
            for label, was, threshold in zip(task.labels, then[task.places], task.thresholds, strict=False):
                if abs(was - threshold) > tolerance and (label in answer.found) != (was >= threshold):
                    return f"{'has' if label in answer.found else 'lacks'} {label!r}, which was at {was:.3f}"
        return None

    @property
    def _way_out(self) -> str:
        return f"install edgetl {self.manifest.edgetl}, which exported"
