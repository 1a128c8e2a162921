"""Which variant of a bundle runs on this machine, and in which engine."""

import math
from dataclasses import dataclass

from edgetl.bundle import Bundle
from edgetl.errors import EdgetlError, MissingPackageError, ModelError
from edgetl.manifest import Variant
from edgetl.runtime import engines, known_bad


@dataclass(frozen=True)
class Option:
    """A variant, and what of it runs here."""

    variant: Variant
    engine: engines.EngineRow | None
    """The engine that would run it; None when none can."""
    reason: str | None
    """Why none can; None when one does."""
    missing: bool = False
    """Whether installing an engine is what it lacks."""


def options(bundle: Bundle, engine: str | None = None) -> list[Option]:
    """Every variant of a bundle, the best first.

    The bundle's pick leads; then the others by the latency measured when they were exported; last those
    that failed the gate and were kept all the same.

    Args:
        bundle: whose variants.
        engine: the only one to take; None takes any. Variants that it does not run are left out, unless
            it runs none.

    Raises:
        UsageError: there is no such engine.
    """
    manifest = bundle.manifest
    formats = engines.get(engine).formats if engine is not None else ()
    ranked = sorted(
        [variant for variant in manifest.variants if variant.format in formats] or manifest.variants,
        key=lambda variant: (
            variant.name != manifest.pick,
            variant.refused is not None,
            math.inf if variant.latency_s is None else variant.latency_s,
        ),
    )
    return [_option(variant, engine) for variant in ranked]


def choose(
    bundle: Bundle, variant: str | None = None, engine: str | None = None
) -> tuple[Variant, engines.EngineRow]:
    """The variant and engine that ``edgetl.load`` takes.

    Args:
        bundle: to choose from.
        variant: the only one to take; None takes the first of :func:`options` that runs here.
        engine: the only one to take; None takes the first installed one that can.

    Raises:
        UsageError: no such variant or engine, or one that does not go with the other.
        MissingPackageError: an engine for it has to be installed; the message names the line.
        ModelError: this machine cannot run it; the message says why and what it can run instead.
    """
    if variant is not None:
        named = bundle.variant(variant)
        engines.able(named.format, engine)  # refuses an engine that does not go with it
        option = _option(named, engine)
        if option.engine is not None:
            return named, option.engine
        if option.missing:
            raise MissingPackageError(str(option.reason))
        raise ModelError(f"{named.name} cannot run here: {option.reason}{_offer(bundle)}")
    found = options(bundle, engine)
    for option in found:
        if option.engine is not None:
            return option.variant, option.engine
    if engine is not None:
        engines.for_format(found[0].variant.format, engine)  # names what is wrong with the engine asked for
    reasons = ", or ".join(dict.fromkeys(str(option.reason) for option in found))
    if any(option.missing for option in found):
        raise MissingPackageError(f"no engine for {bundle.path} is installed: {reasons}")
    if engine is not None:
        raise ModelError(f"{engine} cannot run {bundle.path} here: {reasons}{_offer(bundle)}")
    raise ModelError(f"nothing in {bundle.path} can run here: {reasons}")


def _option(variant: Variant, engine: str | None) -> Option:
    refusals = []
    try:
        rows = engines.able(variant.format, engine)
        for row in rows:
            if row.installed:
                refusal = known_bad.refusal(row.name, variant.precision)
                if refusal is None:
                    return Option(variant, row, None)
                refusals.append(refusal)
        if not refusals:
            engines.for_format(variant.format, engine)  # raises, with the line that installs one
    except EdgetlError as error:
        return Option(variant, None, str(error), missing=isinstance(error, MissingPackageError))
    return Option(variant, None, "; ".join(refusals))


def _offer(bundle: Bundle) -> str:
    for option in options(bundle):
        if option.engine is not None:
            return f"; {option.variant.name} runs here, in {option.engine.name}"
    return ""
