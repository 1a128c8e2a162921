"""What stands behind the head of a graph: its softmax, or cuts, a softmax or sigmoid each, a concatenation.

The three formats keep their graphs in three ways; here is the walk they share.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Node = TypeVar("Node")

CUTS = (
    *("Slice", "StridedSlice", "Split", "SplitV", "VariadicSplit", "Squeeze", "Concat", "Identity"),
    *("SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "CONCATENATION"),
)
"""Operators that only sort values, as the formats call them."""
ACTIVATIONS = ("Softmax", "SoftMax", "Sigmoid", "SOFTMAX", "LOGISTIC")
_MOST = 5000
"""Operators of a tail: five for each task would be many."""


@dataclass(frozen=True)
class Tail(Generic[Node]):
    """The end of a graph."""

    nodes: tuple[Node, ...]
    """Its operators, the last first."""
    head: Node
    """The one operator that they all read."""


def find(
    last: Node,
    kind_of: Callable[[Node], str],
    sources_of: Callable[[Node], Sequence[Node | None]],
    same: Callable[[Node, Node], bool],
) -> Tail[Node] | None:
    """The tail of a graph, or None where it does not end in a softmax or sigmoid of one operator's values.

    Args:
        last: makes the output.
        kind_of: name of an operator.
        sources_of: what makes the values an operator reads; None: a constant or an input.
        same: whether two are one.
    """
    nodes: list[Node] = []
    heads: list[Node] = []
    waiting: list[Node | None] = [last]
    while waiting and len(nodes) < _MOST:
        node = waiting.pop()
        if node is None or _has(nodes, node, same):
            continue
        kind = kind_of(node)
        if kind in ACTIVATIONS or kind in CUTS:
            nodes.append(node)
            # Behind the first come constants: where to cut.
            sources = sources_of(node)
            waiting += sources if kind.upper().startswith("CONCAT") else sources[:1]
        elif not _has(heads, node, same):
            heads.append(node)
    if len(heads) != 1 or not any(kind_of(node) in ACTIVATIONS for node in nodes):
        return None
    return Tail(tuple(nodes), heads[0])


def _has(nodes: Iterable[Node], wanted: Node, same: Callable[[Node, Node], bool]) -> bool:
    return any(same(node, wanted) for node in nodes)
