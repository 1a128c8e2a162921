"""Benchmark a bundle on this machine: ``edgetl bench``."""

import json
import math
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from edgetl import debug
from edgetl.benchmarks import checks, machine, stats
from edgetl.benchmarks.results import BenchReport, Parameters, ProcessRun, Result, Stages
from edgetl.benchmarks.state import read_state
from edgetl.benchmarks.worker import Request
from edgetl.bundle import Bundle
from edgetl.errors import MissingPackageError, ModelError, UsageError
from edgetl.manifest import Variant
from edgetl.progress import SILENT, Progress
from edgetl.runtime import engines
from edgetl.runtime.choosing import choose

ROUNDS = 3
DEFAULT_DURATION_S = 3.0
"""Seconds of inference for each variant and thread count, all rounds together, when none are asked for."""
DEFAULT_AT_MOST_S = 30.0
"""A slow model stops there, although it then has too few runs for a p95."""
_SILENCE_S = 600.0
"""A process that says nothing for so long beyond the time it was given is ended."""


def bench(
    bundle: str | Path,
    *,
    variants: Sequence[str] | None = None,
    threads: Sequence[int] | None = None,
    runs: int | None = None,
    duration_s: float | None = None,
    rounds: int = ROUNDS,
    progress: Progress = SILENT,
) -> BenchReport:
    """Measure latency and memory of a bundle's variants.

    Every variant and thread count is measured in ``rounds`` fresh processes, one after the other, and a
    round visits all of them before the next begins: a board that warms up slows all alike. Each
    process warms up until its times are steady (``stats.is_steady``).

    Args:
        bundle: the folder ``edgetl export`` wrote.
        variants: names of those to measure; None takes all.
        threads: thread counts to measure each with; None takes 1 and the cores there are, at most 4.
        runs: inferences for each variant and thread count.
        duration_s: seconds of inference for each; with ``runs`` both are kept. With neither: 3 s, and
            the 59 runs that a p95 needs if 30 s are enough for them.
        rounds: processes for each, 1 or more.
        progress: hears of each round.

    Returns:
        The report. A variant that fails, or has no engine here, has a row that says why; what else there
        is to measure is measured.

    Raises:
        BundleError: no bundle there, or its manifest is damaged.
        UsageError: an unknown variant, or a count or time that measures nothing.
        MissingPackageError: no engine for any of the variants is installed.
    """
    opened = Bundle.open(bundle)
    names = dict.fromkeys(variants or (variant.name for variant in opened.manifest.variants))
    chosen = [opened.variant(name) for name in names]
    parameters = Parameters(
        variants=tuple(names),
        threads=tuple(dict.fromkeys(threads if threads is not None else default_threads())),
        rounds=rounds,
        runs=runs,
        duration_s=duration_s,
    )
    _check(parameters)
    pictures = opened.manifest.golden.pictures
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    results = [row for variant in chosen for row in _rows(opened, variant, parameters.threads)]
    if all(result.status == "skipped" for result in results):
        _refuse_without_engine(opened, chosen)
    described = machine.describe()
    states = [read_state()]
    for number in range(rounds):
        with progress.step(f"round {number + 1} of {rounds}, {len(results)} measurements"):
            results = [_one_more(result, opened.path, parameters) for result in results]
        states.append(read_state())
    report = BenchReport(
        bundle=opened.manifest.name,
        bundle_created=opened.manifest.created,
        created=created,
        command=parameters.command(str(bundle)),
        picture=pictures[0].path if pictures else None,
        parameters=parameters,
        machine=described,
        states=tuple(states),
        results=tuple(results),
    )
    return replace(report, advice=checks.check(report))


def default_threads() -> tuple[int, ...]:
    """1, and all cores up to 4."""
    return tuple(sorted({1, engines.default_threads()}))


