"""How much a proof tries: a short form in every test run, a deep one with ``EDGETL_DEEP=1``.

Everything is drawn from ``EDGETL_SEED`` (0 unless said), so a failure comes again; the deep form's figures
stand in ``docs/reliability.md``. What once failed is kept in ``tests/corpus`` and replayed in every run.
"""

import os
from pathlib import Path

DEEP = os.environ.get("EDGETL_DEEP") == "1"
SEED = int(os.environ.get("EDGETL_SEED", "0"))
CORPUS = Path(__file__).parent / "corpus"


def cases(short: int, deep: int) -> int:
    """How many cases to try in this run."""
    return deep if DEEP else short
