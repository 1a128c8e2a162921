"""``edgetl demo``: a thin shell over ``edgetl.demo.demo``."""

import time
from pathlib import Path

import click

from edgetl.cli import output


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="edgetl-demo",
    show_default=True,
    help="Folder to work in.",
)
def command(out: Path) -> None:
    """Show the whole path on real photos of solar cells, in a few minutes."""
    from edgetl.demo import demo

    start = time.perf_counter()
    report = demo(out, say=output.result, progress=output.ConsoleProgress())
    output.result(f"Done in {time.perf_counter() - start:.0f} s. Open the report: {report.resolve()}")
    output.next_command("edgetl", "run", out / "solar" / "solar.edgetl", "YOUR_PHOTO.jpg")
