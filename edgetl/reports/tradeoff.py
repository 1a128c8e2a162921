"""Accuracy against latency against size: the picture of a bundle on the machine it was measured on."""

import statistics
from collections.abc import Sequence

from edgetl.manifest import Score
from edgetl.reports.markup import Html, figure, join, tag, text
from edgetl.reports.tradeoff_chart import Spot, drawing, is_wide, told

WIDTHS = (("narrow", 326), ("medium", 620), ("wide", 950))
"""Pixels; page.css shows the one that fits."""
HEIGHT = {"narrow": 460, "medium": 420, "wide": 420}
"""Pixels, of each width."""
_FAR = 6.0
"""Times the median of all variants; slower ones are told and not drawn, since they would crowd the rest."""


def tradeoff(spots: Sequence[Spot], score: Score, machine: str) -> Html:
    """The picture with what it shows written below.

    Args:
        spots: one or more variants that were both scored and measured.
        score: of one of them: all were scored on the same pictures.
        machine: where they were measured.
    """
    middle = statistics.median(spot.latency_s for spot in spots)
    trained = score.accuracy.value + score.drop.value / 100
    far = [spot for spot in spots if spot.latency_s > _FAR * middle]
    spots = [spot for spot in spots if spot.latency_s <= _FAR * middle]
    drawn = [
        tag(
            "div",
            drawing(spots, width, HEIGHT[kind], what="variants", latency="median", dashed=trained),
            class_=f"only {kind}",
        )
        for kind, width in WIDTHS
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
