"""``edgetl install``: a thin shell over ``edgetl.install``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.cli.activate import budget_option, older_option, tell
from edgetl.updating import store
from edgetl.updating.install import install


@click.command("install", short_help="Bring a bundle into a device's store of versions.")
@click.argument("source")
@click.option(
    "--into", required=True, type=click.Path(path_type=Path), help="The store: /var/lib/edgetl/NAME."
)
@click.option("--activate", "use", is_flag=True, help="Use it as well, if it passes its self-test here.")
@budget_option
@older_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    source: str, into: Path, use: bool, budget_ms: float | None, allow_older: bool, as_json: bool
) -> None:
    """Install SOURCE, a bundle's folder, a file of edgetl pack or the URL of one, whole or not at all.

    A store keeps two versions at most. Programs use it like a bundle: edgetl.load("/var/lib/edgetl/NAME").
    """
    installed = install(source, into, allow_older=allow_older)
    if use:
        tell(into, installed.digest, allow_older, budget_ms, as_json, again=False)
        return
    short = installed.digest[: store.SHORT]
    if as_json:
        output.result_json(store.status(into).to_dict() | {"digest": installed.digest})
        return
    output.result(
        f"{'was there' if installed.was_there else 'installed'}  {short}  {installed.manifest.name}"
    )
    output.next_command("edgetl", "activate", into, short)
