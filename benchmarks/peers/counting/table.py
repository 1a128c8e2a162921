"""Rows of counted instructions: as a table, as JSON, and against a baseline."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from counting.plugin import KINDS, CountingError, Executed

from edgetl import files, strict_json

SCHEMA = 1
QUANTITY = "executed ARM instructions"
CAPTION = "Counted under emulation: executed instructions, not a latency of any board."
_MOST_BYTES = 10_000_000
_HEADS = ("dot product", "int mul-add", "float mul-add", "other vector", "load", "store", "branch", "scalar")


@dataclass(frozen=True)
class Row:
    """One piece of work on one emulated board."""

    board: str
    """Its name in ``tests/arm/boards.py``: ``pi4``."""
    work: str
    """A variant's name, or ``decode NAME.jpg``."""
    engine: str
    version: str | None = None
    """Of the engine's package."""
    instructions: int | None = None
    """Of one inference, median of the repeats; None where there is a problem."""
    spread: int | None = None
    """Largest less smallest of the repeats."""
    repeats: tuple[int, ...] = ()
    kinds: Mapping[str, int] | None = None
    """Median of the repeats for each of ``plugin.KINDS``."""
    problem: str | None = None
    """Why it was not counted."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What must be the same in a baseline."""
        return (self.board, self.work, self.engine)


def row_of(board: str, work: str, engine: str, runs: Sequence[Executed]) -> Row:
    """The row of some processes that did the same work.

    An engine that answers otherwise than was recorded at export gets a problem: its count would be that of
    a wrong answer.
    """
    version = next((run.answer["version"] for run in runs if "version" in run.answer), None)
    for answer in (run.answer for run in runs):
        if "problem" in answer:
            return Row(board, work, engine, version, problem=answer["problem"])
        if answer.get("moved", 0.0) > answer.get("tolerance", 0.0):
            moved = f"moves a probability by {answer['moved']:.3f}, more than {answer['tolerance']:g}"
            return Row(board, work, engine, version, problem=f"answers wrongly there: {moved}")
    repeats = [each for run in runs for each in run.repeats]
    totals = tuple(sum(each.values()) for each in repeats)
    return Row(
        board,
        work,
        engine,
        version,
        instructions=round(statistics.median(totals)),
        spread=max(totals) - min(totals),
        repeats=totals,
        kinds={kind: round(statistics.median(each[kind] for each in repeats)) for kind in KINDS},
    )


def markdown(rows: Iterable[Row]) -> str:
    """Millions of instructions, fewest first, and where they go; what was not counted comes last."""
    lines = [
        f"| what | engine | millions | repeats within | {' | '.join(_HEADS)} |",
        "| --- | --- |" + " ---: |" * (2 + len(_HEADS)),
    ]
    for row in sorted(rows, key=lambda row: (row.instructions is None, row.instructions, row.key)):
        engine = f"{row.engine} {row.version or ''}".strip()
        if row.instructions is None or row.kinds is None or row.spread is None:
            lines.append(f"| {row.work} | {engine} | - | - | {row.problem} {'| ' * len(_HEADS)}".rstrip())
            continue
        cells = [_millions(row.instructions), f"{row.spread:,}"]
        cells += [_millions(row.kinds[kind]) for kind in KINDS]
        lines.append(f"| {row.work} | {engine} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _millions(count: int) -> str:
    return "0" if count == 0 else f"{count / 1e6:.1f}" if count >= 50_000 else "<0.1"


def save(path: Path, rows: Sequence[Row], about: Mapping[str, Any]) -> None:
    """Write the table as JSON.

    Raises:
        WriteError: it cannot be written.
    """
    head = {"schema": SCHEMA, "quantity": QUANTITY, "note": CAPTION, **about}
    files.write_json(path, {**head, "rows": [asdict(row) for row in rows]})


def read(path: Path) -> list[Row]:
    """The rows of a table that :func:`save` wrote.

    Raises:
        CountingError: there is none at that place, or it is of another schema.
    """
    try:
        data = path.read_bytes()
        value = strict_json.read(data, str(path), max_bytes=_MOST_BYTES)
    except OSError as error:
        raise CountingError(f"the baseline {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CountingError(f"the baseline is no table of counts: {error}") from None
    if not isinstance(value, dict) or value.get("quantity") != QUANTITY or value.get("schema") != SCHEMA:
        raise CountingError(f"{path} is no table of counts of schema {SCHEMA}: make one with --json")
    try:
        return [Row(**{**row, "repeats": tuple(row["repeats"])}) for row in value["rows"]]
    except (KeyError, TypeError) as error:
        raise CountingError(f"{path} has a row that is none: {error}") from None


def regressions(now: Sequence[Row], before: Sequence[Row], most_more: float) -> list[str]:
    """A sentence for each row that executes more than before, or is no longer counted.

    Args:
        now: what was counted.
        before: the baseline, without what was not asked for this time.
        most_more: the share that is allowed on top, 0.01 for one per cent.
    """
    found = []
    counted = {row.key: row for row in now}
    for old in before:
        if old.instructions is None:
            continue
        new = counted.get(old.key)
        name = f"{old.board}, {old.work} in {old.engine}"
        if new is None or new.instructions is None:
            why = new.problem if new else "it is not in the bundle any more, or not run there"
            found.append(f"{name}: {old.instructions:,} instructions before, not counted now: {why}")
        elif new.instructions > old.instructions * (1 + most_more):
            versions = f" ({old.version} before, {new.version} now)" if new.version != old.version else ""
            found.append(
                f"{name}{versions}: {new.instructions:,} instructions, {old.instructions:,} before: "
                f"{100 * (new.instructions / old.instructions - 1):+.2f} %"
            )
    return found
