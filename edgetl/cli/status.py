"""``edgetl status``: a thin shell over ``edgetl.status``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.reports.units import format_size
from edgetl.updating import store as stores
from edgetl.updating.state import MOST_STARTS
from edgetl.updating.store import Status, Version


@click.command("status", short_help="Tell which version of a store is used.")
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
def command(store: Path, as_json: bool) -> None:
    """Tell which versions STORE has, which is used, and which failed."""
    found = stores.status(store)
    if as_json:
        output.result_json(found.to_dict())
        return
    rows = [
        (
            version.digest[: stores.SHORT],
            version.name or "?",
            version.created or "?",
            format_size(version.size_bytes),
            _role(found, version),
        )
        for version in found.versions
    ]
    output.result_table(("version", "name", "exported", "size", "state"), rows)
    if found.state.starts is not None:
        output.note(f"the active version has not answered yet: {found.state.starts} of {MOST_STARTS} starts")
    for one in found.state.refused:
        output.note(f"{one.digest[: stores.SHORT]} was given up: {one.reason}")


def _role(found: Status, version: Version) -> str:
    if version.problem is not None:
        return version.problem
    roles = {found.state.active: "active", found.state.previous: "previous"}
    return roles.get(version.digest, "installed")
