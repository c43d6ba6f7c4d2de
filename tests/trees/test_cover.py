"""Covering trees by tables of six inputs: exact, and as few as can be."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutra.trees._cover import Input, cover, table
from lutra.trees._paths import Key, Node, keys_of

from .random_forests import nested


def value(tree: Node | int, key: dict[Key, int]) -> int:
    while isinstance(tree, Node):
        tree = tree.high if key[tree.key] else tree.low
    return tree


def covered(cells: dict[Node, tuple[Input, ...]], node: Node, key: dict[Key, int]) -> int:
    inputs = cells[node]
    bits = [covered(cells, i, key) if isinstance(i, Node) else key[i] for i in inputs]
    return int(table(node, inputs)[sum(bit << place for place, bit in enumerate(bits))])


def distinct(rng: np.random.Generator, depth: int, counter: "itertools.count[int]") -> Node | int:
    """A tree of keys that are all different."""
    if not depth or rng.random() < 0.2:
        return int(rng.integers(2))
    key = (next(counter), 1)
    low, high = (distinct(rng, depth - 1, counter) for _ in range(2))
    return low if low == high else Node(key, low, high)


def nodes_of(tree: Node | int) -> list[Node]:
    return [tree, *nodes_of(tree.low), *nodes_of(tree.high)] if isinstance(tree, Node) else []


def fewest(tree: Node) -> int:
    """By trying every set of nodes that get tables of their own."""
    inner = nodes_of(tree)[1:]

    def fits(cut: set[int], root: Node) -> bool:
        def size(node: Node | int) -> int:
            if isinstance(node, int) or id(node) in cut:
                return isinstance(node, Node)
            return 1 + size(node.low) + size(node.high)

        return 1 + size(root.low) + size(root.high) <= 6

    for count in range(len(inner) + 1):
        for chosen in itertools.combinations(inner, count):
            cut = {id(node) for node in chosen}
            if all(fits(cut, root) for root in (tree, *chosen)):
                return count + 1
    raise AssertionError


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_a_cover_computes_the_tree(seed: int, features: int) -> None:
    rng = np.random.default_rng(seed)

    def bit(node: object) -> Node | int:
        if not isinstance(node, tuple):
            return int(rng.integers(2))
        low, high = bit(node[2]), bit(node[3])
        return low if low == high else Node((node[0], round(node[1])), low, high)

    tree = bit(nested(rng, features, 6))
    if isinstance(tree, int):
        return
    cells = cover(tree)
    assert all(len(inputs) <= 6 for inputs in cells.values())
    for _ in range(30):
        key = {name: int(rng.integers(2)) for name in keys_of(tree)}
        assert covered(cells, tree, key) == value(tree, key)


@pytest.mark.parametrize("seed", range(40))
def test_trees_of_different_keys_take_the_fewest_tables(seed: int) -> None:
    tree = distinct(np.random.default_rng(seed), 4, itertools.count())
    if isinstance(tree, Node):
        assert len(cover(tree)) == fewest(tree)


def test_equal_parts_are_one_table() -> None:
    counter = itertools.count()

    def full(depth: int) -> Node:
        key = (next(counter), 1)
        return Node(key, full(depth - 1), full(depth - 1)) if depth > 1 else Node(key, 0, 1)

    part = full(4)
    tree = Node((99, 1), part, Node((98, 1), part, 0))
    assert len(cover(tree)) <= len(cover(part)) + 1
