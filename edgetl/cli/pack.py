"""``edgetl pack``: a thin shell over ``edgetl.pack``."""

import hashlib
from pathlib import Path

import click

from edgetl.bundle import SUFFIX
from edgetl.cli import output
from edgetl.reports.units import format_size
from edgetl.updating.archive import CHUNK_BYTES
from edgetl.updating.pack import pack


@click.command("pack", short_help="Write a bundle as one file.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="File to write. [default: NAME.zip here]")
@click.option("--force", is_flag=True, help="Replace the file that stands there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(bundle: Path, out: Path | None, force: bool, as_json: bool) -> None:
    """Write BUNDLE as one zip. The same bundle always gives the same bytes."""
    place = pack(bundle, out, force=force)
    digest = hashlib.sha256()
    with place.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
    if as_json:
        output.result_json(
            {"packed": str(place), "size_bytes": place.stat().st_size, "sha256": digest.hexdigest()}
        )
        return
    output.result(f"packed  {place}  {format_size(place.stat().st_size)}  SHA-256 {digest.hexdigest()}")
    name = bundle.resolve().name.removesuffix(SUFFIX)
    output.next_command("edgetl", "install", place, "--into", f"/var/lib/edgetl/{name}", "--activate")
