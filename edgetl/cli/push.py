"""``edgetl push``: a thin shell over ``edgetl.push``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.cli.lines import console_progress
from edgetl.fleet.push import CANARY, WAVE, push
from edgetl.fleet.results import Pushed
from edgetl.remote.gravest import gravest

_SHORT = 12
_COLUMNS = ("device", "wave", "state", "version", "before", "seconds", "store")


@click.command("push", short_help="Update devices over SSH, a few first.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--device",
    "devices",
    multiple=True,
    required=True,
    metavar="[USER@]HOST[:PORT]",
    help="Where to; may be repeated.",
)
@click.option(
    "--into",
    metavar="STORE",
    help="Folder of versions there. [default: /var/lib/edgetl/NAME, or ~/.local/state/edgetl/NAME where that "
    "cannot be written]",
)
@click.option(
    "--canary", type=int, default=CANARY, show_default=True, help="Devices that go first, alone; 0: none."
)
@click.option("--wave", type=int, default=WAVE, show_default=True, help="Devices at a time afterwards.")
@click.option("--budget-ms", type=float, help="Keep the version before if a picture takes longer there.")
@click.option("--allow-older", is_flag=True, help="Also take a version older than the one in use.")
@click.option("--python", metavar="PATH", help="Python to take there. [default: one that has numpy]")
@click.option("--json", "as_json", is_flag=True, help="Print the devices' states as JSON.")
def command(
    bundle: Path,
    devices: tuple[str, ...],
    into: str | None,
    canary: int,
    wave: int,
    budget_ms: float | None,
    allow_older: bool,
    python: str | None,
    as_json: bool,
) -> None:
    """Copy BUNDLE to devices over SSH, test it there and use it, in waves that stop where one fails.

    Exits 3 when a device's self-test or budget said no, 4 when a host key is not trusted, 1 when anything
    else failed.
    """
    progress = console_progress()

    def told(pushed: Pushed) -> None:
        progress.note(f"{pushed.device}: {pushed.state}")

    report = push(
        bundle,
        devices,
        into=into,
        canary=canary,
        wave=wave,
        budget_ms=budget_ms,
        allow_older=allow_older,
        python=python,
        progress=progress,
        finished=told,
    )
    if as_json:
        output.result_json(report.to_dict())
    else:
        output.result_table(_COLUMNS, [_row(pushed) for pushed in report.devices])
    if report.errors:
        raise gravest(report.errors)
    output.next_command("edgetl", "bench", bundle, "--device", devices[0])


def _row(pushed: Pushed) -> tuple[str, ...]:
    active, previous = ((digest or "-")[:_SHORT] for digest in (pushed.active, pushed.previous))
    seconds = "-" if pushed.seconds is None else f"{pushed.seconds:.1f}"
    return (
        pushed.device,
        str(pushed.wave),
        pushed.state,
        active,
        previous,
        seconds,
        pushed.store or "-",
    )
