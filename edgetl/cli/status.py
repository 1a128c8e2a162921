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
    for version in found.versions:
        if version.problem is not None:
            output.note(f"{version.digest[: stores.SHORT]} cannot be used: {version.problem}")
    if found.state.starts is not None:
        failed = f"{found.state.failed_starts} of {MOST_STARTS} starts failed"
        output.note(f"the active version has not answered yet: {failed}")
    for one in found.state.refused:
        output.note(f"{one.digest[: stores.SHORT]} was given up: {one.reason}")


def _role(found: Status, version: Version) -> str:
    roles = {found.state.active: "active", found.state.previous: "previous"}
    role = roles.get(version.digest, "installed")
    return role if version.problem is None else f"{role}, unusable"
