"""From pairs of photos to groups that do not chain strangers together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from edgetl.training.dataset import Photo

Kind = Literal["exact", "copy", "similar"]


@dataclass(frozen=True)
class Group:
    """Photos that show the same. A group of copies holds groups of exact ones whole, a similar one copies."""

    photos: tuple[Photo, ...]
    """Two or more, in the order of the dataset."""
    kind: Kind
    """``exact``: the same bytes. ``copy``: the same picture, changed, or another that fine structure does not
    tell from it. ``similar``: the same thing at nearly the same moment."""
    score: float
    """How well the worst of the pairs that hold it together agree, 0 to 1; 1 for exact ones."""


@dataclass(frozen=True)
class Link:
    """Two photos that agree."""

    first: int
    second: int
    score: float


def joined(
    count: int, links: Iterable[Link], start: Sequence[Sequence[int]] = ()
) -> list[tuple[list[int], float]]:
    """Join photos, the best pairs first.

    Two groups become one when at least half of the smaller one's members are linked to a member of the
    larger: one wrong pair cannot join two groups, while the frames of a slow pan, each like the next only,
    still come together one by one.

    Args:
        count: how many photos there are.
        links: between them, in any order.
        start: groups that are there already.

    Returns:
        Members, ascending, and the worst score that joined them, of all groups of two or more.
    """
    home = list(range(count))
    members = {place: [place] for place in range(count)}
    worst = dict.fromkeys(range(count), 1.0)

    def merge(one: int, two: int, score: float) -> None:
        members[one] += members.pop(two)
        worst[one] = min(worst[one], worst.pop(two), score)
        for place in members[one]:
            home[place] = one

    for group in start:
        for place in group[1:]:
            merge(home[group[0]], home[place], 1.0)
    waiting = sorted(links, key=lambda link: (-link.score, link.first, link.second))
    beside: dict[int, set[int]] = {}
    for link in waiting:
        beside.setdefault(link.first, set()).add(link.second)
        beside.setdefault(link.second, set()).add(link.first)
        one, two = home[link.first], home[link.second]
        if one == two:
            continue
        small, large = sorted((one, two), key=lambda group: (len(members[group]), group))
        touching = sum(
            any(home[other] == large for other in beside.get(place, ())) for place in members[small]
        )
        if 2 * touching >= len(members[small]):
            merge(large, small, link.score)
    found = [(sorted(group), worst[place]) for place, group in members.items() if len(group) > 1]
    return sorted(found)
