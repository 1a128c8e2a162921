"""Where a passphrase comes from: a file that is named, or a person at a terminal; never the command line."""

import sys
from pathlib import Path

import click

from edgetl.errors import UsageError

_MOST_BYTES = 4096

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="File whose first line is the passphrase. [default: you are asked]",
)


def read_passphrase(place: Path | None, *, confirm: bool = False) -> str:
    """The passphrase of a key.

    Args:
        place: of the file; None asks at the terminal.
        confirm: whether to ask twice.

    Raises:
        UsageError: there is no such file, and nobody to ask.
    """
    if place is not None:
        try:
            with place.open("rb") as file:
                return file.read(_MOST_BYTES).decode("utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{place} cannot be read as a passphrase: {error}") from error
    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask for the passphrase: name a file with --passphrase-file")
    answer: str = click.prompt("passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer
