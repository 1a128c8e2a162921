"""Learning new classes on the device, from a few pictures and without training: numpy only.

A bundle exported with ``--embedding`` carries exemplars: what the model sees in pictures of its own classes.
:func:`teach` solves a small head for the new classes that the exemplars hold back, and keeps it in one file
beside the bundle; removing that file undoes everything. ``docs/teaching.md`` has the measurements.
"""

import numpy as np
from numpy.typing import NDArray

from edgetl.bundle import Bundle
from edgetl.errors import BundleError, UsageError
from edgetl.runtime.teaching import beside, exemplars, store
from edgetl.runtime.teaching.beside import place
from edgetl.runtime.teaching.learned import Guard, Learned
from edgetl.runtime.teaching.solving import solve
from edgetl.runtime.teaching.taught import MOST_PICTURES, Taught

__all__ = ["MOST_PICTURES", "Guard", "Learned", "check", "forget", "load_learned", "place", "teach"]


def check(bundle: Bundle, label: str) -> None:
    """See that the bundle can learn this label, before its pictures are run.

    Raises:
        UsageError: the bundle was exported without what teaching needs, has that class itself, or the label
            is no name on one line.
    """
    manifest = bundle.manifest
    if manifest.tasks:
        raise UsageError(
            f"{bundle.path} can learn no classes, for it answers several questions, or with several labels"
        )
    if not manifest.embedding or manifest.exemplars is None:
        raise UsageError(
            f"{bundle.path} can learn no classes, for it was exported without embedding or exemplars: "
            "write one that can with  edgetl export RUN --embedding"
        )
    if label in bundle.labels:
        raise UsageError(
            f"{label!r} is a class of {bundle.path} itself: choose another label, or train with more pictures"
        )
    try:
        manifest.contract.with_labels((*bundle.labels, label))
    except BundleError:
        raise UsageError(f"{label!r} is no label: give a name on one line, as 'widget'") from None


def load_learned(bundle: Bundle) -> Learned | None:
    """What was taught beside a bundle; None when nothing was.

    Raises:
        BundleError: the file was taught to another bundle or by a newer edgetl.
        DamagedBundleError: it is damaged; the message has the command that removes it.
    """
    found = store.read(bundle)
    return None if found is None else found[0]


def teach(bundle: Bundle, label: str, embeddings: NDArray[np.float32], *, variant: str) -> Learned:
    """Add pictures to a class, solve for all that was taught, and write it beside the bundle.

    Pictures that the class has already are not added again, so the same call may be repeated.

    Args:
        bundle: one exported with ``--embedding``.
        label: a new class, or one taught before.
        embeddings: float32 (n, features), the second output of the model, n of 1 or more.
        variant: which variant gave them. All variants use what is learned: their embeddings are alike.

    Raises:
        UsageError: see :func:`check`; also when there are no pictures, too many, or one was taught as
            another class.
        ImageError: the model sees nothing in a picture: its embedding is zero or no number.
        BundleError: what was taught before cannot be read.
        DamagedBundleError: likewise, or the exemplars are damaged.
        WriteError: the place is read-only, the disk is full, or another process is teaching.
    """
    check(bundle, label)
    known = exemplars.read(bundle)
    rows = known.packed(embeddings)
    with beside.locked(bundle):
        found = store.read(bundle)
        before = found[1]() if found is not None else Taught.nothing(known.width)
        return _write(bundle, known, before.with_pictures(label, rows, variant))


def forget(bundle: Bundle, label: str) -> Learned | None:
    """Forget a class that was taught, and solve for those that are left; None when none is.

    Raises:
        UsageError: it was not taught; the message lists what was.
        BundleError: what was taught cannot be read.
        DamagedBundleError: likewise, or the exemplars are damaged.
        WriteError: the place is read-only, the disk is full, or another process is teaching.
    """
    with beside.locked(bundle):
        found = store.read(bundle)
        labels = found[0].labels if found is not None else ()
        if found is None or label not in labels:
            taught = f"taught were {', '.join(labels)}" if labels else "nothing was taught"
            raise UsageError(f"{bundle.path} was not taught {label!r}: {taught}")
        left = found[1]().without(label)
        if not left.labels:
            beside.remove(beside.place(bundle))
            return None
        return _write(bundle, exemplars.read(bundle), left)


def _write(bundle: Bundle, known: exemplars.Exemplars, taught: Taught) -> Learned:
    learned = solve(known, taught)
    store.write(bundle, learned, taught)
    return learned
