"""``edgetl bench``: a thin shell over ``edgetl.bench``, and over ``bench_devices`` for other machines."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgetl import files
from edgetl.benchmarks import summary, tables
from edgetl.benchmarks.board.cooling import STEADY
from edgetl.benchmarks.gating import gate, junit
from edgetl.benchmarks.measure import bench
from edgetl.benchmarks.parameters import ROUNDS
from edgetl.benchmarks.results import BenchReport, Result, Throughput
from edgetl.bundle import Bundle
from edgetl.cli import output
from edgetl.cli.lines import console_progress
from edgetl.errors import GateError, UsageError
from edgetl.manifest import Manifest
from edgetl.reports import board_pages

_HERE = {"devices", "device_python", "out", "assertions", "baseline", "max_regression", "junit_path"}
"""Options that mean nothing on another machine."""


@click.command("bench", short_help="Measure speed and memory of a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--variant", "variants", multiple=True, help="Only this variant; may be repeated.")
@click.option("--threads", help="Thread counts, with commas. [default: 1 and the cores, at most 4]")
@click.option(
    "--runs", type=int, help="Inferences for each variant and thread count. [default: as many as fit 3 s]"
)
@click.option("--duration", type=float, help="Seconds for each variant and thread count. [default: 3]")
@click.option(
    "--percentile",
    type=int,
    help="95 or 99: measure until there are enough runs for it. [default: 95 in 30 s]",
)
@click.option(
    "--rounds", type=int, default=ROUNDS, show_default=True, help="Fresh processes for each; best even."
)
@click.option("--batch", help="Pictures in one inference, with commas, besides one.")
@click.option("--workers", help="Also pictures a second with so many workers, with commas: 1,2,4.")
@click.option("--cores", help="Keep every process on these cores, with commas: 2,3.")
@click.option(
    "--wait-cool",
    is_flag=False,
    flag_value=STEADY,
    metavar="[DEGREES]",
    help="Wait until the CPU is as cool as this, or its temperature steady, before measuring.",
)
@click.option("--soak", "soak_minutes", type=float, help="Then run one variant for so many minutes on end.")
@click.option("--profile", is_flag=True, help="Then let the engines tell what each operator takes.")
@click.option("--power-command", help="Program whose last line is watts. [default: the board's sensor]")
@click.option(
    "--assert",
    "assertions",
    multiple=True,
    metavar="LIMIT",
    help="Exit 3 unless it holds: 'p95_ms<30', or 'VARIANT:top1>0.9'; may be repeated.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="An earlier report: exit 3 when a result is clearly slower.",
)
@click.option("--max-regression", help="How much slower than the baseline is allowed. [default: 5%]")
@click.option("--junit", "junit_path", type=click.Path(path_type=Path), help="Write the checks as JUnit XML.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="[USER@]HOST[:PORT]",
    help="Measure there over SSH instead of here; may be repeated.",
)
@click.option("--device-python", metavar="PATH", help="Python to take there. [default: one that has numpy]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for bench.json, .csv, .md and .html. [default: BUNDLE-bench]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def command(
    context: click.Context,
    bundle: Path,
    variants: tuple[str, ...],
    threads: str | None,
    runs: int | None,
    duration: float | None,
    percentile: int | None,
    rounds: int,
    batch: str | None,
    workers: str | None,
    cores: str | None,
    wait_cool: str | None,
    soak_minutes: float | None,
    profile: bool,
    power_command: str | None,
    assertions: tuple[str, ...],
    baseline: Path | None,
    max_regression: str | None,
    junit_path: Path | None,
    devices: tuple[str, ...],
    device_python: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure how fast the variants of BUNDLE are on this machine, and what memory they take."""
    opened = Bundle.open(bundle)
    for name in variants:
        opened.variant(name)
    place = out or bundle.with_name(f"{bundle.resolve().stem}-bench")
    asked = gate.prepare(assertions, baseline, max_regression, opened.manifest)
    # The places are tried before the minutes of measuring, not after.
    files.try_file(place / "bench.html")
    if junit_path is not None:
        files.try_file(junit_path)
    if devices:
        if asked.asks or junit_path is not None:
            raise UsageError("limits hold for one machine: measure on the device itself, or leave them out")
        _measure_there(bundle, devices, _words(context), device_python, place, as_json)
        return
    report = bench(
        bundle,
        variants=variants or None,
        threads=_numbers(threads, "threads"),
        runs=runs,
        duration_s=duration,
        percentile=percentile,
        rounds=rounds,
        batches=_numbers(batch, "batch") or (),
        workers=_numbers(workers, "workers") or (),
        cores=_numbers(cores, "cores"),
        wait_cool=wait_cool,
        soak_minutes=soak_minutes,
        profile=profile,
        power_command=power_command,
        progress=console_progress(),
    )
    _write(place, report, opened.manifest)
    if as_json:
        output.result_json(report.to_dict())
    else:
        output.result(summary.text(report))
        output.result(f"report  {place / 'bench.html'}")
    for advice in report.advice:
        output.advice(advice)
    if asked.asks or junit_path is not None:
        checks = gate.evaluate(asked, report, opened.manifest)
        if junit_path is not None:
            files.write_text(junit_path, junit.render(report, checks))
        output.note(gate.text(checks))
        gate.refuse_failed(checks)
    every: tuple[Result | Throughput, ...] = (*report.results, *report.throughput)
    failed = [row for row in every if row.status == "failed"]
    if failed:
        raise GateError(f"{len(failed)} of {len(every)} measurements failed: {failed[0].reason}")
    fastest = report.measured[0]
    output.next_command("edgetl", "run", bundle, "PICTURE", "--variant", fastest.variant)


