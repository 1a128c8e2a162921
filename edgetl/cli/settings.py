"""``edgetl settings``: what the owner of this machine has decided for it."""

import re
from dataclasses import asdict, replace

import click

from edgetl import extras, settings
from edgetl.cli import output
from edgetl.errors import UsageError
from edgetl.settings import Settings
from edgetl.wording import brief


@click.command("settings", short_help="Show or change what this machine takes.")
@click.option(
    "--require", type=int, help="Trusted keys that must have signed a bundle; 0 takes unsigned ones."
)
@click.option("--kind", help="Kind of this device, which a bundle's --compatible may name; '' forgets it.")
@click.option("--json", "as_json", is_flag=True, help="Print the settings as JSON.")
def command(require: int | None, kind: str | None, as_json: bool) -> None:
    """Show what this machine takes, and change what is given."""
    if require is not None and require < 0:
        raise UsageError(f"{require} signatures cannot be required: give 0 or more")
    if kind and not re.fullmatch(settings.KIND, kind):
        raise UsageError(f"{brief(kind)!r} is no kind of a device: give 1 to 64 letters, digits and . _ -")

    def changing(found: Settings) -> Settings:
        trusted = _trusted(found)
        if require is not None and require > len(trusted):
            raise UsageError(
                f"{require} signatures cannot be required, since {len(trusted)} keys are trusted: add keys "
                "with edgetl keys trust"
            )
        changed = found if require is None else replace(found, required=require)
        return changed if kind is None else replace(changed, kind=kind or None)

    is_asked = require is not None or kind is not None
    found = settings.change(changing) if is_asked else settings.read(to_change=True)
    if found.required and not extras.is_installed("securesystemslib"):
        output.advice(
            "checking signatures needs securesystemslib, and nothing loads without: pip install "
            f"{extras.requirement('signatures')}"
        )
    if as_json:
        output.result_json({"place": str(settings.place()), **asdict(found)})
        return
    output.result(f"settings    {settings.place()}")
    output.result(
        f"signatures  {found.required or 'none'} required; trusted: {', '.join(_trusted(found)) or 'nobody'}"
    )
    output.result(f"kind        {found.kind or 'not said'}")


def _trusted(found: Settings) -> list[str]:
    return [key.name for key in found.keys if key.revoked is None]
