"""The fitted table that the package ships: weights of the costs, their errors, where they come from."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from edgetl.benchmarks.estimate.costs import Setting

NAME = "estimate.json"
SCHEMA = 1


@dataclass(frozen=True)
class LeftOut:
    """How far estimates of classifiers were off where the answer was left out of the fit."""

    mean_error: float
    """Mean of \\|estimate / published - 1\\| over ``rows``."""
    factor: float
    """An interval reaches from the estimate divided by this to the estimate times this."""
    cover: float
    """Share of ``rows`` inside the interval, its factor taken from the other models or boards alone."""
    rows: int


@dataclass(frozen=True)
class Table:
    """What ``benchmarks/peers/fit_estimate.py`` wrote."""

    weights: Mapping[str, float]
    models_left_out: LeftOut
    boards_left_out: LeftOut
    range: Mapping[str, tuple[float, float]]
    """Least and most of each of :func:`edgetl.benchmarks.estimate.domain.traits` among the classifiers."""
    counts: Mapping[str, int]
    """Published rows by :func:`key`."""
    provenance: Mapping[str, Any]
    """Source with its SHA-256, rows used, script and date."""

    def rows_of(self, setting: Setting) -> int:
        """Published rows of that board with those kernels and that precision; 0 without any."""
        return self.counts.get(key(setting), 0)


def key(setting: Setting) -> str:
    """Rows with the same key count as a board's own."""
    return f"{setting.board.name}, {setting.kernels}, {setting.precision}"


@functools.cache
def load() -> Table:
    """The table of this version of edgetl."""
    text = (resources.files("edgetl.benchmarks") / "reference" / NAME).read_text("utf-8")
    return parse(json.loads(text))


def parse(value: Mapping[str, Any]) -> Table:
    """A table from its JSON.

    Raises:
        ValueError: it is of another schema than this code reads.
    """
    if value["schema"] != SCHEMA:
        raise ValueError(f"{NAME} has schema {value['schema']}, and this version reads {SCHEMA}")
    return Table(
        weights=value["weights"],
        models_left_out=LeftOut(**value["models_left_out"]),
        boards_left_out=LeftOut(**value["boards_left_out"]),
        range={name: (low, high) for name, (low, high) in value["range"].items()},
        counts=value["counts"],
        provenance=value["provenance"],
    )
