"""``edgetl activate``: a thin shell over ``edgetl.activate``."""

from pathlib import Path

import click

from edgetl.cli import output
from edgetl.errors import GateError
from edgetl.reports.units import format_duration
from edgetl.updating import store as stores
from edgetl.updating.activate import activate

budget_option = click.option(
    "--budget-ms",
    type=click.FloatRange(min=0, min_open=True),
    help="Milliseconds that the median picture may take.",
)
older_option = click.option(
    "--allow-older", is_flag=True, help="Take a version older than one that was used before."
)


@click.command("activate", short_help="Use another version of a store, if it passes its self-test.")
@click.argument("store", type=click.Path(path_type=Path))
@click.argument("version", required=False)
@budget_option
@older_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    store: Path, version: str | None, budget_ms: float | None, allow_older: bool, as_json: bool
) -> None:
    """Use VERSION of STORE, the beginning of its digest, from the next start on. [default: the newest]

    It is tried in a process of its own first. A version that does not answer in three starts is given up.
    """
    tell(store, version, allow_older, budget_ms, as_json)


def tell(
    store: Path,
    version: str | None,
    allow_older: bool,
    budget_ms: float | None,
    as_json: bool,
    *,
    again: bool = True,
) -> None:
    """Activate a version, and say what came of it; ``again`` as in ``edgetl.activate``.

    Raises:
        GateError: the self-test or the budget says no.
    """
    budget_s = None if budget_ms is None else budget_ms / 1000
    try:
        done = activate(store, version, allow_older=allow_older, budget_s=budget_s, again=again)
    except GateError as error:
        if as_json:
            output.result_json(_told(store, version, "refused", str(error)))
        raise
    state = "up to date" if done.was_active else "active"
    if as_json:
        output.result_json(_told(store, done.digest, state, None))
        return
    took = done.trial.latency_s if done.trial is not None else None
    latency = f", {format_duration(took)} a picture" if took is not None else ""
    output.result(f"{state}  {done.digest[: stores.SHORT]}{latency}")
    if done.previous is not None:
        output.note(f"{done.previous[: stores.SHORT]} is kept: edgetl rollback {store}")
    output.next_command("edgetl", "run", store, "camera:auto")


def _told(store: Path, digest: str | None, state: str, reason: str | None) -> dict[str, object]:
    found = stores.status(store)
    name = next((version.name for version in found.versions if version.digest == digest), None)
    active, previous = found.state.active, found.state.previous
    return {
        "store": str(store),
        "digest": digest,
        "name": name,
        "state": state,
        "reason": reason,
        "active": active,
        "previous": previous,
    }
