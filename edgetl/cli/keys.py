"""``edgetl keys``: keys that sign, and whose signatures count on this machine."""

from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

import click

from edgetl import settings
from edgetl.cli import output
from edgetl.cli.passphrase import passphrase_option, read_passphrase
from edgetl.errors import UsageError
from edgetl.settings import Settings, TrustedKey
from edgetl.signing import keyid_of
from edgetl.signing.keys import new, read_public

_SHORT = 12


@click.group("keys", short_help="Make, trust and revoke the keys that sign bundles.")
def command() -> None:
    """Make the keys that edgetl sign uses, and say which of them this machine trusts."""


@command.command("new")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder to write NAME.key and NAME.pub into. [default: here]",
)
@passphrase_option
def _new(name: str, out: Path, passphrase_file: Path | None) -> None:
    """Make a key: NAME.key, which stays secret, and NAME.pub for the devices."""
    private, public = new(name, out, read_passphrase(passphrase_file, confirm=True))
    output.result(f"secret  {private}: keep a copy off this machine; nobody can make it again")
    output.result(f"public  {public}: copy it to each device")
    output.next_command("edgetl", "keys", "trust", public)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the keys as JSON.")
def _list(as_json: bool) -> None:
    """List the keys that this machine trusts, or once did."""
    found = settings.read(to_change=True)
    if as_json:
        output.result_json([{**asdict(key), "keyid": keyid_of(key.public)} for key in found.keys])
    elif found.keys:
        rows = [
            (key.name, keyid_of(key.public)[:_SHORT], f"revoked {key.revoked}" if key.revoked else "trusted")
            for key in found.keys
        ]
        output.result_table(("key", "id", "state"), rows)
    else:
        output.result("no key is trusted here")


@command.command("trust")
@click.argument("keys", nargs=-1, required=True, type=click.Path(path_type=Path))
def _trust(keys: tuple[Path, ...]) -> None:
    """Count the signatures of KEYS, .pub files, on this machine."""
    given = [read_public(path) for path in keys]

    def changing(found: Settings) -> Settings:
        for path, key in zip(keys, given, strict=True):
            if any(other.name == key.name and other.public != key.public for other in found.keys):
                raise UsageError(
                    f"another key is called {key.name} here, and two of one name nobody tells apart: change "
                    f"the name in {path}"
                )
            if any(other.public == key.public and other.revoked is not None for other in found.keys):
                raise UsageError(f"the key of {key.name} is revoked here and stays so: make a new one")
            found = settings.with_key(found, TrustedKey(key.name, key.public, _now()))
        return found

    found = settings.change(changing)
    for key in given:
        output.result(f"trusted  {key.name} {keyid_of(key.public)[:_SHORT]}")
    output.note(f"written to {settings.place()}")
    if not found.required:
        output.next_command("edgetl", "settings", "--require", "1")


@command.command("revoke")
@click.argument("name")
def _revoke(name: str) -> None:
    """Count the signatures of the key NAME, or of the id NAME, no longer."""

    def changing(found: Settings) -> Settings:
        return settings.with_key(found, replace(_meant(found, name), revoked=_now()))

    found = settings.change(changing)
    key = _meant(found, name)
    output.result(f"revoked  {key.name} {keyid_of(key.public)[:_SHORT]}")
    output.note(f"written to {settings.place()}")
    left = sum(key.revoked is None for key in found.keys)
    if left < found.required:
        output.advice(
            f"{found.required} signatures are required here, and {left} keys are trusted: nothing loads"
        )


def _meant(found: Settings, name: str) -> TrustedKey:
    """The one key of that name, or of that beginning of an id.

    Raises:
        UsageError: there is none, or more than one.
    """
    meant = [
        key
        for key in found.keys
        if name == key.name or (len(name) >= 8 and keyid_of(key.public).startswith(name))
    ]
    if len(meant) != 1:
        known = ", ".join(key.name for key in found.keys) or "none"
        raise UsageError(
            f"{name!r} is {'more than' if meant else 'not'} one of the keys that are known here: {known}"
        )
    return meant[0]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
