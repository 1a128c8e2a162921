"""``edgetl verify``: a thin shell over ``edgetl.verify``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.errors import GateError, MissingPackageError
from edgetl.runtime.replay import VariantCheck
from edgetl.runtime.verify import Verification, verify


@click.command("verify", short_help="Check a bundle on this machine.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--variant", "variants", multiple=True, help="Only this variant; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(bundle: Path, variants: tuple[str, ...], as_json: bool) -> None:
    """Check every file of BUNDLE and replay its golden pictures on this machine."""
    found = verify(bundle, variants=variants or None)
    if as_json:
        output.result_json(found.to_dict())
    else:
        output.result(f"files    {found.files} whole, as the manifest says")
        output.result(_decoder_line(found))
        for check in found.variants:
            output.result(_variant_line(check, found.decoder.pictures + found.probes))
    if all(check.skipped for check in found.variants):
        raise MissingPackageError(f"no variant could run here: {found.variants[0].problem}")
    if not found.passed:
        raise GateError(f"{bundle} does not answer here as it did when it was exported")
    output.next_command("edgetl", "bench", bundle)


def _decoder_line(found: Verification) -> str:
    decoder = found.decoder
    if decoder.passed:
        return f"decoder  same pixels to the bit, {decoder.pictures} pictures"
    return (
        f"decoder  DIFFERS by up to {decoder.largest_difference} of 255: this machine's Pillow is not the "
        "one that exported; install the same version"
    )


def _variant_line(check: VariantCheck, pictures: int) -> str:
    if check.skipped:
        return f"{check.variant:<17} skipped: {check.problem}"
    if check.problem is not None:
        return f"{check.variant:<17} FAILED: {check.problem}"
    fewer = f", {check.pictures} of {pictures} pictures: it is slow" if check.pictures < pictures else ""
    return (
        f"{check.variant:<17} ok in {check.engine}: largest difference {check.largest_difference:.2g} "
        f"(tolerance {check.tolerance:g}), agreement {100 * (check.agreement or 0):.0f} %{fewer}"
    )
