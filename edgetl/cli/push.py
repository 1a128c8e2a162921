"""``edgetl push``: a thin shell over ``edgetl.push``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.cli.ending import stoppable
from edgetl.cli.lines import console_progress
from edgetl.fleet.push import CANARY, WAVE, push
from edgetl.fleet.results import Pushed, PushReport, PushStopped
from edgetl.remote.gravest import gravest
from edgetl.wording import agreeing, counted

_SHORT = 12
_COLUMNS = ("device", "wave", "state", "version", "before")
_MOST_NAMED = 3
"""Devices in the next command: it is one line."""


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
@click.option(
    "--budget-ms",
    type=click.FloatRange(min=0, min_open=True),
    help="Keep the version before if a picture takes longer there.",
)
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
    else failed. Stopped with Ctrl-C it says what was done.
    """
    progress = console_progress()

    def told(pushed: Pushed) -> None:
        progress.note(": ".join(filter(None, (pushed.device, pushed.state, pushed.reason))))

    with stoppable() as code:
        try:
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
        except PushStopped as stopped:
            _show(stopped.report, as_json)
            done = sum(pushed.is_well for pushed in stopped.report.devices)
            told_of = f"{done} of {counted(len(devices), 'device')} {agreeing(done, 'was', 'were')} done"
            output.error(f"stopped: {told_of}; type it again to go on")
            raise click.exceptions.Exit(code()) from None
    _show(report, as_json)
    if report.errors:
        failed = [pushed.device for pushed in report.devices if pushed.error is not None]
        several = f"{len(failed)} of {counted(len(devices), 'device')} failed: {', '.join(failed)}"
        raise gravest(report.errors, several if len(failed) > 1 else None)
    named = devices if len(devices) <= _MOST_NAMED else devices[:1]
    words = [word for device in named for word in ("--device", device)]
    words += ["--device-python", python] if python is not None else []
    output.next_command("edgetl", "bench", bundle, *words)


def _show(report: PushReport, as_json: bool) -> None:
    if as_json:
        output.result_json(report.to_dict())
        return
    output.result_table(_COLUMNS, [_row(pushed) for pushed in report.devices])
    stores: dict[str, list[str]] = {}
    for pushed in report.devices:
        if pushed.store is not None:
            stores.setdefault(pushed.store, []).append(pushed.device)
    for store, there in stores.items():
        output.note(f"store: {store}" + (f" on {', '.join(there)}" if len(stores) > 1 else ""))


def _row(pushed: Pushed) -> tuple[str, ...]:
    active, previous = ((digest or "-")[:_SHORT] for digest in (pushed.active, pushed.previous))
    return pushed.device, str(pushed.wave), pushed.state, active, previous
