"""Which version of a store is used: tried before, watched while it starts, given up when it fails."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.bundle import Bundle
from edgetl.errors import BundleError, BusyError, GateError, UsageError, WriteError
from edgetl.runtime import choosing, confined, limited
from edgetl.runtime.limited import Trial
from edgetl.updating import state as states
from edgetl.updating import store as stores
from edgetl.updating.install import check_forward
from edgetl.updating.state import MOST_STARTS, Refused, State


@dataclass(frozen=True)
class Activated:
    """What :func:`activate` did."""

    store: Path
    digest: str
    previous: str | None
    trial: Trial | None
    """How it did in the self-test; None where it was active already."""


def activate(
    store: str | Path,
    version: str | None = None,
    *,
    allow_older: bool = False,
    budget_s: float | None = None,
    timeout_s: float = confined.TIMEOUT_S,
) -> Activated:
    """Use another version from the next start on, if it answers here as it did when it was exported.

    It is loaded in a child process with limits, which replays the golden pictures. Then one rename commits.

    Args:
        store: the folder.
        version: the beginning of its digest; None takes the newest that has not failed.
        allow_older: whether it may be older than one that was used.
        budget_s: seconds that the median picture may take; None allows any.
        timeout_s: seconds that loading and self-test may take together.

    Raises:
        UsageError: there is no store, or no such version.
        GateError: the self-test or the budget says no; the version that was used stays.
        BundleError: it is damaged, not signed as required, or older.
        BusyError: another update is under way.
        WriteError: the place is read-only or full.
    """
    root = stores.existing(store)
    with stores.updating(root) as state:
        digest = stores.find(root, version) if version is not None else _newest(root, state)
        bundle = Bundle.open(stores.place_of(root, digest))
        bundle.check_files()
        if bundle.digest != digest:
            raise BundleError(f"{bundle.path} is another version than its name says: edgetl gc {root}")
        if digest == state.active:
            return Activated(root, digest, state.previous, None)
        if not allow_older:
            check_forward(bundle.manifest, state, digest[: stores.SHORT])
        variant, engine = choosing.choose(bundle)
        trial = limited.try_variant(bundle, variant, engine=engine.name, timeout_s=timeout_s)
        reason = trial.reason or _too_slow(trial, budget_s)
        if reason is not None:
            _refuse(root, digest, reason)
            raise GateError(f"{digest[: stores.SHORT]} is not used: {variant.name} {reason}")
        created = bundle.manifest.created
        after = states.change(root, lambda before: _with_active(before, digest, created))
        stores.keep(root, {after.active, after.previous})
    return Activated(root, digest, after.previous, trial)


def rollback(store: str | Path) -> str:
    """Go back to the version before, from the next start on; its digest.

    Raises:
        UsageError: there is no store, or no version before.
        BundleError: the version before is damaged.
        BusyError: an update is under way.
        WriteError: the place is read-only or full.
    """
    root = stores.existing(store)
    with stores.updating(root) as state:
        if state.previous is None or state.active is None:
            raise UsageError(f"{root} has no version before this one: install one with edgetl install")
        before = Bundle.open(stores.place_of(root, state.previous))
        before.check_files()
        if before.digest != state.previous:
            raise BundleError(f"{before.path} is another version than its name says: edgetl gc {root}")
        states.change(root, lambda state: state.without_active("rolled back by hand"))
    return before.digest


def begin(store: Path) -> tuple[str, bool]:
    """The version to start now, and whether it has yet to answer: then its starts are counted.

    One that gave no answer in three starts is given up. Where a store cannot be written, nothing is counted.

    Raises:
        UsageError: no version is active.
    """

    def change(state: State) -> State:
        if state.starts is None:
            return state
        if state.starts >= MOST_STARTS and state.previous is not None:
            return state.without_active(f"gave no answer in {MOST_STARTS} starts")
        return replace(state, starts=min(state.starts + 1, MOST_STARTS))

    state = _changed(store, change)
    if state.active is None:
        raise UsageError(f"{store} has no active version: edgetl activate {store}")
    return state.active, state.starts is not None


def answered(store: Path, digest: str) -> None:
    """The version has given an answer, as it should: it is trusted from now on."""
    _changed(store, lambda state: replace(state, starts=None) if _on_trial(state, digest) else state)


def failed(store: Path, digest: str, reason: str) -> str | None:
    """The version could not be started: the one to start instead, now active; None if there is none."""

    def change(state: State) -> State:
        return state.without_active(reason) if state.active == digest and state.previous else state

    after = _changed(store, change)
    if after.active != digest:
        return after.active
    return after.previous  # of a store that cannot be written; else there is none


def _changed(store: Path, changing: Callable[[State], State]) -> State:
    """The state after a change; as it was, where it cannot be written."""
    try:
        return states.change(store, changing)
    except BundleError:
        return _changed_anew(store, changing)
    except (WriteError, BusyError):
        return states.read(store)


def _changed_anew(store: Path, changing: Callable[[State], State]) -> State:
    """The same where the state was damaged: it is written anew first, so that the change stays."""
    state = stores.recovered(store)
    try:
        return states.change(store, changing)
    except (BundleError, WriteError, BusyError):
        return state


def _on_trial(state: State, digest: str) -> bool:
    return state.active == digest and state.starts is not None


def _newest(root: Path, state: State) -> str:
    failed = {one.digest for one in state.refused}
    usable = [
        one.digest
        for one in stores.versions(root)
        if one.problem is None and (one.digest not in failed or one.digest == state.active)
    ]
    if not usable:
        raise UsageError(f"{root} has no version that could be used: bring one with edgetl install")
    return usable[0]


def _too_slow(trial: Trial, budget_s: float | None) -> str | None:
    if budget_s is None or (trial.latency_s is not None and trial.latency_s <= budget_s):
        return None
    taken = "an unknown time" if trial.latency_s is None else f"{1000 * trial.latency_s:.1f} ms"
    return f"takes {taken} a picture, and {1000 * budget_s:g} ms are allowed"


def _refuse(root: Path, digest: str, reason: str) -> None:
    def change(state: State) -> State:
        others = [one for one in state.refused if one.digest != digest]
        return replace(state, refused=(*others[1 - states.MOST_REFUSED :], Refused(digest, reason)))

    states.change(root, change)


def _with_active(state: State, digest: str, created: str) -> State:
    marks = [mark for mark in (state.high_water, created) if mark is not None]
    return replace(
        state,
        active=digest,
        previous=state.active,
        starts=0,
        high_water=max(marks, key=states.instant),
        refused=tuple(one for one in state.refused if one.digest != digest),
    )
