"""``edgetl verify``: is this bundle, on this machine, still what was exported?"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl import images
from edgetl.bundle import Bundle
from edgetl.errors import ImageError
from edgetl.manifest import Manifest
from edgetl.runtime import choosing, engines
from edgetl.runtime.replay import Replay, VariantCheck

_REPLAY_S = 2.5
"""Seconds of inference that the variants share. A slow one replays fewer pictures, but at least one: a
self-test that takes long is not run."""


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
class Verification:
    """What :func:`verify` found."""

    bundle: Path
    files: int
    """Files whose SHA-256 is the manifest's."""
    decoder: DecoderCheck
    variants: tuple[VariantCheck, ...]
    probes: int = 0
    """Pictures that engines replay beside the golden ones, which no decoder makes."""

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
        ImageError: this machine's limits refuse a golden picture; the message names it.
        UsageError: a variant that the bundle does not have.
    """
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    chosen = [opened.variant(name) for name in variants] if variants else list(manifest.variants)
    # Every file is read and hashed once, before the first engine starts.
    models = {variant.name: opened.model_files(variant) for variant in manifest.variants}
    pictures = [opened.read(entry) for entry in manifest.golden.pictures]
    expected = opened.expected()
    others = [*manifest.documents, *([manifest.exemplars] if manifest.exemplars is not None else [])]
    for entry in others:
        opened.read(entry)
    files = len(pictures) + 1 + len(others) + sum(map(len, models.values()))
    decoder = _check_decoder(pictures, manifest, expected["pixels"].astype(np.uint8, copy=False))
    replay = Replay(manifest, expected, decoder.passed, _REPLAY_S / len(chosen))
    options = {option.variant.name: option for option in choosing.options(opened)}
    # Loading a model takes longer than its pictures, mostly outside Python.
    with ThreadPoolExecutor(min(engines.default_threads(), len(chosen))) as pool:
        checks = tuple(
            pool.map(lambda variant: replay.check(options[variant.name], models[variant.name]), chosen)
        )
    return Verification(opened.path, files, decoder, checks, len(expected["probes"]))


def _check_decoder(
    pictures: Sequence[bytes], manifest: Manifest, recorded: NDArray[np.uint8]
) -> DecoderCheck:
    decoded = (
        _decoded(entry.path, picture, manifest)
        for entry, picture in zip(manifest.golden.pictures, pictures, strict=True)
    )
    differences = [
        int(np.abs(now.astype(int) - then).max()) for now, then in zip(decoded, recorded, strict=True)
    ]
    return DecoderCheck(len(pictures), max(differences, default=0))


def _decoded(name: str, picture: bytes, manifest: Manifest) -> NDArray[np.uint8]:
    try:
        return images.decode(picture, manifest.contract)
    except ImageError as error:  # this machine's limits may be lower than those of the one that exported
        raise ImageError(f"{name}: {error}") from error