def _check(parameters: Parameters) -> None:
    if not parameters.threads or min(parameters.threads) < 1:
        raise UsageError(f"threads {list(parameters.threads)} cannot run anything: ask for 1 or more")
    if parameters.rounds < 1:
        raise UsageError(f"{parameters.rounds} rounds measure nothing: ask for 1 or more")
    if parameters.runs is not None and parameters.runs < parameters.rounds:
        raise UsageError(
            f"{parameters.runs} runs are too few for {parameters.rounds} rounds: "
            f"ask for {parameters.rounds} or more, or for fewer rounds"
        )
    if parameters.duration_s is not None and not 0 < parameters.duration_s < math.inf:
        raise UsageError(f"a duration of {parameters.duration_s:g} s measures nothing: ask for more than 0")


def _rows(bundle: Bundle, variant: Variant, threads: Sequence[int]) -> list[Result]:
    try:
        _, row = choose(bundle, variant.name)
    except (MissingPackageError, ModelError) as error:
        return [Result(variant.name, variant.size_bytes, None, None, "skipped", str(error))]
    return [Result(variant.name, variant.size_bytes, row.name, count, "measured", None) for count in threads]


def _refuse_without_engine(bundle: Bundle, chosen: Sequence[Variant]) -> None:
    """Raise with the install lines of the variants' engines."""
    manifest = replace(bundle.manifest, variants=tuple(chosen), pick=chosen[0].name)
    choose(replace(bundle, manifest=manifest), None, None)


def _one_more(result: Result, bundle: Path, parameters: Parameters) -> Result:
    """The result with one more process, or with the reason why there is none."""
    if result.status != "measured" or result.engine is None or result.threads is None:
        return result
    rounds, runs, duration = parameters.rounds, parameters.runs, parameters.duration_s
    by_default = runs is None and duration is None
    request = Request(
        bundle=str(bundle.resolve()),
        variant=result.variant,
        engine=result.engine,
        threads=result.threads,
        runs=math.ceil((stats.samples_needed(0.95) if by_default else runs or 1) / rounds),
        seconds=(DEFAULT_DURATION_S if by_default else duration or 0.0) / rounds,
        at_most_s=DEFAULT_AT_MOST_S / rounds if by_default else None,
    )
    try:
        return replace(result, processes=(*result.processes, ask(request)))
    except ModelError as error:
        return replace(result, status="failed", reason=str(error))


def ask(request: Request) -> ProcessRun:
    """Measure in a process of its own.

    Raises:
        ModelError: the process refused, crashed, or hangs; the message says which.
    """
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "edgetl.benchmarks.worker"]
        errors = None if debug.is_on() else log
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process:
            try:
                answer, _ = process.communicate(json.dumps(asdict(request)).encode(), timeout=_limit(request))
            except subprocess.TimeoutExpired:
                process.kill()
                raise ModelError(f"{request.engine} hangs: no answer for {_limit(request):.0f} s") from None
            except BaseException:  # Ctrl-C among them: no process outlives the benchmark
                process.kill()
                raise
        try:
            reply = json.loads(answer)
        except ValueError:
            fate = _last_words(process.returncode, log)
            raise ModelError(f"{request.engine} took its process down: {fate}") from None
    if "error" in reply:
        raise ModelError(reply["error"])
    return _process_run(reply["measured"])


def _limit(request: Request) -> float | None:
    # Runs that were asked for by number may take as long as they take.
    return None if request.at_most_s is None and request.runs > 1 else request.seconds + _SILENCE_S


def _process_run(measured: dict[str, Any]) -> ProcessRun:
    stages = measured.pop("stages")
    times = Stages(**{name: tuple(values) for name, values in stages.items()}) if stages else None
    lists: dict[str, Any] = {name: tuple(measured.pop(name)) for name in ("warmup_s", "inference_s")}
    return ProcessRun(**measured, **lists, stages=times)


def _last_words(code: int, log: IO[bytes]) -> str:
    if code < 0:
        hint = " (often: out of memory)" if -code == signal.SIGKILL else ""
        return f"it was ended by {signal.Signals(-code).name}{hint}"
    log.seek(0)
    lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"it ended with code {code}"
