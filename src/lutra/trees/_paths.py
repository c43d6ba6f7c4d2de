"""A tree as decisions on keys, without those that cannot change anything."""

from dataclasses import dataclass

from lutra.trees._forest import Tree
from lutra.trees._integer import Features

__all__ = ["Key", "Node", "bit_of", "keys_of", "leaves_of", "simplify"]

Key = tuple[int, int]
"""Feature and threshold: the bit ``word >= threshold``."""


@dataclass(frozen=True)
class Node:
    """A decision: ``low`` where the key is 0, else ``high``; a leaf is an int."""

    key: Key
    low: "Node | int"
    high: "Node | int"


def simplify(tree: Tree, features: Features) -> Node | int:
    """Return the tree without decisions that the path to them has made, or that decide nothing.

    Thresholds that were different numbers may be the same word, so that a path can ask twice;
    leaves that were different numbers may be the same code.
    """
    bounds = {-1: (features.low, features.high)}

    def visit(node: int, bounds: dict[int, tuple[int, int]]) -> Node | int:
        feature, threshold = int(tree.feature[node]), int(tree.threshold[node])
        if feature < 0:
            return int(tree.value[node])
        left, right = tree.children[node].tolist()
        least, most = bounds.get(feature, bounds[-1])
        if threshold <= least:
            return visit(right, bounds)
        if threshold > most:
            return visit(left, bounds)
        low = visit(left, bounds | {feature: (least, threshold - 1)})
        high = visit(right, bounds | {feature: (threshold, most)})
        return low if low == high else Node((feature, threshold), low, high)

    return visit(0, bounds)


def keys_of(tree: Node | int) -> set[Key]:
    """Return the keys that a tree asks for."""
    if isinstance(tree, int):
        return set()
    return {tree.key} | keys_of(tree.low) | keys_of(tree.high)


def leaves_of(tree: Node | int) -> set[int]:
    """Return the codes of its leaves."""
    return {tree} if isinstance(tree, int) else leaves_of(tree.low) | leaves_of(tree.high)


def bit_of(tree: Node | int, least: int, bit: int) -> Node | int:
    """Return the tree of one bit of the leaves' codes above ``least``."""
    if isinstance(tree, int):
        return (tree - least) >> bit & 1
    low, high = bit_of(tree.low, least, bit), bit_of(tree.high, least, bit)
    return low if low == high else Node(tree.key, low, high)
