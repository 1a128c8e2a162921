"""``edgetl bench``: a thin shell over ``edgetl.bench``."""

from pathlib import Path

import click

from edgetl import files
from edgetl.benchmarks import summary
from edgetl.benchmarks.measure import bench
from edgetl.bundle import Bundle
from edgetl.cli import output
from edgetl.cli.lines import console_progress
from edgetl.errors import GateError, UsageError
from edgetl.reports import pages


@click.command("bench", short_help="Measure speed and memory of a bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--variant", "variants", multiple=True, help="Only this variant; may be repeated.")
@click.option("--threads", help="Thread counts, with commas. [default: 1 and the cores, at most 4]")
@click.option(
    "--runs", type=int, help="Inferences for each variant and thread count. [default: as many as fit 3 s]"
)
@click.option("--duration", type=float, help="Seconds for each variant and thread count. [default: 3]")
@click.option("--rounds", type=int, default=3, show_default=True, help="Fresh processes for each.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for bench.json and bench.html. [default: BUNDLE-bench]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    bundle: Path,
    variants: tuple[str, ...],
    threads: str | None,
    runs: int | None,
    duration: float | None,
    rounds: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure how fast the variants of BUNDLE are on this machine, and what memory they take."""
    opened = Bundle.open(bundle)
    for name in variants:
        opened.variant(name)
    place = out or bundle.with_name(f"{bundle.resolve().stem}-bench")
    # The place is tried before the minutes of measuring, not after.
    files.write_text(place / "bench.html", "")
    report = bench(
        bundle,
        variants=variants or None,
        threads=_counts(threads) if threads is not None else None,
        runs=runs,
        duration_s=duration,
        rounds=rounds,
        progress=console_progress(),
    )
    files.write_json(place / "bench.json", report.to_dict())
    files.write_text(place / "bench.html", pages.bench_page(report, opened.manifest))
    if as_json:
        output.result_json(report.to_dict())
    else:
        output.result(summary.text(report))
        output.result(f"report  {place / 'bench.html'}")
    for advice in report.advice:
        output.advice(advice)
    failed = [row for row in report.results if row.status == "failed"]
    if failed:
        raise GateError(f"{len(failed)} of {len(report.results)} measurements failed: {failed[0].reason}")
    fastest = report.measured[0]
    output.next_command("edgetl", "run", bundle, "PICTURE", "--variant", fastest.variant)


def _counts(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"threads {text!r} are no numbers with commas: try 1,2,4") from None
