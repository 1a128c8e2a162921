"""Fit ``benchmarks/reference/estimate.json``, the table behind ``edgetl estimate``, to published rows.

    python benchmarks/peers/fit_estimate.py

Needs ``../shared/data/pi_latency.csv``; takes a minute. Prints what it wrote; ``estimate_error.py`` shows
the errors in full and holds them against the targets.
"""

import datetime
import hashlib
import math
from collections import Counter
from pathlib import Path
from typing import Any

import additive_fit
import estimate_error
import published_rows
from published_rows import Row

from edgetl import files
from edgetl.benchmarks.estimate import domain, tables

TABLE = Path(__file__).parents[1] / "reference" / tables.NAME
_DIGITS = 5


def table(rows: list[Row], published: int) -> dict[str, Any]:
    """The table as plain values."""
    models, boards = estimate_error.assess(rows)
    traits = [domain.traits(row.work) for row in rows if not row.work.boxes]
    return {
        "schema": tables.SCHEMA,
        "provenance": {
            "source": "shared/data/pi_latency.csv",
            "sha256": hashlib.sha256(published_rows.PUBLISHED.read_bytes()).hexdigest(),
            "rows_published": published,
            "rows_fitted": len(rows),
            "models": len({row.model for row in rows}),
            "boards": sorted({row.setting.board.name for row in rows}),
            "sources": sorted({row.source for row in rows}),
            "script": "benchmarks/peers/fit_estimate.py",
            "date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        },
        "models_left_out": models.summary(),
        "boards_left_out": boards.summary(),
        "range": {
            name: [_rounded(min(each[name] for each in traits)), _rounded(max(each[name] for each in traits))]
            for name in traits[0]
        },
        "counts": dict(sorted(Counter(tables.key(row.setting) for row in rows).items())),
        "weights": {name: _rounded(value) for name, value in sorted(additive_fit.fit(rows).items())},
    }


def _rounded(value: float) -> float:
    return round(value, _DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else 0.0


if __name__ == "__main__":
    made = table(*published_rows.load())
    files.write_json(TABLE, made)
    print(f"{TABLE}: {made['provenance']['rows_fitted']} of {made['provenance']['rows_published']} rows")
    print(f"models left out {made['models_left_out']}\nboards left out {made['boards_left_out']}")
