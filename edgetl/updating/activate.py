"""Which version of a store is used: tried before, watched while it starts, given up when it fails."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgetl import processes
from edgetl.bundle import Bundle
from edgetl.errors import BundleError, BusyError, GateError, UsageError, WriteError
from edgetl.runtime import choosing, confined, limited
from edgetl.runtime.limited import Trial
from edgetl.updating import state as states
from edgetl.updating import store as stores
from edgetl.updating.install import check_forward
from edgetl.updating.state import MOST_STARTS, State


@dataclass(frozen=True)
class Activated:
    """What :func:`activate` did."""

    store: Path
    digest: str
    previous: str | None
    trial: Trial | None
    """How it did in the self-test; None where it was active, has answered, and no budget was given."""
    was_active: bool


def activate(
    store: str | Path,
    version: str | None = None,
    *,
    allow_older: bool = False,
    budget_s: float | None = None,
    again: bool = True,
    timeout_s: float = confined.TIMEOUT_S,
) -> Activated:
    """Use another version from the next start on, if it answers here as it did when it was exported.

    It is loaded in a child process with limits, which replays the golden pictures. Then one rename commits.

    Args:
        store: the folder.
        version: the beginning of its digest; None takes the newest that has not failed.
        allow_older: whether it may be older than one that was used.
        budget_s: seconds that the median picture may take; None allows any.
        again: whether a version that was given up here after it had been used may be tried again, if it is
            named; one that only failed its self-test always may.
        timeout_s: seconds that loading and self-test may take together.

    Raises:
        UsageError: there is no store, or no such version.
        GateError: the self-test or the budget says no, or it was given up before and may not be tried
            again; the version that was used stays. If it is that one that fails, the one before takes over.
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
        used = digest == state.active
        proven = used and state.starts is None
        if proven and budget_s is None:
            return Activated(root, digest, state.previous, None, was_active=True)
        given_up = state.refusal(digest)
        if given_up is not None and given_up.in_use and not again:
            short = digest[: stores.SHORT]
            raise GateError(
                f"{short} was given up here: {given_up.reason}; edgetl activate {root} {short} tries it again"
            )
        if not allow_older and not used:
            check_forward(bundle.manifest, state, digest[: stores.SHORT])
        variant, engine = choosing.choose(bundle)
        trial = limited.try_variant(bundle, variant, engine=engine.name, timeout_s=timeout_s)
        reason = trial.reason or _too_slow(trial, budget_s)
        if reason is not None:
            if proven:  # it answers, if not as fast as is asked for now
                raise GateError(f"{digest[: stores.SHORT]} is in use and stays, but {variant.name} {reason}")
            states.change(root, lambda before: _without(before, digest, reason))
            raise GateError(f"{digest[: stores.SHORT]} is not used: {variant.name} {reason}")
        created = bundle.manifest.created
        after = states.change(root, lambda before: _with(before, digest, created, allow_older))
        if not used:
            stores.keep(root, {after.active, after.previous})
    return Activated(root, digest, after.previous, trial, was_active=used)


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


@dataclass(frozen=True)
class Start:
    """A process that starts a version which has yet to answer.

    Only while it loads and while it is asked for the first time does it count as failed if it is killed: a
    program that waits for its camera proves nothing.
    """

    store: Path
    digest: str
    mark: str

    def asked(self) -> None:
        """The version is about to answer for the first time."""
        self._change(lambda state: state.with_start(self.mark))

    def answered(self) -> None:
        """The version has given an answer, as it should: it is trusted from now on."""
        self._change(State.with_answer)

    def ended(self, *, failed: bool) -> None:
        """It has loaded, or was told to stop; or, failed, it could not answer."""
        self._change(lambda state: state.without_start(self.mark, failed=failed))

    def _change(self, changing: Callable[[State], State]) -> None:
        def change(state: State) -> State:
            on_trial = state.active == self.digest and state.starts is not None
            return changing(state) if on_trial else state

        _changed(self.store, change)


def begin(store: Path) -> tuple[str, Start | None]:
    """The version to start now; and, while it has yet to answer, this start of it.

    One that gave no answer in three starts is given up. Where a store cannot be written, nothing is counted.

    Raises:
        UsageError: no version is active.
    """
    mark = processes.mark()

    def change(state: State) -> State:
        if state.starts is None:
            return state
        if state.failed_starts >= MOST_STARTS and state.previous is not None:
            state = state.without_active(f"gave no answer in {MOST_STARTS} starts")
            if state.starts is None:
                return state
        return state.with_start(mark)

    state = _changed(store, change)
    if state.active is None:
        raise UsageError(f"{store} has no active version: edgetl activate {store}")
    return state.active, Start(store, state.active, mark) if mark in state.starting else None


def instead_of(store: Path, digest: str) -> str | None:
    """The version to start in place of one that could not be; None if there is none. It changes nothing."""
    state = stores.recovered(store)
    return state.previous if state.active == digest else state.active


def failed(store: Path, digest: str, reason: str) -> None:
    """Give up the version, if it is active and another one is there."""

    def change(state: State) -> State:
        return state.without_active(reason) if state.active == digest and state.previous else state

    _changed(store, change)


def _changed(store: Path, changing: Callable[[State], State]) -> State:
    """The state after a change; as it was, where it cannot be written."""
    if not states.is_store(store):  # removed meanwhile: nothing of it is made again
        return State()
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


def _without(state: State, digest: str, reason: str) -> State:
    """Refused; where it is the one that is used, that ends."""
    if state.active == digest and state.previous is not None:
        return state.without_active(reason)
    return state.with_refused(digest, reason)


def _with(state: State, digest: str, created: str, allow_older: bool) -> State:
    """Active. An older one that was asked for sets the mark back, else a wrong clock would stay in it."""
    if digest == state.active:
        return state
    marks = [mark for mark in (state.high_water, created) if mark is not None and not allow_older]
    return state.with_active(digest, max(marks, key=states.instant, default=created))
