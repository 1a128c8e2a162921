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
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(bundle: Path, key: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Sign BUNDLE, after every file of it was checked. Signatures by others stay."""
    private = read_private(key, read_passphrase(passphrase_file))
    place = sign(bundle, [private])
    if as_json:
        output.result_json({"signatures": str(place), "key": private.public.name})
        return
    output.result(f"signed  {place}")
    output.next_command("edgetl", "pack", bundle)
