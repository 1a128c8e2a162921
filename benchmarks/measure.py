"""Benchmark a bundle on this machine: ``edgetl bench``."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from edgetl.benchmarks import checks, machine
from edgetl.benchmarks.board import cooling
from edgetl.benchmarks.board.power import Meter, find_meter
from edgetl.benchmarks.board.sampling import Sampler
from edgetl.benchmarks.board.soak import soak
from edgetl.benchmarks.board.soak_curve import SoakCurve
from edgetl.benchmarks.parameters import ROUNDS, Parameters
from edgetl.benchmarks.profile import operators
from edgetl.benchmarks.profile.results import Profile
from edgetl.benchmarks.results import BenchReport, Platform, Result, Throughput
from edgetl.benchmarks.running import batch, memory, processes
from edgetl.benchmarks.running.rounds import Row, visit
from edgetl.benchmarks.running.timer import Timer
from edgetl.bundle import Bundle
from edgetl.errors import MissingPackageError, ModelError
from edgetl.manifest import Variant
from edgetl.progress import SILENT, Progress
from edgetl.runtime import engines
from edgetl.runtime.choosing import choose


def bench(
    bundle: str | Path,
    *,
    variants: Sequence[str] | None = None,
    threads: Sequence[int] | None = None,
    runs: int | None = None,
    duration_s: float | None = None,
    percentile: int | None = None,
    rounds: int = ROUNDS,
    batches: Sequence[int] = (),
    workers: Sequence[int] = (),
    cores: Sequence[int] | None = None,
    wait_cool: str | float | None = None,
    soak_minutes: float | None = None,
    profile: bool = False,
    power_command: str | None = None,
    progress: Progress = SILENT,
) -> BenchReport:
    """Measure latency, memory and throughput of a bundle's variants.

    Every variant with every thread count and batch is measured in ``rounds`` fresh processes, one after the
    other, and a round visits all of them before the next begins, every other one backwards (see
    ``order.visits``): a board that warms up slows all alike. Each process warms up until its times are steady
    (``timing.warm_up``).

    Args:
        bundle: the folder ``edgetl export`` wrote.
        variants: names of those to measure; None takes all.
        threads: thread counts to measure each with; None takes 1 and the cores there are, at most 4.
        runs: inferences for each measurement.
        duration_s: seconds of inference for each; with ``runs`` both are kept. With neither: 3 s, and
            the 59 runs that a p95 needs if 30 s are enough for them.
        percentile: 95 or 99: measure on until there are enough runs for it, however long that takes.
        rounds: processes for each, 1 or more; an even number cancels drift best.
        batches: pictures of one inference, to measure besides one. A variant whose engine cannot batch it
            has a row that says so.
        workers: numbers of workers to measure the throughput of ``Classifier.classify_many`` with.
        cores: cores that every process is kept on; None leaves them to the system.
        wait_cool: degrees Celsius to wait for before the first run, or ``steady``; None does not wait.
        soak_minutes: afterwards, run the first of ``variants``, or the bundle's pick, for so long without a
            pause.
        profile: afterwards, let the engines tell what each operator takes.
        power_command: a program whose last line is watts; None takes a sensor of the board, if there is one.
        progress: hears of each round.

    Returns:
        The report. A variant that fails, or has no engine here, has a row that says why; what else there
        is to measure is measured. The machine's state is sampled meanwhile, and a row that it spoilt says so
        in ``invalid`` (``contamination.RULES``).

    Raises:
        BundleError: no bundle there, or its manifest is damaged.
        UsageError: an unknown variant, a core that is not there, or a count or time that measures nothing.
        MissingPackageError: no engine for any of the variants is installed.
    """
    opened = Bundle.open(bundle)
    names = dict.fromkeys(variants or (variant.name for variant in opened.manifest.variants))
    chosen = [opened.variant(name) for name in names]
    kept = None if cores is None else tuple(dict.fromkeys(cores))
    parameters = Parameters(
        variants=tuple(names),
        threads=tuple(dict.fromkeys(threads if threads is not None else default_threads(kept))),
        rounds=rounds,
        runs=runs,
        duration_s=duration_s,
        percentile=percentile,
        batches=tuple(dict.fromkeys((1, *batches))),
        workers=tuple(dict.fromkeys(workers)),
        cores=kept,
        wait_cool=None if wait_cool is None else str(wait_cool),
        soak_s=None if soak_minutes is None else 60 * soak_minutes,
        profile=profile,
        power_command=power_command,
    )
    parameters.check()
    meter = find_meter(power_command)
    rows: list[Row] = [row for variant in chosen for row in _rows(opened, variant, parameters)]
    if all(row.engine is None for row in rows):
        _refuse_without_engine(opened, chosen)
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    described, timer = machine.describe(), _timer(parameters)
    cooled = None
    if wait_cool is not None:
        cooled = cooling.wait_cool(cooling.limit(parameters.wait_cool), progress=progress)
    with Sampler(meter=meter) as sampler:
        rows, states = visit(rows, opened.path, parameters, sampler, progress)
    profiles = _profiles(opened.path, parameters, progress) if profile else ()
    curve = None
    if soak_minutes is not None:
        curve = _soak(opened.path, chosen[0].name if variants else None, soak_minutes, meter, progress)
    report = BenchReport(
        bundle=opened.manifest.name,
        bundle_created=opened.manifest.created,
        created=created,
        command=parameters.command(str(bundle)),
        pictures=tuple(picture.path for picture in opened.manifest.golden.pictures),
        parameters=parameters,
        platform=Platform(
            described,
            states,
            timer,
            samples=sampler.samples(),
            sampling=sampler.cost(),
            power=meter.source if meter is not None else None,
            cooling=cooled,
        ),
        results=tuple(row for row in rows if isinstance(row, Result)),
        throughput=tuple(row for row in rows if isinstance(row, Throughput)),
        soak=curve,
        profiles=profiles,
    )
    return replace(report, advice=checks.check(report))


def default_threads(cores: Sequence[int] | None = None) -> tuple[int, ...]:
    """1, and all cores up to 4: those that are named, or those there are."""
    most = engines.default_threads()
    return tuple(sorted({1, most if cores is None else max(1, min(len(cores), most))}))


def _rows(bundle: Bundle, variant: Variant, parameters: Parameters) -> list[Row]:
    """What there is to measure of a variant, and what there is not, with the reason."""
    try:
        _, engine = choose(bundle, variant.name)
    except (MissingPackageError, ModelError) as error:
        return [Result(variant.name, variant.size_bytes, None, None, "skipped", str(error))]
    rows: list[Row] = []
    for count in parameters.threads:
        for pictures in parameters.batches:
            refusal = batch.refusal(engine.name) if pictures > 1 else None
            row = Result(
                variant=variant.name,
                size_bytes=variant.size_bytes,
                engine=engine.name,
                threads=count,
                status="skipped" if refusal else "measured",
                reason=refusal,
                batch=pictures,
                arena_reason=memory.NO_ARENA.get(engine.name),
            )
            rows.append(row)
    for workers in parameters.workers:
        refusal = None if bundle.manifest.golden.pictures else "the bundle has no golden pictures to classify"
        rows.append(
            Throughput(variant.name, engine.name, workers, "skipped" if refusal else "measured", refusal)
        )
    return rows


def _refuse_without_engine(bundle: Bundle, chosen: Sequence[Variant]) -> None:
    """Raise with the install lines of the variants' engines."""
    manifest = replace(bundle.manifest, variants=tuple(chosen), pick=chosen[0].name)
    choose(replace(bundle, manifest=manifest), None, None)


def _timer(parameters: Parameters) -> Timer | None:
    try:
        return processes.timer_overhead(parameters.cores)
    except ModelError:  # a machine that starts no process says so in every row
        return None


def _soak(
    bundle: Path, variant: str | None, minutes: float, meter: Meter | None, progress: Progress
) -> SoakCurve | None:
    try:
        return soak(bundle, variant, minutes=minutes, meter=meter, progress=progress)
    except ModelError as error:  # what was measured before it is not lost
        progress.warn(f"there is no soak: {error}")
        return None


def _profiles(bundle: Path, parameters: Parameters, progress: Progress) -> tuple[Profile, ...]:
    with progress.step(f"profiling {len(parameters.variants)} variants"):
        return tuple(operators.profile(bundle, name) for name in parameters.variants)
