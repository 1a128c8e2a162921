"""``edgetl compare``: a thin shell over ``edgetl.compare``."""

from pathlib import Path

import click

from edgetl import files
from edgetl.benchmarks.comparing import summary as compare_summary
from edgetl.benchmarks.comparing.compare import compare
from edgetl.benchmarks.reading import read_report
from edgetl.bundle import SUFFIX
from edgetl.cli import output
from edgetl.reports import board_pages


@click.command("compare", short_help="Tell whether one benchmark is faster than another.")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.argument("more", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="HTML page to write as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparisons as JSON.")
def command(a: Path, b: Path, more: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Compare the reports A and B of edgetl bench, and each of MORE with A.

    A report is the folder that edgetl bench wrote, or the bench.json in it.
    """
    first = read_report(a)
    comparisons = [compare(first, other) for other in (b, *more)]
    if out is not None:
        files.write_text(out, board_pages.compare_page(comparisons))
    if as_json:
        output.result_json({"comparisons": [comparison.to_dict() for comparison in comparisons]})
    else:
        output.result("\n\n\n".join(map(compare_summary.text, comparisons)))
    for obstacle in dict.fromkeys(comparison.obstacle for comparison in comparisons if comparison.obstacle):
        output.advice(obstacle)
    if any(pair.undecided for comparison in comparisons for pair in comparison.pairs):
        rounds = str(2 * first.parameters.rounds)
        output.next_command("edgetl", "bench", f"{first.bundle}{SUFFIX}", "--rounds", rounds)
