"""``edgetl verify``: is this bundle, on this machine, still what was exported?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.errors import MissingPackageError, ModelError
from edgetl.manifest import Variant
from edgetl.runtime import engines


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
    largest_difference: float | None
    """Of a probability, from what was recorded at export; None when it did not run."""
    tolerance: float
    agreement: float | None
    """Share of golden pictures, 0 to 1, with the float Keras model's top-1."""
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
    """Check every hash and replay the golden pictures through decoder and engines.

    The engines are given the pixels recorded at export, so that a decoder that differs (another Pillow)
    and an engine that differs are told apart.

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
    entries = [*manifest.golden.pictures, manifest.golden.expected]
    entries += [entry for variant in manifest.variants for entry in variant.files]
    for entry in entries:
        opened.read(entry)
    expected = opened.expected()
    recorded = np.asarray(expected["pixels"], np.uint8)
    decoded = [images.decode(opened.read(entry), manifest.contract) for entry in manifest.golden.pictures]
    differences = [
        int(np.abs(now.astype(int) - then).max()) for now, then in zip(decoded, recorded, strict=True)
    ]
    decoder = DecoderCheck(len(decoded), max(differences, default=0))
    checks = tuple(_check(opened, variant, recorded, expected) for variant in chosen)
    return Verification(opened.path, len(entries), decoder, checks)


def _check(
    bundle: Bundle, variant: Variant, pixels: NDArray[np.uint8], expected: dict[str, NDArray[Any]]
) -> VariantCheck:
    def result(engine: str | None, problem: str | None, *, skipped: bool = False) -> VariantCheck:
        return VariantCheck(variant.name, engine, None, variant.tolerance, None, problem, skipped)

    try:
        row = engines.for_format(variant.format)
    except MissingPackageError as error:
        return result(None, str(error), skipped=True)
    try:
        with engines.start(row, bundle.model_files(variant)) as engine:
            outputs = engine.run(pixels)[0]
    except ModelError as error:
        return result(row.name, str(error))
    if outputs.shape != expected[variant.name].shape or not np.isfinite(outputs).all():
        return result(row.name, f"{row.name} gave {outputs.shape} or values that are no numbers")
    difference = float(np.abs(outputs - expected[variant.name]).max())
    agreement = float((outputs.argmax(axis=1) == expected["keras"].argmax(axis=1)).mean())
    problem = None
    if difference > variant.tolerance:
        problem = (
            f"{row.name} {row.version} answers differently here: a probability moved by {difference:.3f}, "
            f"more than {variant.tolerance:g}; try another engine or version, or another variant"
        )
    return VariantCheck(variant.name, row.name, difference, variant.tolerance, agreement, problem)
