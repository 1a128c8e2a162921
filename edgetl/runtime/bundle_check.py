"""Which variants of a bundle run on this machine, for ``edgetl doctor``."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgetl.bundle import Bundle
from edgetl.errors import EdgetlError
from edgetl.runtime import choosing
from edgetl.runtime.trial import EngineCheck


@dataclass(frozen=True)
class VariantPlace:
    """Whether a variant of a bundle runs here."""

    name: str
    engine: str | None
    """That would run it; None when none can."""
    reason: str | None
    """Why none can."""


@dataclass(frozen=True)
class BundleCheck:
    """What of a bundle runs here."""

    path: str
    variants: tuple[VariantPlace, ...]
    """Best first, as ``edgetl.load`` tries them."""
    takes: VariantPlace | None
    """What ``edgetl.load`` takes; None when it can take none."""
    reason: str | None
    """Why it can take none."""


def look(bundle: Bundle, checks: Sequence[EngineCheck]) -> BundleCheck:
    """What of a bundle runs here.

    Args:
        bundle: opened.
        checks: how the engines did: one that is broken runs nothing, whatever ``edgetl.load`` thinks of it.
    """
    broken = {check.name: f"{check.name} {check.reason}" for check in checks if check.works is False}
    places = {}
    for option in choosing.options(bundle):
        engine = option.engine.name if option.engine is not None else None
        reason = broken.get(engine, option.reason) if engine is not None else option.reason
        places[option.variant.name] = VariantPlace(
            option.variant.name, None if engine in broken else engine, reason
        )
    takes, reason = None, None
    try:
        variant, row = choosing.choose(bundle)
        if row.name in broken:
            reason = f"it would take {variant.name}, and {broken[row.name]}"
        else:
            takes = places[variant.name]
    except EdgetlError as error:
        reason = str(error)
    return BundleCheck(str(bundle.path), tuple(places.values()), takes, reason)
