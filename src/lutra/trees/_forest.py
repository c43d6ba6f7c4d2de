"""A forest with real thresholds and leaves, as a boosting library trained it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_DEPTH", "MAX_NODES", "Forest", "Tree", "check_tree"]

MAX_NODES = 1 << 20
"""Most nodes of a tree."""
MAX_DEPTH = 64
"""Most decisions on the way to a leaf."""


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree of N nodes, node 0 its root.

    Parameters
    ----------
    feature
        Feature that a node asks for; -1 at a leaf. Shape (N,).
    threshold
        A node sends a feature below it to the left. Shape (N,), float64, or int64 where features
        are integers.
    children
        Left and right child of a node; a leaf is its own. Shape (N, 2).
    value
        What a leaf adds to the score; float64, or an int64 code. Shape (N,).
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64] | NDArray[np.int64]
    children: NDArray[np.int64]
    value: NDArray[np.float64] | NDArray[np.int64]

    @property
    def leaves(self) -> NDArray[np.float64] | NDArray[np.int64]:
        """Values of the leaves."""
        return self.value[self.feature < 0]


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees whose leaves add up to one score per group.

    Parameters
    ----------
    trees
        The trees.
    groups
        The score that each tree adds to.
    bias
        What every score starts from. One score: of the second of two classes, which wins where it
        is above 0; else one per class, of which the greatest wins. Shape (scores,).
    features
        How many features the trees know of.
    where
        The file, for messages.
    precision
        Of a feature where it meets a threshold.
    """

    trees: tuple[Tree, ...]
    groups: tuple[int, ...]
    bias: NDArray[np.float64]
    features: int
    where: str = "forest"
    precision: type[np.floating] = np.float64

    @property
    def classes(self) -> int:
        """Number of classes."""
        return max(2, len(self.bias))


def check_tree(tree: Tree, features: int) -> str | None:
    """Return what is wrong with a tree: None, or the first problem, naming the node.

    Every node must hang on one parent, so that there are no cycles and no shared parts.
    """
    count = len(tree.feature)
    if not 1 <= count <= MAX_NODES:
        return f"{count} nodes; a tree has 1 to {MAX_NODES}"
    inner = tree.feature >= 0
    outside = (tree.children < 0) | (tree.children >= count)
    problems = (
        (tree.feature >= features, f"asks for a feature beyond the model's {features}"),
        (inner & ~np.isfinite(tree.threshold), "has a threshold that is not finite"),
        (~inner & ~np.isfinite(tree.value), "has a value that is not finite"),
        (outside[:, 0] | outside[:, 1], f"has a child beyond the {count} nodes"),
    )
    for wrong, problem in problems:
        if wrong.any():
            return f"node {int(wrong.argmax())} {problem}"
    parents = np.bincount(tree.children[inner].reshape(-1), minlength=count)
    parents[0] += 1
    if parents.max() > 1:
        return f"node {int(parents.argmax())} is reached twice"
    level = np.zeros(1, np.int64)
    for _ in range(MAX_DEPTH + 1):
        level = tree.children[level[inner[level]]].reshape(-1)
        if not level.size:
            return None
    return f"more than {MAX_DEPTH} decisions on the way to a leaf"
