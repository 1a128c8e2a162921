"""How the sections name a measurement, and how they mark one that must not be used."""

from edgetl.benchmarks.results import Result, Throughput
from edgetl.reports.markup import Html, join, tag, text
from edgetl.reports.units import UNKNOWN


def named(row: Result | Throughput) -> Html:
    """Variant and engine, as the first cell of a row."""
    return join(
        tag("span", text(row.variant), class_="name"), tag("small", text(row.engine or "no engine here"))
    )


def invalid(row: Result | Throughput) -> Html:
    """A small word below a figure that is invalid; nothing below one that is not."""
    return Html("") if row.invalid is None else tag("small", text("invalid"), class_="invalid")


def threads(row: Result) -> str:
    """``4 threads``."""
    return UNKNOWN if row.threads is None else f"{row.threads} thread{'' if row.threads == 1 else 's'}"


def setting(row: Result | Throughput) -> str:
    """``4 threads, batch 8, litert``: all but the variant that must be the same to compare two rows."""
    if isinstance(row, Throughput):
        words = [UNKNOWN if row.workers is None else f"{row.workers} worker{'' if row.workers == 1 else 's'}"]
    else:
        words = [threads(row), *([] if row.batch == 1 else [f"batch {row.batch}"])]
    return ", ".join([*words, row.engine or "no engine here"])
