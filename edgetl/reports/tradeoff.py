"""Accuracy against latency against size: the picture of a bundle on the machine it was measured on."""

import statistics
from collections.abc import Sequence

from edgetl.reports.markup import Html, figure, join, tag, text
from edgetl.reports.tradeoff_chart import Spot, drawing, is_wide, told

_WIDTHS = (("narrow", 326), ("medium", 620), ("wide", 950))  # pixels; page.css shows the one that fits
_HEIGHT = {"narrow": 460, "medium": 420, "wide": 420}
_FAR = 6.0
"""Times the median of all variants; slower ones are told and not drawn, since they would crowd the rest."""


def tradeoff(spots: Sequence[Spot], machine: str) -> Html:
    """The picture with what it shows written below.

    Args:
        spots: one or more variants that were both scored and measured.
        machine: where they were measured.
    """
    score, middle = spots[0].score, statistics.median(spot.latency_s for spot in spots)
    far = [spot for spot in spots if spot.latency_s > _FAR * middle]
    spots = [spot for spot in spots if spot.latency_s <= _FAR * middle]
    drawn = [
        tag("div", drawing(spots, width, _HEIGHT[kind]), class_=f"only {kind}") for kind, width in _WIDTHS
    ]
    scale = "; equal factors are equally far apart" if is_wide(spots) else ""
    caption = (
        f"Accuracy on {score.images} pictures of the {score.split} split, upright lines: 95 % intervals. "
        f"Latency: median of one image with its fastest number of threads, measured on {machine}{scale}. The "
        "area of a disc is the size of the model files. Dashed: the trained model before conversion."
    )
    if any(spot.picked for spot in spots):
        caption += " Filled blue: the bundle's pick."
    if any(spot.invalid for spot in spots):
        caption += " Dashed disc: the measurement is invalid."
    if far:
        caption += f" Too slow to be drawn: {told(far)}"
    return figure(join(*drawn), text(caption))
