"""``edgetl.estimate``: how long a variant takes on a board that is not here, and how sure that is."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgetl.benchmarks.estimate import boards as known
from edgetl.benchmarks.estimate import domain, tables
from edgetl.benchmarks.estimate.costs import Setting, latency_s
from edgetl.benchmarks.estimate.work import Work, of_tflite
from edgetl.bundle import Bundle
from edgetl.errors import UsageError
from edgetl.manifest import Variant

LEVEL = 0.8
"""Share of cases that the intervals are meant to hold."""


ENOUGH = 10
"""Published rows from which on a board counts as known: with 2 and 4, estimates were off by 21 and 14 %."""


@dataclass(frozen=True)
class Estimate:
    """A latency nobody measured; seconds for one picture, batch 1, without decoding it."""

    variant: str
    board: str
    """Its name, as its maker calls it."""
    threads: int
    latency_s: float
    low_s: float
    high_s: float
    own_rows: int
    """Published rows of that board in this precision."""
    mean_error: float
    """What such estimates showed when models, or below ``ENOUGH`` rows whole boards, were left out."""
    cover: float
    """Share of published rows that intervals of this sort held then."""

    @property
    def basis(self) -> str:
        """What the estimate stands on, for people."""
        if self.own_rows >= ENOUGH:
            return f"{self.own_rows} published rows of this board"
        few = f"{self.own_rows} rows" if self.own_rows else "no row"
        return f"{few} of this board: from its core, clock and memory"


@dataclass(frozen=True)
class Refusal:
    """A variant that nothing is known about, and why."""

    variant: str
    reason: str


@dataclass(frozen=True)
class Estimates:
    """All that could be said of a bundle."""

    bundle: str
    estimates: tuple[Estimate, ...]
    refused: tuple[Refusal, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "bundle": self.bundle,
            "kind": "estimated, not measured",
            "level": LEVEL,
            "engine": "tflite with XNNPACK, as LiteRT and tflite-runtime compute",
            "estimates": [{**asdict(each), "basis": each.basis} for each in self.estimates],
            "refused": [asdict(each) for each in self.refused],
            "fitted": dict(tables.load().provenance),
        }


def estimate(
    bundle: str | Path,
    board: str | Iterable[str] | None = None,
    *,
    variants: Iterable[str] | None = None,
    threads: int | None = None,
) -> Estimates:
    """Estimate the latency of a bundle's variants on boards.

    The work is read from the model files themselves; how long it takes is fitted to published latencies.

    Args:
        bundle: folder that ``edgetl export`` wrote.
        board: one or several of :data:`edgetl.benchmarks.estimate.boards.BOARDS`, by key; None for all.
        variants: names; None for all of the bundle.
        threads: of the engine; None for as many as the board has cores.

    Raises:
        UsageError: an unknown board or variant, more threads than cores, or no variant that
            published rows say anything about.
        BundleError: there is no bundle, or a file of it is damaged.
        MissingPackageError: LiteRT, whose schema reads the files, is not installed.
    """
    keys = [board] if isinstance(board, str) else board
    chosen = known.BOARDS if keys is None else tuple(known.find(key) for key in keys)
    for each in chosen:
        if threads is not None and not 1 <= threads <= each.cores:
            raise UsageError(
                f"{threads} threads: {each.name} has {each.cores} cores, so choose 1 to {each.cores}"
            )
    opened = Bundle.open(bundle)
    asked: Sequence[Variant] = (
        [opened.variant(name) for name in variants] if variants is not None else opened.manifest.variants
    )
    estimates: list[Estimate] = []
    refused: list[Refusal] = []
    for variant in asked:
        try:
            work = _work(opened, variant)
        except UsageError as error:
            refused.append(Refusal(variant.name, str(error)))
            continue
        estimates += [
            _on(each, variant.name, variant.precision, work, threads or each.cores) for each in chosen
        ]
    if not estimates:
        raise UsageError("; ".join(each.reason for each in refused) or f"{bundle} has no variants")
    return Estimates(str(bundle), tuple(estimates), tuple(refused))


def _work(bundle: Bundle, variant: Variant) -> Work:
    domain.check_variant(variant.name, variant.format, variant.precision)
    (entry,) = variant.files
    work, anatomy = of_tflite(entry.path, bundle.read(entry))
    domain.check_variant(variant.name, variant.format, anatomy.precision)
    domain.check_work(variant.name, work, tables.load().range)
    return work


def on_board(board: known.Board, name: str, variant: str, work: Work, threads: int) -> Estimate:
    """Estimate the latency of work that was not read from a bundle.

    Args:
        board: where.
        name: of the model, for the message.
        variant: such as ``tflite-int8``.
        work: of one picture.
        threads: of the engine.

    Raises:
        UsageError: no published row speaks for such a variant or such work.
    """
    format_, _, precision = variant.partition("-")
    domain.check_variant(variant, format_, precision)
    domain.check_work(name, work, tables.load().range)
    return _on(board, variant, precision, work, threads)


def _on(board: known.Board, variant: str, precision: str, work: Work, threads: int) -> Estimate:
    table = tables.load()
    setting = Setting(board, domain.KERNELS, precision, threads, board.bits)
    own = table.rows_of(setting)
    left_out = table.models_left_out if own >= ENOUGH else table.boards_left_out
    seconds = latency_s(work, setting, table.weights)
    return Estimate(
        variant=variant,
        board=board.name,
        threads=threads,
        latency_s=seconds,
        low_s=seconds / left_out.factor,
        high_s=seconds * left_out.factor,
        own_rows=own,
        mean_error=left_out.mean_error,
        cover=left_out.cover,
    )
