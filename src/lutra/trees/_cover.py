"""Trees of decisions as few lookup tables: which decisions go into one table."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import LUT_INPUTS
from lutra.trees._paths import Key, Node

__all__ = ["Input", "cover", "table"]

Input = Key | Node
"""What a table reads: a key, or the table of a tree further down."""


class _Choice(NamedTuple):
    """A way to do a tree: tables below the root's own one, and what the root's one reads."""

    tables: int
    inputs: frozenset[Input]


def cover(tree: Node) -> dict[Node, tuple[Input, ...]]:
    """Return the fewest tables of six inputs that make a tree of one-bit leaves.

    The result maps what each table computes to what it reads, keys first.

    A table holds a connected part of the tree and reads its keys and one bit per part below it.
    Choosing the parts bottom up is exact where no key repeats: for every node and every number of
    inputs, the fewest tables. Equal parts become one table.
    """
    choices: dict[Node, list[_Choice]] = {}

    def visit(node: Node | int) -> list[_Choice]:
        if isinstance(node, int):
            return [_Choice(0, frozenset())]
        if node not in choices:
            found = [
                _Choice(low.tables + high.tables, low.inputs | high.inputs | {node.key})
                for low in visit(node.low)
                for high in visit(node.high)
            ]
            choices[node] = _best(found)
        own = choices[node]
        return [*own, _Choice(own[0].tables + 1, frozenset({node}))]

    visit(tree)
    number = {node: place for place, node in enumerate(choices)}  # an order that stays the same
    cells: dict[Node, tuple[Input, ...]] = {}
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if node not in cells:
            inputs = choices[node][0].inputs
            keys = sorted(item for item in inputs if not isinstance(item, Node))
            below = [item for item in inputs if isinstance(item, Node)]
            cells[node] = (*keys, *sorted(below, key=number.__getitem__))
            waiting += below
    return cells


def _best(found: list[_Choice]) -> list[_Choice]:
    """Return the choices worth keeping, those of the fewest tables first."""
    kept: dict[int, _Choice] = {}
    for choice in found:
        size = len(choice.inputs)
        if size <= LUT_INPUTS and (size not in kept or choice.tables < kept[size].tables):
            kept[size] = choice
    order = sorted(kept.values(), key=lambda choice: (choice.tables, len(choice.inputs)))
    best: list[_Choice] = []
    for choice in order:
        if not best or len(choice.inputs) < len(best[-1].inputs):
            best.append(choice)
    return best


def table(tree: Node, inputs: Sequence[Input]) -> NDArray[np.int64]:
    """Return a tree's leaf at every address, the first input its LSB. Shape (2**inputs,).

    A part that is an input is not looked into.
    """
    address = np.arange(1 << len(inputs))
    known = {item: address >> place & 1 for place, item in enumerate(inputs)}

    def visit(node: Node | int) -> NDArray[np.int64]:
        if isinstance(node, int):
            return np.full(len(address), node)
        if node in known:
            return known[node]
        return np.where(known[node.key], visit(node.high), visit(node.low))

    return visit(tree)
