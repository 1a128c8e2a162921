"""``edgetl sign``: a thin shell over ``edgetl.sign``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.cli.passphrase import passphrase_option, read_passphrase
from edgetl.signing.keys import read_private
from edgetl.signing.signer import sign


@click.command("sign", short_help="Vouch for a bundle with your key.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--key", required=True, type=click.Path(path_type=Path), help="NAME.key, which edgetl keys new wrote."
)
@passphrase_option
def command(bundle: Path, key: Path, passphrase_file: Path | None) -> None:
    """Sign BUNDLE, after every file of it was checked. Signatures by others stay."""
    place = sign(bundle, [read_private(key, read_passphrase(passphrase_file))])
    output.result(f"signed  {place}")
    output.next_command("edgetl", "pack", bundle)
