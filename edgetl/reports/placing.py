"""Where the names of points stand, so that none covers another name or a point."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LETTER = 7.8
"""Pixels; the mean width of a letter at 13 px in a wide font, on the generous side."""
LINE = 17.0
"""Pixels; the height of a name."""
_GAP = 3.0
_ANGLES = (0, 180, 270, 90, 330, 210, 30, 150, 300, 240, 60, 120)  # degrees, clockwise from the right
_STEP = 9.0
_RINGS = 40
_TIGHT = 2.0
_NEAR = 60.0  # pixels


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    top: float
    width: float
    height: float

    def overlaps(self, other: "Box") -> bool:
        """Whether the two have an area in common."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def inside(self, other: "Box") -> bool:
        """Whether it lies in the other."""
        return (
            self.left >= other.left
            and self.top >= other.top
            and self.left + self.width <= other.left + other.width
            and self.top + self.height <= other.top + other.height
        )


def place(names: Sequence[str], points: Sequence[tuple[float, float]], radius: float, area: Box) -> list[Box]:
    """A box for each name, as near to its point as there is room.

    Args:
        names: one for each point.
        points: middles, pixels from the left and from the top, inside ``area``.
        radius: around each point that no name may cover, pixels.
        area: what the names must stay in. A name that finds no room in it covers another one, at the place
            nearest to its point.

    Returns:
        The boxes, in the order of the names.
    """
    crowd = [sum(math.dist(one, other) < _NEAR for other in points) for one in points]
    # Who comes first gets the best place; the best of a few orders is good enough, and always the same.
    numbers = range(len(names))
    orders = (
        sorted(numbers, key=lambda index: (-crowd[index], points[index])),
        sorted(numbers, key=lambda index: points[index]),
        sorted(numbers, key=lambda index: points[index], reverse=True),
        sorted(numbers, key=lambda index: (crowd[index], points[index])),
    )
    tried = [_in_order(order, names, points, radius, area) for order in orders]
    return min(tried, key=lambda boxes: _badness(boxes, points))


def gap(point: tuple[float, float], box: Box) -> float:
    """Pixels from a point to the nearest of a box."""
    return math.dist(point, nearest(point, box))


def nearest(point: tuple[float, float], box: Box) -> tuple[float, float]:
    """The place in a box that is nearest to a point."""
    x, y = point
    return (
        min(max(x, box.left), box.left + box.width),
        min(max(y, box.top), box.top + box.height),
    )


def _in_order(
    order: Sequence[int],
    names: Sequence[str],
    points: Sequence[tuple[float, float]],
    radius: float,
    area: Box,
) -> list[Box]:
    """One name after the other at the nearest place that is free."""
    taken = [Box(x - radius, y - radius, 2 * radius, 2 * radius) for x, y in points]
    found: dict[int, Box] = {}
    for number in order:
        width = LETTER * len(names[number]) + 2 * _TIGHT
        offered = [box for box in _around(points[number], width, radius) if box.inside(area)]
        free = (box for box in offered if not any(map(box.overlaps, taken)))
        x, y = points[number]
        found[number] = next(free, offered[0] if offered else Box(x, y, width, LINE))
        taken.append(found[number])
    return [found[number] for number in range(len(names))]


def _badness(boxes: Sequence[Box], points: Sequence[tuple[float, float]]) -> tuple[int, float]:
    """How many names cover another, and how far they stand from their points."""
    covered = sum(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    return covered, sum(gap(point, box) for point, box in zip(points, boxes, strict=True))


def _around(point: tuple[float, float], width: float, radius: float) -> Iterator[Box]:
    """Boxes around a point, the nearest first."""
    x, y = point
    for ring in range(_RINGS):
        beyond = radius + _GAP + ring * _STEP
        for angle in _ANGLES:
            across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            middle = x + across * (beyond + width / 2), y + down * (beyond + LINE / 2)
            yield Box(middle[0] - width / 2, middle[1] - LINE / 2, width, LINE)
