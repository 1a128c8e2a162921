"""All rounds of a benchmark: every row gets one more process in each, and what spoilt it is noted."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

from edgetl.benchmarks.board.contamination import by_rule
from edgetl.benchmarks.board.sampling import Sampler
from edgetl.benchmarks.parameters import Parameters
from edgetl.benchmarks.results import Result, Throughput
from edgetl.benchmarks.running import latency, order, processes, throughput
from edgetl.benchmarks.running.raw import ProcessRun, ThroughputRun
from edgetl.benchmarks.state import State, read_state
from edgetl.errors import ModelError
from edgetl.progress import Progress

Row: TypeAlias = Result | Throughput


def visit(
    planned: Sequence[Row], bundle: Path, parameters: Parameters, sampler: Sampler, progress: Progress
) -> tuple[list[Row], tuple[State, ...]]:
    """Measure the rows, in rounds.

    Args:
        planned: what there is to measure; rows that cannot be are left as they are.
        bundle: its folder.
        parameters: how long and how often.
        sampler: under way; it tells what else went on.
        progress: hears of each round.

    Returns:
        The rows with their processes, or the reason why there are none, and the machine's state before the
        first round and after each.
    """
    rows = list(planned)
    states = [read_state()]
    spoilt: list[dict[str, str]] = [{} for _ in rows]
    for number in range(parameters.rounds):
        with progress.step(f"round {number + 1} of {parameters.rounds}, {len(rows)} measurements"):
            for place in order.visits(range(len(rows)), number):
                start_s = sampler.mark()
                rows[place] = _one_more(rows[place], bundle, parameters)
                found = by_rule(sampler.samples(start_s, sampler.mark()))
                spoilt[place] = {**found, **spoilt[place]}  # what was seen first says it
        states.append(read_state())
    # One process is too short to tell whether the temperature had come to rest.
    rising = by_rule(sampler.samples(), names=("rising",))
    reasons = ["; ".join({**found, **rising}.values()) or None for found in spoilt]
    rows = [
        replace(row, invalid=reason) if row.processes else row
        for row, reason in zip(rows, reasons, strict=True)
    ]
    return rows, tuple(states)


def _one_more(row: Row, bundle: Path, parameters: Parameters) -> Row:
    """The row with one more process, or with the reason why there is none."""
    if row.status != "measured":
        return row
    try:
        if isinstance(row, Result):
            return replace(row, processes=(*row.processes, _latency(row, bundle, parameters)))
        return replace(row, processes=(*row.processes, _throughput(row, bundle, parameters)))
    except ModelError as error:
        # That a model takes no batch is no failure: whether it runs at all says its row of one picture.
        batched = isinstance(row, Result) and row.batch > 1
        return replace(row, status="skipped" if batched else "failed", reason=str(error))


def _latency(row: Result, bundle: Path, parameters: Parameters) -> ProcessRun:
    return processes.latency_of(
        latency.Request(**_asked(row, bundle, parameters), threads=row.threads or 1, batch=row.batch)
    )


def _throughput(row: Throughput, bundle: Path, parameters: Parameters) -> ThroughputRun:
    return processes.throughput_of(
        throughput.Request(**_asked(row, bundle, parameters), workers=row.workers or 1)
    )


def _asked(row: Row, bundle: Path, parameters: Parameters) -> dict[str, Any]:
    """What both kinds of request have in common."""
    return {
        "bundle": str(bundle.resolve()),
        "variant": row.variant,
        "engine": str(row.engine),
        "cores": parameters.cores,
        **asdict(parameters.effort),
    }
