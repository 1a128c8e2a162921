"""``edgetl rollback``: a thin shell over ``edgetl.rollback``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.updating import store as stores
from edgetl.updating.activate import rollback


@click.command("rollback", short_help="Go back to the version before.")
@click.argument("store", type=click.Path(path_type=Path))
def command(store: Path) -> None:
    """Use the version before of STORE, from the next start on."""
    digest = rollback(store)
    output.result(f"active  {digest[: stores.SHORT]}")
    output.next_command("edgetl", "status", store)
