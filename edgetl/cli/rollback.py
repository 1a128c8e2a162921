"""``edgetl rollback``: a thin shell over ``edgetl.rollback``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.updating import store as stores
from edgetl.updating.activate import rollback


@click.command("rollback", short_help="Go back to the version before.")
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(store: Path, as_json: bool) -> None:
    """Use the version before of STORE, from the next start on."""
    digest = rollback(store)
    if as_json:
        output.result_json(stores.status(store).to_dict())
        return
    output.result(f"active  {digest[: stores.SHORT]}")
    output.next_command("edgetl", "status", store)
