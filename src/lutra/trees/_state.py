"""A forest of whole numbers as named arrays, and back, trusting nothing."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lutra.errors import ModelError
from lutra.trees._forest import Tree, check_tree
from lutra.trees._integer import Features, IntegerForest

__all__ = ["from_arrays", "to_arrays"]

_NODE = {"feature": 1, "threshold": 1, "children": 2, "value": 1}
"""Arrays with an entry per node, and their ranks."""
_MOST = 1 << 40


def to_arrays(forest: IntegerForest) -> dict[str, NDArray[np.int64]]:
    """Return the forest as int64 arrays, the nodes of all trees one after the other."""
    empty = Tree(*(np.zeros((0, 2)[:rank], np.int64) for rank in _NODE.values()))
    trees = (empty, *forest.trees)
    arrays = {name: np.concatenate([vars(tree)[name] for tree in trees]) for name in _NODE}
    sizes = np.asarray([len(tree.feature) for tree in forest.trees], np.int64)
    return arrays | {
        "sizes": sizes,
        "groups": np.asarray(forest.groups, np.int64),
        "bias": forest.bias,
    }


def from_arrays(
    arrays: Mapping[str, NDArray], classes: int, features: Features, where: str
) -> IntegerForest:
    """Return the forest that `to_arrays` was given.

    Raises
    ------
    ModelError
        The arrays are no forest of so many classes on such features.
    """

    def wrong(problem: str) -> ModelError:
        return ModelError(f"{where}: {problem}")

    ranks = _NODE | {"sizes": 1, "groups": 1, "bias": 1}
    found = {name: (array.dtype, array.ndim) for name, array in arrays.items()}
    if found != {name: (np.dtype(np.int64), rank) for name, rank in ranks.items()}:
        raise wrong(f"arrays {sorted(found)} are no forest's")
    sizes, groups, bias = arrays["sizes"], arrays["groups"], arrays["bias"]
    nodes = len(arrays["feature"])
    if not ((sizes >= 1) & (sizes <= nodes)).all() or sizes.astype(object).sum() != nodes:
        raise wrong(f"{nodes} nodes, trees of {sizes.tolist()[:5]}")
    shapes = {name: arrays[name].shape for name in _NODE} | {"bias": bias.shape}
    wanted = {name: (nodes, 2)[:rank] for name, rank in _NODE.items()} | {"bias": (classes,)}
    if shapes != wanted or len(groups) != len(sizes):
        raise wrong(f"arrays of shapes {shapes}, {len(groups)} groups of {len(sizes)} trees")
    if not ((groups >= 0) & (groups < classes)).all():
        raise wrong(f"a tree adds to a class beyond the {classes}")
    limits = arrays["value"], bias
    if any((number < 0).any() or (number > _MOST).any() for number in limits):
        raise wrong(f"a code or a bias lies beyond 0 to {_MOST}")
    threshold = arrays["threshold"]
    if ((threshold < features.low) | (threshold > features.high + 1)).any():
        raise wrong(f"a threshold lies beyond the words of {features.bits} bits")
    ends = np.cumsum(sizes)[:-1]
    parts = zip(*(np.split(arrays[name], ends) for name in _NODE), strict=True)
    trees = tuple(Tree(*part) for part in parts) if len(sizes) else ()
    for number, tree in enumerate(trees):
        if problem := check_tree(tree, features.count):
            raise wrong(f"tree {number}: {problem}")
    return IntegerForest(trees, tuple(groups.tolist()), bias, features, where)