def _measure_there(
    bundle: Path,
    devices: tuple[str, ...],
    words: list[str],
    python: str | None,
    place: Path,
    as_json: bool,
) -> None:
    """Measure on other machines, and write the files of each into a folder of its own."""
    from edgetl.benchmarks.devices import DeviceResult, bench_devices
    from edgetl.remote.gravest import gravest

    manifest = Bundle.open(bundle).manifest
    kept: list[Path] = []
    folders = _folders(devices)

    def keep(result: DeviceResult) -> None:
        report = result.report
        if report is None:
            return
        folder = place / folders[result.device]
        _write(folder, report, manifest)
        kept.append(folder)
        if not as_json:
            output.result(f"{result.device}\n{summary.text(report)}")
            output.result(f"report  {folder / 'bench.html'}\n")

    results = bench_devices(bundle, devices, words, python=python, progress=console_progress(), finished=keep)
    if as_json:
        output.result_json({result.device: result.report and result.report.to_dict() for result in results})
    if errors := [result.error for result in results if result.error]:
        raise gravest(errors)
    if len(kept) > 1:
        output.next_command("edgetl", "compare", *kept)


def _folders(devices: Sequence[str]) -> dict[str, str]:
    """A folder for each device; ``pi@a:22`` and ``pi@a-22`` get two."""
    folders: dict[str, str] = {}
    for device in devices:
        plain = re.sub(r"[^A-Za-z0-9.@_-]", "-", device)
        taken = sum(
            re.fullmatch(rf"{re.escape(plain)}(\+\d+)?", other) is not None for other in folders.values()
        )
        folders[device] = f"{plain}+{taken + 1}" if taken else plain
    return folders


def _words(context: click.Context) -> list[str]:
    """The options that were typed and that a device is given too."""
    words: list[str] = []
    for option in context.command.params:
        name = str(option.name)
        typed = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if not isinstance(option, click.Option) or name in {*_HERE, "as_json"} or not typed:
            continue
        value: Any = context.params[name]
        if value is True:
            words.append(option.opts[0])
        else:
            many = value if isinstance(value, tuple) else (value,)
            words += [word for one in many for word in (option.opts[0], str(one))]
    return words


def _write(place: Path, report: BenchReport, manifest: Manifest) -> None:
    files.write_json(place / "bench.json", report.to_dict())
    files.write_text(place / "bench.csv", tables.csv_text(report))
    files.write_text(place / "bench.md", tables.markdown(report))
    files.write_text(place / "bench.html", board_pages.bench_page(report, manifest))


def _numbers(text: str | None, what: str) -> list[int] | None:
    try:
        return None if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{what} {text!r} are no numbers with commas: try 1,2,4") from None
