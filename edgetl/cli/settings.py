"""``edgetl settings``: what the owner of this machine has decided for it."""

from dataclasses import asdict, replace

import click

from edgetl import settings
from edgetl.cli import output
from edgetl.errors import UsageError


@click.command("settings", short_help="Show or change what this machine takes.")
@click.option(
    "--require", type=int, help="Trusted keys that must have signed a bundle; 0 takes unsigned ones."
)
@click.option("--kind", help="Kind of this device, which a bundle's --compatible may name; '' forgets it.")
@click.option("--json", "as_json", is_flag=True, help="Print the settings as JSON.")
def command(require: int | None, kind: str | None, as_json: bool) -> None:
    """Show what this machine takes, and change what is given."""
    found = settings.read(to_change=True)
    trusted = [key.name for key in found.keys if key.revoked is None]
    changed = found
    if require is not None:
        if require < 0:
            raise UsageError(f"{require} signatures cannot be required: give 0 or more")
        if require > len(trusted):
            raise UsageError(
                f"{require} signatures cannot be required, since {len(trusted)} keys are trusted: add keys "
                "with edgetl keys trust"
            )
        changed = replace(changed, required=require)
    if kind is not None:
        changed = replace(changed, kind=kind or None)
    if changed != found:
        settings.write(changed)
    if as_json:
        output.result_json({"place": str(settings.place()), **asdict(changed)})
        return
    output.result(f"settings    {settings.place()}")
    output.result(
        f"signatures  {changed.required or 'none'} required; trusted: {', '.join(trusted) or 'nobody'}"
    )
    output.result(f"kind        {changed.kind or 'not said'}")
