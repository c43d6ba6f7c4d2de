"""Leaves as small whole numbers, thresholds as whole words: what a forest computes in hardware."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lutra.errors import ModelError
from lutra.trees._forest import Forest, Tree
from lutra.trees._integer import Features, IntegerForest

__all__ = ["Grid", "grid", "quantise", "rescale"]

_MOST_BIAS = 1 << 40


@dataclass(frozen=True)
class Grid:
    """How leaves become codes: ``round((leaf - least of its tree) * scale)``."""

    least: NDArray[np.float64]
    """Least leaf of each tree, (trees,)."""
    scale: float
    """Codes per unit of a leaf: the widest tree takes all of them."""


def grid(forest: Forest, bits: int) -> Grid:
    """Return the grid on which the widest tree's leaves take ``bits`` bits."""
    least = np.asarray([tree.leaves.min() for tree in forest.trees])
    reach = max((float(np.ptp(tree.leaves)) for tree in forest.trees), default=0.0)
    reach = reach or float(np.ptp(_bias(forest, least))) or 1.0
    return Grid(least, ((1 << bits) - 1) / reach)


def rescale(forest: Forest, scale: NDArray[np.float64], offset: NDArray[np.float64]) -> Forest:
    """Return the forest for whole words y in the place of ``x = y * scale + offset``, scale > 0.

    A threshold becomes the least word whose x, in the precision of the library, is not below it.
    Thresholds may lie on values: a word more or less would send all rows of that value astray.
    """

    def moved(tree: Tree) -> Tree:
        feature, reach = tree.feature.clip(0), tree.threshold
        with np.errstate(over="ignore"):
            below = np.nextafter(reach.astype(forest.precision), forest.precision(-np.inf))
            # Whatever is above the middle is rounded up to the threshold, or beyond.
            middle = reach / 2 + below.astype(np.float64) / 2
            word = np.ceil((middle - offset[feature]) / scale[feature])
            near = np.stack([word - 1, word, word + 1])
            values = (near * scale[feature] + offset[feature]).astype(forest.precision)
        reached = values >= reach
        reached[2] = True  # also of a threshold beyond all numbers
        return replace(tree, threshold=near[reached.argmax(0), np.arange(len(feature))])

    return replace(forest, trees=tuple(moved(tree) for tree in forest.trees))


def quantise(forest: Forest, bits: int, features: Features) -> IntegerForest:
    """Return the forest of whole numbers: TreeLUT (FPGA 2025, arXiv 2501.01511), section 3.

    All trees share one scale. The least leaf of a tree moves into the bias of its class, and so
    does the least bias of all, so that nothing is below 0. Of two classes the second one's score
    has a threshold, which is the constant score of the first: it loses from there on.

    Parameters
    ----------
    forest
        Its thresholds are on the words that ``features`` keeps.
    bits
        Of the widest tree's leaves.
    features
        The words.

    Raises
    ------
    ModelError
        The model knows of features that there are not, or its biases exceed its leaves beyond
        all measure.
    """
    used = max((int(tree.feature.max()) for tree in forest.trees), default=-1)
    if used >= features.count:
        raise ModelError(
            f"{forest.where}: a tree asks for feature {used}; the data set has {features.count}"
        )
    found = grid(forest, bits)
    bias = _bias(forest, found.least) * found.scale
    if not np.abs(bias).max() < _MOST_BIAS:
        raise ModelError(f"{forest.where}: the scores start {bias.max():g} leaf steps from 0")
    if len(bias) == 1:  # wins at round(-bias), so the other one has a step less
        whole = np.asarray([np.rint(-bias[0]) - 1, 0])
        groups = (1,) * len(forest.trees)
    else:
        whole, groups = np.rint(bias - bias.min()), forest.groups

    def coded(tree: Tree, least: float) -> Tree:
        codes = np.rint((tree.value - least) * found.scale)
        limits = features.low, features.high + 1  # beyond them a decision is a constant
        return Tree(
            tree.feature,
            np.ceil(tree.threshold).clip(*limits).astype(np.int64),
            tree.children,
            np.where(tree.feature < 0, codes, 0).astype(np.int64),
        )

    trees = tuple(map(coded, forest.trees, found.least.tolist()))
    whole = (whole - whole.min()).astype(np.int64)
    return IntegerForest(trees, groups, whole, features, forest.where)


def _bias(forest: Forest, least: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what every score starts from, the least leaves of its trees included."""
    groups = np.asarray(forest.groups, np.int64)
    return forest.bias + np.bincount(groups, least, len(forest.bias))
