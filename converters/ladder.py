"""``--precisions auto``: climb from the fastest int8 to what is still good enough."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edgetl.converters.formats import Format
from edgetl.converters.request import Recipe
from edgetl.converters.results import LayerError
from edgetl.converters.workshop import Attempt, Base, Workshop
from edgetl.errors import ConversionError
from edgetl.reports.units import format_duration, format_share, format_size

_EXPLAINED = (0.5, 0.75, 0.9)
"""Shares of the summed error of all layers that the layers left in float account for, rung by rung."""
MOST_FLOAT_MACS = 0.1
"""Share of the multiply-accumulates that may stay in float: beyond it the file is hardly int8."""


@dataclass(frozen=True)
class Rung:
    """One try."""

    precision: str
    base: Base
    recipe: Recipe = field(default_factory=Recipe)
    words: str = ""
    simulated: NDArray[np.float32] | None = None
    """float32 (n, classes), what its file must say of the scored photos, where training has simulated it."""


def climb(format_: Format, shop: Workshop, base: Base, formats: Sequence[str]) -> Attempt:
    """Try rung after rung until one is within the limits; tells each with its drop and its cost.

    Rungs: int8 as in ``Recipe``'s defaults; ranges averaged over all calibration photos; channels
    equalised; with ``--quantize-aware`` int8 that was trained; the layers that int8 hurts most in float;
    int16x8 or dynamic, where the format has it and it is faster than float32; float16.

    Args:
        format_: of the variant.
        shop: makes the variants.
        base: the float graphs.
        formats: all formats of this export, whose equalised graphs are written together.

    Returns:
        The first attempt within the limits, or else the best of those that are not.
    """
    tried: list[Attempt] = []
    for number, rung in enumerate(_rungs(format_, shop, base, formats, tried), 1):
        name = f"{format_.name} rung {number}: {rung.precision}, {rung.words}"
        try:
            made = shop.make(
                format_,
                rung.precision,
                rung.base,
                rung.recipe,
                rung.words,
                faster_than_float=rung.precision in ("int16x8", "dynamic"),
            )
        except ConversionError as error:
            shop.progress.note(f"{name}: not possible ({error})")
            continue
        if isinstance(made, str):
            shop.progress.note(f"{name}: {made}")
            continue
        tried.append(made)
        if rung.simulated is not None:
            shop.progress.note(f"{name}: {_likeness(made.outputs, rung.simulated)}")
        if made.reason is None:
            if number > 1:
                shop.progress.note(f"{name}: {_cost(made)}: good enough")
            return made
        shop.progress.note(f"{name}: {_cost(made)}: over the limit, {made.reason}")
    if not tried:
        raise ConversionError(f"no rung of the ladder could be made for {format_.name}; add --debug")
    return _best(tried)


def _rungs(
    format_: Format, shop: Workshop, base: Base, formats: Sequence[str], tried: Sequence[Attempt]
) -> Iterator[Rung]:
    yield Rung("int8", base, words="every layer")
    count = len(shop.calibrating.photos) if shop.calibrating else 0
    yield Rung(
        "int8", base, Recipe(ranges="averaged", pictures=count), f"ranges averaged over {count} photos"
    )
    # A rung that cannot be prepared is passed as one that cannot be made: the last ones need neither.
    try:
        equalised = shop.equalised(formats)
        missing = "no channels to equalise"
    except ConversionError as error:
        equalised, missing = None, f"channels cannot be equalised ({error})"
    if equalised is None:
        shop.progress.note(f"{format_.name}: {missing}, that rung is left out")
    else:
        found = equalised[1]
        yield Rung(
            "int8",
            equalised[0],
            words=f"channels of {found.tensors} tensors equalised (scales up to {found.largest_ratio:g} : 1)",
        )
    if shop.quantize_aware:
        yield from _trained(format_, shop, base, formats)
    in_int8 = [attempt for attempt in tried if attempt.variant.precision == "int8"]
    if in_int8:
        best = _best(in_int8)
        errors: Sequence[LayerError] = ()
        try:
            errors = shop.layer_errors(best.base)
        except ConversionError as error:
            shop.progress.note(f"{format_.name}: no layers in float, for none could be measured ({error})")
        for chosen in worst_layers(errors):
            recipe = replace(best.recipe, float_layers=frozenset(layer.index for layer in chosen))
            for layer in chosen:
                shop.progress.note(f"{format_.name}: in float, {_describe(layer, errors)}")
            before = "" if best.variant.recipe == "every layer" else f"{best.variant.recipe}; "
            yield Rung("int8", best.base, recipe, f"{before}{len(chosen)} of {len(errors)} layers in float")
    for precision in ("int16x8", "dynamic"):
        if precision in format_.precisions:
            yield Rung(precision, base, words="every layer")
            break
    yield Rung("float16", base, words="weights in half precision")


def _trained(format_: Format, shop: Workshop, base: Base, formats: Sequence[str]) -> Iterator[Rung]:
    try:
        found = shop.trained(base, formats)
    except ConversionError as error:
        shop.progress.note(f"{format_.name}: int8 is not trained ({error})")
        return
    if found is None:
        shop.progress.note(f"{format_.name}: int8 that was trained is left out, for it gained nothing")
    elif format_.name == "tflite":
        # The file is what was simulated, head and all.
        yield Rung("int8", found.base, Recipe(correct_head=False), found.words, found.simulated)
    else:
        yield Rung("int8", found.base, words=f"{found.words}; ranges measured anew")


def retrained(
    format_: Format, shop: Workshop, base: Base, formats: Sequence[str], untrained: Attempt
) -> Attempt:
    """The better of an int8 that is over the limit and of one that was trained."""
    tried = [untrained]
    for rung in _trained(format_, shop, base, formats):
        try:
            made = shop.make(format_, rung.precision, rung.base, rung.recipe, rung.words)
        except ConversionError as error:
            shop.progress.note(f"{untrained.variant.name}: what was trained cannot be converted ({error})")
            continue
        assert isinstance(made, Attempt)  # only rungs that must be fast are not
        if rung.simulated is not None:
            shop.progress.note(f"{made.variant.name}: {_likeness(made.outputs, rung.simulated)}")
        tried.append(made)
    return _best(tried)


def _likeness(found: NDArray[np.float32], simulated: NDArray[np.float32]) -> str:
    """How much the file answers like the simulation that was trained."""
    same = int((found.argmax(axis=1) == simulated.argmax(axis=1)).sum())
    return (
        f"the file answers as it was trained to on {same} of {len(found)} photos, its probabilities within "
        f"{np.abs(found - simulated).max():.1g}"
    )


def worst_layers(errors: Sequence[LayerError]) -> Iterator[tuple[LayerError, ...]]:
    """Ever larger groups of the layers with the largest errors, within ``MOST_FLOAT_MACS``."""
    # Matrix products are not looked for: a small head is in float anyway.
    convolutions = [layer for layer in errors if layer.kind == "Conv"]
    total = sum(layer.error for layer in convolutions)
    budget = MOST_FLOAT_MACS * sum(layer.macs for layer in errors)
    last: tuple[LayerError, ...] = ()
    for share in _EXPLAINED:
        chosen: list[LayerError] = []
        for layer in sorted(convolutions, key=lambda layer: -layer.error):
            if sum(item.error for item in chosen) >= share * total:
                break
            if sum(item.macs for item in chosen) + layer.macs <= budget:
                chosen.append(layer)
        if chosen and tuple(chosen) != last:
            last = tuple(chosen)
            yield last


def _describe(layer: LayerError, errors: Sequence[LayerError]) -> str:
    error = layer.error / max(sum(item.error for item in errors), 1e-30)
    macs = layer.macs / max(sum(item.macs for item in errors), 1)
    shape = " x ".join(map(str, layer.kernel_shape))
    return (
        f"layer {layer.index} ({layer.kind} {shape}): {format_share(error)} of the error, "
        f"{format_share(macs)} of the multiply-accumulates"
    )


def _best(tried: Sequence[Attempt]) -> Attempt:
    """The smallest drop; among equal ones the largest agreement."""

    def merit(attempt: Attempt) -> tuple[float, float]:
        assert attempt.variant.score is not None
        return attempt.variant.score.drop.value, -attempt.variant.score.agreement

    return min(tried, key=merit)


def _cost(attempt: Attempt) -> str:
    variant, score = attempt.variant, attempt.variant.score
    assert score is not None
    share = variant.arithmetic.int8_macs if variant.arithmetic else None
    return (
        f"drop {score.drop.value:+.1f} points ({score.drop.low:+.1f} to {score.drop.high:+.1f}), "
        f"agreement {format_share(score.agreement)}, {format_size(variant.size_bytes)}, "
        f"{format_share(share)} of the multiply-accumulates in int8, {format_duration(attempt.seconds)}"
    )
