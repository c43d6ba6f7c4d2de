"""A forest of whole numbers, evaluated in numpy: the reference of its circuit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.trees._forest import Tree

__all__ = ["Features", "Flat", "IntegerForest", "flatten", "leaf_values"]

_BATCH = 1024


@dataclass(frozen=True)
class Features:
    """Raw fixed-point words, of which trees read the upper bits.

    Parameters
    ----------
    count
        Number of features.
    width, signed
        The raw word.
    bits
        Upper bits that are read, at most ``width``.
    """

    count: int
    width: int
    signed: bool
    bits: int

    @property
    def low(self) -> int:
        """Least value of a word's upper bits."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Greatest value of a word's upper bits."""
        return self.low + (1 << self.bits) - 1

    def read(self, raw: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the upper bits of raw words, any shape."""
        return raw.astype(np.int64) >> (self.width - self.bits)


@dataclass(frozen=True, eq=False)
class IntegerForest:
    """Trees whose codes add up to a score per class; the greatest wins, of equals the first.

    Parameters
    ----------
    trees
        Trees of int64 thresholds and codes.
    groups
        The class that each tree adds to.
    bias
        What every class starts from, none below 0; int64, shape (classes,).
    features
        The words that the trees read.
    where
        The file, for messages.
    """

    trees: tuple[Tree, ...]
    groups: tuple[int, ...]
    bias: NDArray[np.int64]
    features: Features
    where: str = "forest"

    def codes(self, raw: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the scores of raw words, (samples, features). Shape (samples, classes)."""
        scores = np.tile(self.bias, (len(raw), 1))
        groups = np.asarray(self.groups, np.int64)
        member = (groups[:, None] == np.arange(len(self.bias))).astype(np.float64)
        for start in range(0, len(raw), _BATCH):
            words = self.features.read(raw[start : start + _BATCH])
            found = leaf_values(self._flat, words).astype(np.float64) @ member  # exact
            scores[start : start + _BATCH] += found.astype(np.int64)
        return scores

    @cached_property
    def _flat(self) -> "Flat":
        return flatten(self.trees)


class Flat(NamedTuple):
    """All nodes of several trees in one table."""

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray
    children: NDArray[np.int64]
    value: NDArray


def flatten(trees: Sequence[Tree]) -> Flat:
    """Return the trees as one table."""
    roots = np.cumsum([0, *(len(tree.feature) for tree in trees)])[:-1]
    pairs = list(zip(trees, roots.tolist(), strict=True))
    empty = np.zeros(0, np.int64)
    return Flat(
        roots,
        np.concatenate([empty, *(tree.feature.clip(0) for tree in trees)]),
        np.concatenate([empty, *(tree.threshold for tree in trees)]),
        np.concatenate([empty.reshape(0, 2), *(tree.children + root for tree, root in pairs)]),
        np.concatenate([empty, *(tree.value for tree in trees)]),
    )


def leaf_values(flat: Flat, words: NDArray[np.int64]) -> NDArray:
    """Return what every tree's leaf holds for words (samples, features). Shape (samples, trees)."""
    rows = np.arange(len(words))[:, None]
    node = np.tile(flat.roots, (len(words), 1))
    while True:  # a leaf is its own child
        right = words[rows, flat.feature[node]] >= flat.threshold[node]
        after = flat.children[node, right.astype(np.int64)]
        if np.array_equal(after, node):
            return flat.value[node]
        node = after
