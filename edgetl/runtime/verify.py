"""``edgetl verify``: is this bundle, on this machine, still what was exported?"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.errors import MissingPackageError, ModelError
from edgetl.manifest import Manifest, Variant
from edgetl.runtime import classifier, engines
from edgetl.runtime.base import AbstractEngine

_REPLAY_S = 2.5
"""Seconds of inference that the variants share. A slow one replays fewer pictures, but at least one: a
self-test that takes long is not run."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class DecoderCheck:
    """Whether the golden pictures become the pixels they were when the bundle was made."""

    pictures: int
    largest_difference: int
    """In steps of 0 to 255."""

    @property
    def passed(self) -> bool:
        """Whether every pixel is the same, to the bit."""
        return self.largest_difference == 0


@dataclass(frozen=True)
class VariantCheck:
    """How a variant answered the golden pictures here."""

    variant: str
    engine: str | None
    """None when no engine for it is installed."""
    pictures: int
    """How many of the golden pictures it replayed: fewer than all when it is slow."""
    largest_difference: float | None
    """Of a probability, from what was recorded at export; None when it did not run."""
    tolerance: float
    agreement: float | None
    """Share of those pictures, 0 to 1, with the float Keras model's top-1."""
    differs: Literal["engine", "post-processing"] | None
    """What answers differently from the machine that exported; None when nothing does or it did not run."""
    problem: str | None
    """Why it failed or was skipped, None when it passed."""
    skipped: bool = False

    @property
    def passed(self) -> bool:
        """Whether it ran and answered as recorded."""
        return self.problem is None


@dataclass(frozen=True)
class Verification:
    """What :func:`verify` found."""

    bundle: Path
    files: int
    """Files whose SHA-256 is the manifest's."""
    decoder: DecoderCheck
    variants: tuple[VariantCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether the decoder and every variant that an installed engine runs answer as recorded."""
        ran = [check for check in self.variants if not check.skipped]
        return self.decoder.passed and bool(ran) and all(check.passed for check in ran)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        decoder = {**asdict(self.decoder), "passed": self.decoder.passed}
        return {**asdict(self), "bundle": str(self.bundle), "decoder": decoder, "passed": self.passed}


def verify(bundle: str | Path, *, variants: Sequence[str] | None = None) -> Verification:
    """Check every hash and replay the golden pictures through decoder, engines and post-processing.

    The engines are given the pixels recorded at export, so that a decoder that differs (another Pillow)
    and an engine that differs are told apart; post-processing is judged where both are right.

    Args:
        bundle: the folder ``edgetl export`` wrote.
        variants: names of those to replay; None takes all.

    Raises:
        BundleError: no bundle there.
        DamagedBundleError: a file is missing or changed; the message names it.
        UsageError: a variant that the bundle does not have.
    """
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    chosen = [opened.variant(name) for name in variants] if variants else list(manifest.variants)
    # Every file is read and hashed once, before the first engine starts.
    models = {variant.name: opened.model_files(variant) for variant in manifest.variants}
    pictures = [opened.read(entry) for entry in manifest.golden.pictures]
    expected = opened.expected()
    files = len(pictures) + 1 + sum(map(len, models.values()))
    decoder = _check_decoder(pictures, manifest, expected["pixels"].astype(np.uint8, copy=False))
    replay = _Replay(manifest, expected, decoder.passed, _REPLAY_S / len(chosen))
    # Loading a model takes longer than its pictures, mostly outside Python.
    with ThreadPoolExecutor(min(engines.default_threads(), len(chosen))) as pool:
        checks = tuple(pool.map(lambda variant: replay.check(variant, models[variant.name]), chosen))
    return Verification(opened.path, files, decoder, checks)


def _check_decoder(
    pictures: Sequence[bytes], manifest: Manifest, recorded: NDArray[np.uint8]
) -> DecoderCheck:
    decoded = (images.decode(picture, manifest.contract) for picture in pictures)
    differences = [
        int(np.abs(now.astype(int) - then).max()) for now, then in zip(decoded, recorded, strict=True)
    ]
    return DecoderCheck(len(pictures), max(differences, default=0))


@dataclass(frozen=True, eq=False)
class _Replay:
    """Gives a variant the recorded pixels and holds its answers against the recorded ones."""

    manifest: Manifest
    expected: Arrays
    decoder_passed: bool
    seconds: float
    """After which no other picture is begun."""

    def check(self, variant: Variant, files: Mapping[str, bytes]) -> VariantCheck:
        try:
            row = engines.for_format(variant.format)
        except MissingPackageError as error:
            return VariantCheck(
                variant.name, None, 0, None, variant.tolerance, None, None, str(error), skipped=True
            )

        def result(
            problem: str | None,
            differs: Literal["engine", "post-processing"] | None = "engine",
            difference: float | None = None,
            agreement: float | None = None,
        ) -> VariantCheck:
            return VariantCheck(
                variant.name, row.name, count, difference, variant.tolerance, agreement, differs, problem
            )

        count = 0
        try:
            with engines.start(row, files, num_threads=1) as engine:
                outputs = self._answers(engine)
        except ModelError as error:
            return result(str(error))
        count = len(outputs)
        recorded, keras = self.expected[variant.name][:count], self.expected["keras"][:count]
        classes = len(self.manifest.contract.labels)
        if not outputs.shape == recorded.shape == (count, classes) or not np.isfinite(outputs).all():
            return result(f"{row.name} gave {outputs.shape} or values that are no numbers")
        difference = float(np.abs(outputs - recorded).max())
        agreement = float((outputs.argmax(axis=1) == keras.argmax(axis=1)).mean())
        if difference > variant.tolerance:
            problem = (
                f"{row.name} {row.version} answers differently here: a probability moved by "
                f"{difference:.3f}, more than {variant.tolerance:g}; try another engine or version, or "
                "another variant"
            )
            return result(problem, "engine", difference, agreement)
        misread = self._misread(outputs, recorded, variant.tolerance) if self.decoder_passed else None
        return result(misread, "post-processing" if misread else None, difference, agreement)

    def _answers(self, engine: AbstractEngine) -> NDArray[np.float32]:
        """Probabilities of the first golden pictures, float32 (n, classes), n at least 1."""
        pixels, start = self.expected["pixels"], time.perf_counter()
        rows: list[NDArray[np.float32]] = []
        while len(rows) < len(pixels) and (not rows or time.perf_counter() - start < self.seconds):
            rows.append(engine.run(pixels[len(rows) : len(rows) + 1])[0])
        return np.concatenate(rows)

    def _misread(
        self, outputs: NDArray[np.float32], recorded: NDArray[np.float32], tolerance: float
    ) -> str | None:
        """What post-processing makes of right answers, where that is not what was recorded."""
        labels, threshold = self.manifest.contract.labels, self.manifest.reject_threshold
        for entry, now, then in zip(self.manifest.golden.pictures, outputs, recorded, strict=False):
            label, score, unknown = classifier.interpret(now, self.manifest)
            best = float(then.max())
            # Probabilities that moved within the tolerance may swap places, or cross the threshold.
            allowed = [labels[place] for place in np.flatnonzero(then >= best - 2 * tolerance)]
            right = label in allowed and abs(score - best) <= tolerance
            if right and threshold is not None and abs(best - threshold) > tolerance:
                right = unknown == (best < threshold)
            if not right:
                return (
                    f"{entry.path} becomes {label!r} with {score:.3f}{', unknown' * unknown}, and was "
                    f"{labels[int(then.argmax())]!r} with {best:.3f}, though decoder and engine are right: "
                    f"install edgetl {self.manifest.edgetl}, which exported"
                )
        return None
