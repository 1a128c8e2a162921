"""``edgetl gc``: a thin shell over ``edgetl.gc``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.updating import store as stores


@click.command("gc", short_help="Remove the versions of a store that nobody needs.")
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(store: Path, as_json: bool) -> None:
    """Remove every version of STORE but the active one and the one before."""
    gone = stores.gc(store)
    if as_json:
        output.result_json({"removed": gone})
        return
    for digest in gone:
        output.result(f"removed  {digest[: stores.SHORT]}")
    if not gone:
        output.result("nothing to remove")
