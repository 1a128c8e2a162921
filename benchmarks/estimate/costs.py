"""The model of latency: each kind of work has a cost, and a cost is a product of shared factors.

A latency is the sum over :data:`~edgetl.benchmarks.estimate.work.COMPONENTS` of amount times cost, as in the
roofline model (Williams, Waterman & Patterson 2009, doi 10.1145/1498765.1498785) but added up, since layers
run one after the other. The logarithm of a cost is linear in terms: some tell boards apart by what is known
of their chips, some are learned corrections for kernels, precision, core and threads, which are drawn to 0
the more the fewer rows speak for them. What has no rows thereby gets the common behaviour.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgetl.benchmarks.estimate.boards import Board
from edgetl.benchmarks.estimate.work import COMPONENTS, Work


@dataclass(frozen=True)
class Setting:
    """On what, and how, a model runs."""

    board: Board
    kernels: str
    """``xnnpack``, or ``ruy``: TFLite's own, in published rows up to its version 2.7."""
    precision: str
    """``float32`` or ``int8``."""
    threads: int
    bits: int
    """Of the system: 32 or 64."""


class Term(NamedTuple):
    """One addend of the logarithm of a cost."""

    name: str
    value: float
    prior: float
    """The weight it has where no row speaks: what the hardware lets expect."""
    spread: float
    """Standard deviation of the weight around that."""


_REFERENCE = (1.5, 3, 4, 12.8)  # a Pi 4: clock in GHz, issue, multiply-accumulates a cycle, GB/s
# How costs should follow clock, issue width, peak of arithmetic, bandwidth of memory and threads, set
# by hand (docs/estimate.md). Arithmetic follows the core; values and weights come partly out of caches,
# which follow the core too, and partly out of memory; what is done once is done by one thread.
_EXPONENTS = {
    "compute": (1.0, 1.0, 0.5, 0.0, 0.9),
    "memory": (0.5, 0.5, 0.25, 0.5, 0.5),
    "serial": (1.0, 1.0, 0.0, 0.0, 0.0),
}
_FOLLOWS = dict(zip(COMPONENTS, ("compute", "compute", "memory", "memory", "serial", "serial"), strict=True))
_DOT_PRODUCT = math.log(2)  # at the least: one instruction does 16 multiply-accumulates instead of 8


def terms(setting: Setting, component: str) -> Iterator[Term]:
    """The terms of the logarithm of a component's cost, which is in ms for the unit of ``Work.amounts``."""
    board, core = setting.board, setting.board.core
    precision, kernels, threads = setting.precision, setting.kernels, setting.threads
    yield Term(component, 1, 0, 3)
    yield Term(f"{component} {precision}", 1, 0, 1)
    yield Term(f"{kernels} {precision}", 1, 0, 0.5)
    yield Term(f"{component} {kernels} {precision}", 1, 0, 0.4)
    yield Term(f"{setting.bits} bits {precision}", 1, 0, 0.2)
    yield Term(f"{component} {setting.bits} bits {precision}", 1, 0, 0.15)
    yield Term(core.name, 1, 0, 0.25)
    yield Term(f"{component} {core.name}", 1, 0, 0.15)
    yield Term(f"{core.name} {precision}", 1, 0, 0.1)
    yield Term(f"{component} {core.name} {precision}", 1, 0, 0.1)
    yield Term(board.same_as or board.name, 1, 0, 0.1)
    yield Term(f"{component} {threads} threads {precision}", 1, 0, 0.1)
    yield Term(f"{core.name} {threads} threads {kernels}", 1, 0, 0.05)
    here = (board.clock_ghz, core.issue, core.macs_per_cycle, board.memory_gb_s)
    ratios = [*(mine / pi4 for mine, pi4 in zip(here, _REFERENCE, strict=True)), threads]
    names = ("clock", "issue", "arithmetic", "memory", "threads")
    # What a clock does to one and the same core is known best.
    spreads = (0.15, 0.3, 0.3, 0.3, 0.3)
    for name, ratio, exponent, spread in zip(
        names, ratios, _EXPONENTS[_FOLLOWS[component]], spreads, strict=True
    ):
        yield Term(f"{component} by {name}", -math.log(ratio), exponent, spread)
    if component == "conv" and precision == "int8" and kernels == "xnnpack" and core.dot_product:
        yield Term("conv by dot product", -1, _DOT_PRODUCT, 0.4)


def latency_s(work: Work, setting: Setting, weights: Mapping[str, float]) -> float:
    """Seconds of one inference. A term without a weight has its prior, which no row has moved."""
    logs: NDArray[np.float64] = np.array(
        [
            sum(term.value * weights.get(term.name, term.prior) for term in terms(setting, component))
            for component in COMPONENTS
        ]
    )
    return float(work.amounts @ np.exp(logs)) / 1e3
