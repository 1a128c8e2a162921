"""``edgetl demo``: a thin shell over ``edgetl.demo.demo``."""

import time
from pathlib import Path

import click

from edgetl.cli import output
from edgetl.cli.lines import console_progress


@click.command("demo", short_help="Show the whole path on real photos.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="edgetl-demo",
    show_default=True,
    help="Folder to work in.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; the story goes to stderr.")
def command(out: Path, as_json: bool) -> None:
    """Show the whole path on real photos of solar cells, in a few minutes."""
    from edgetl.demo import demo

    start = time.perf_counter()
    report = demo(out, say=output.aside if as_json else output.result, progress=console_progress())
    seconds = time.perf_counter() - start
    if as_json:
        output.result_json({"report": str(report.resolve()), "seconds": round(seconds, 1)})
    else:
        output.result(f"Done in {seconds:.0f} s. Open the report: {report.resolve()}")
    output.next_command("edgetl", "run", out / "solar" / "solar.edgetl", "YOUR_PHOTO.jpg")
