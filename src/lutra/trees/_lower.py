"""From a forest of whole numbers to a circuit: keys, tables of trees, one sum per class."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np

from lutra.circuit import SHARED_INPUTS, Builder, Circuit, Code, Compare, Lut, Words, pack_tables
from lutra.trees._cover import Input, cover, table
from lutra.trees._integer import IntegerForest
from lutra.trees._paths import Node, bit_of, keys_of, leaves_of, simplify
from lutra.trees._sums import Operand, add_up

__all__ = ["lower"]

Bits = dict[Input, int]
"""Where the bits lie that are there: keys, and parts of trees."""


def lower(
    forest: IntegerForest,
    name: str,
    classes: Sequence[str] = (),
    features: Sequence[str] = (),
    adder: int | None = None,
) -> Circuit:
    """Return the circuit of a forest: ``scores`` and ``class``.

    TreeLUT (FPGA 2025, arXiv 2501.01511), section 4: every different pair of a feature and a
    threshold is compared once; the keys address the trees' tables; a sum per class adds them up.
    A tree of few keys is one table, two of whose bits share a LUT; of the others every bit is
    covered by tables of six inputs (`cover`).

    Parameters
    ----------
    forest
        What to build.
    name, classes, features
        For people.
    adder
        Most trees that one adder takes, at least 2; larger sums are made in levels.
    """
    words = forest.features
    builder = Builder(words.count, words.width, words.signed, features)
    trees = [simplify(tree, words) for tree in forest.trees]
    bits = _add_keys(builder, trees, words.width - words.bits)
    bias = forest.bias.copy()
    operands: list[list[Operand]] = [[] for _ in bias]
    found = _add_trees(builder, bits, [tree for tree in trees if isinstance(tree, Node)])
    for tree, group in zip(trees, forest.groups, strict=True):
        bias[group] += min(leaves_of(tree))
        if isinstance(tree, Node):
            operands[group].append(found[tree])
    scores = add_up(builder, operands, bias, adder)
    if len(bias) == 2 and not operands[0]:  # one score and a constant that it has to exceed
        builder.output("scores", scores, classes)
        decide = Compare(Words(scores.bits[1:]), bias[:1] + 1, "decide")
        builder.output("class", builder.add(decide, 1))
    else:
        builder.classify(scores, classes)
    return builder.build(name)


def _add_keys(builder: Builder, trees: Iterable[Node | int], drop: int) -> Bits:
    """Append a comparison per key, on words without their ``drop`` lower bits."""
    keys = sorted({key for tree in trees for key in keys_of(tree)})
    if not keys:
        return {}
    feature, threshold = np.asarray(keys, np.int64).T
    words = Words(builder.inputs.bits[feature, drop:], builder.inputs.signed)
    found = builder.add(Compare(words, np.ascontiguousarray(threshold), "keys"), 1)
    return dict(zip(keys, found.bits[:, 0].tolist(), strict=True))


def _add_trees(builder: Builder, bits: Bits, trees: Sequence[Node]) -> dict[Node, Operand]:
    """Append the trees' tables; return the bits of ``tree - least leaf`` of each tree."""
    whole: dict[Node, tuple[Input, ...]] = {}
    split: dict[Node, list[tuple[Node, int]]] = {}
    for tree in trees:
        least, most = min(leaves_of(tree)), max(leaves_of(tree))
        keys = tuple(sorted(keys_of(tree)))
        places = [bit_of(tree, least, place) for place in range((most - least).bit_length())]
        parts = [(part, 1 << place) for place, part in enumerate(places) if isinstance(part, Node)]
        if len(keys) <= SHARED_INPUTS and 1 < len(parts) == len(places):
            whole[tree] = keys
        else:
            split[tree] = parts
    _add_parts(builder, bits, [part for parts in split.values() for part, _ in parts])
    found = {
        tree: [(bits[part], weight) for part, weight in parts] for tree, parts in split.items()
    }

    def shape(tree: Node) -> tuple[int, int]:
        leaves = leaves_of(tree)
        return len(whole[tree]), (max(leaves) - min(leaves)).bit_length()

    for (size, width), group in groupby(sorted(whole, key=shape), shape):
        own = list(group)
        codes = np.stack([table(tree, whole[tree]) for tree in own])
        codes -= codes.min(axis=1, keepdims=True)
        wires = np.asarray([[bits[key] for key in whole[tree]] for tree in own], np.int64)
        op = Lut(wires, pack_tables(codes, width), f"trees_in{size}_out{width}", Code(width))
        for tree, made in zip(own, builder.add(op, width).bits.tolist(), strict=True):
            found[tree] = [(bit, 1 << place) for place, bit in enumerate(made)]
    return found


def _add_parts(builder: Builder, bits: Bits, roots: Iterable[Node]) -> None:
    """Append tables for trees of one bit, level by level."""
    inputs: dict[Node, tuple[Input, ...]] = {}
    for root in roots:
        if (root.low, root.high) == (0, 1):
            bits[root] = bits[root.key]
        else:
            inputs |= cover(root)

    def fan_in(node: Node) -> int:
        return len(inputs[node])

    level = 0
    while inputs:
        ready = [node for node, read in inputs.items() if all(item in bits for item in read)]
        for size, group in groupby(sorted(ready, key=fan_in), fan_in):
            own = list(group)
            wires = np.asarray([[bits[item] for item in inputs[node]] for node in own], np.int64)
            codes = np.stack([table(node, inputs[node]) for node in own])
            op = Lut(wires, pack_tables(codes, 1), f"parts{level}_in{size}")
            bits |= zip(own, builder.add(op, 1).bits[:, 0].tolist(), strict=True)
        for node in ready:
            del inputs[node]
        level += 1
