"""From a picture to a label, as the bundle's contract says."""

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.errors import MissingPackageError, UsageError
from edgetl.manifest import Manifest, Variant
from edgetl.runtime import engines
from edgetl.runtime.base import AbstractEngine


@dataclass(frozen=True)
class Timings:
    """Seconds each stage of one classification took."""

    decode_s: float
    resize_s: float
    infer_s: float
    post_s: float

    @property
    def total_s(self) -> float:
        """From bytes to label."""
        return self.decode_s + self.resize_s + self.infer_s + self.post_s


@dataclass(frozen=True, eq=False)
class Result:
    """What a model says of one picture."""

    label: str
    """The most probable class, also when :attr:`unknown` is True."""
    score: float
    """Its calibrated probability, 0 to 1."""
    unknown: bool
    """Whether the score is under the bundle's reject threshold."""
    probabilities: NDArray[np.float32]
    """float32 (classes,), in the order of ``labels``, summing to 1."""
    labels: tuple[str, ...]
    timings: Timings

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The ``count`` most probable labels and their scores, best first."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(self.labels[index], float(self.probabilities[index])) for index in order]


class Classifier:
    """A variant of a bundle, loaded and ready. Use it in a ``with`` block, or call :meth:`close`."""

    def __init__(self, manifest: Manifest, variant: Variant, engine: AbstractEngine) -> None:
        self.manifest = manifest
        self.variant = variant
        self.engine = engine

    def classify(self, picture: images.Source) -> Result:
        """Classify one picture.

        Args:
            picture: a path, the bytes of a file, an open binary file, a Pillow image, or a uint8 array
                (h, w, 3) in RGB order, of any size.

        Raises:
            ImageError: it is no picture.
        """
        contract = self.manifest.contract
        start = time.perf_counter()
        decoded = images.load(picture, contract)
        opened = time.perf_counter()
        pixels = images.fit(decoded, contract)
        fitted = time.perf_counter()
        (probabilities, *_) = self.engine.run(pixels[np.newaxis])
        inferred = time.perf_counter()
        row = probabilities[0]
        label, score, unknown = interpret(row, self.manifest)
        ended = time.perf_counter()
        timings = Timings(opened - start, fitted - opened, inferred - fitted, ended - inferred)
        return Result(label, score, unknown, row, contract.labels, timings)

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def __enter__(self) -> "Classifier":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def interpret(row: NDArray[np.float32], manifest: Manifest) -> tuple[str, float, bool]:
    """Post-processing: the label, its score, and whether that is under the reject threshold.

    Args:
        row: float32 (classes,), the probabilities of one picture.
        manifest: of the bundle.
    """
    best = int(row.argmax())
    score = float(row[best])
    threshold = manifest.reject_threshold
    return manifest.contract.labels[best], score, threshold is not None and score < threshold


def load(
    bundle: str | Path, variant: str | None = None, engine: str | None = None, num_threads: int | None = None
) -> Classifier:
    """Open a bundle for classification.

    Args:
        bundle: the folder ``edgetl export`` wrote.
        variant: its name, ``tflite-int8``; None takes the bundle's pick, or the first variant that
            an installed engine runs.
        engine: its name; None takes the first installed one that runs the variant.
        num_threads: for one inference; None takes the cores there are, at most 4.

    Raises:
        BundleError: there is no bundle, or it is damaged.
        UsageError: no such variant or engine, or one that does not go with the other.
        MissingPackageError: no engine for it is installed; the message names the install line.
        ModelError: the engine refuses the model.
    """
    opened = Bundle.open(bundle)
    chosen, row = choose(opened, variant, engine)
    return Classifier(
        opened.manifest, chosen, engines.start(row, opened.model_files(chosen), num_threads=num_threads)
    )


def choose(bundle: Bundle, variant: str | None, engine: str | None) -> tuple[Variant, engines.EngineRow]:
    """The variant and engine that :func:`load` takes."""
    if variant is not None:
        named = bundle.variant(variant)
        return named, engines.for_format(named.format, engine)
    manifest = bundle.manifest
    # The pick first; then the others in the order they were exported, last those that failed the gate.
    candidates = sorted(
        manifest.variants,
        key=lambda candidate: (candidate.name != manifest.pick, candidate.refused is not None),
    )
    if engine is not None:
        able = [candidate for candidate in candidates if candidate.format in engines.get(engine).formats]
        candidates = able or candidates
        return candidates[0], engines.for_format(candidates[0].format, engine)
    reasons = {}
    for candidate in candidates:
        try:
            return candidate, engines.for_format(candidate.format)
        except (MissingPackageError, UsageError) as error:
            reasons[candidate.format] = str(error)
    raise MissingPackageError(f"no engine for {bundle.path} is installed: {', or '.join(reasons.values())}")
