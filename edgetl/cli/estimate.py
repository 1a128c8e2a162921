"""``edgetl estimate``: a thin shell over ``edgetl.estimate``."""

from pathlib import Path

import click

from edgetl.benchmarks.estimate.boards import BOARDS
from edgetl.benchmarks.estimate.predicting import LEVEL, Estimate, estimate
from edgetl.cli import output
from edgetl.manifest import Interval
from edgetl.reports.units import format_duration, format_duration_interval, format_share


@click.command("estimate", short_help="Guess the speed of a bundle on boards you do not have.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--board",
    "boards",
    multiple=True,
    help=f"One of {', '.join(board.key for board in BOARDS)}; may be repeated. [default: all]",
)
@click.option("--variant", "variants", multiple=True, help="Only this variant; may be repeated.")
@click.option("--threads", type=int, help="Threads of the engine. [default: the board's cores]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    bundle: Path, boards: tuple[str, ...], variants: tuple[str, ...], threads: int | None, as_json: bool
) -> None:
    """Estimate the latency of BUNDLE on boards, from published latencies of other models.

    These are estimates: nothing is measured. Variants and models that the published rows say nothing
    about are refused, with the reason.
    """
    found = estimate(bundle, boards or None, variants=variants or None, threads=threads)
    if as_json:
        output.result_json(found.to_dict())
    else:
        output.result(f"estimated, not measured; {format_share(LEVEL)} intervals; batch 1, model alone")
        output.result_table(
            ("variant", "board", "threads", "estimated", "interval", "off by", "from"),
            [_row(each) for each in found.estimates],
        )
        output.result(
            "off by: mean error where models, or for boards of few rows whole boards, were left out"
        )
    for refusal in found.refused:
        output.advice(refusal.reason)
    output.next_command("edgetl", "bench", bundle)


def _row(found: Estimate) -> tuple[str, ...]:
    return (
        found.variant,
        found.board,
        str(found.threads),
        format_duration(found.latency_s),
        format_duration_interval(Interval(found.latency_s, found.low_s, found.high_s)),
        format_share(found.mean_error),
        found.basis,
    )
