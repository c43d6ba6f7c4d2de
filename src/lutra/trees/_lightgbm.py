"""Forests from the JSON that LightGBM dumps (``Booster.dump_model``); LightGBM is not needed."""

from typing import Any

import numpy as np

from lutra.trees._forest import MAX_DEPTH, MAX_NODES, Forest, Tree, check_tree
from lutra.trees._json import Place
from lutra.trees._xgboost import MAX_CLASSES, MAX_FEATURES, MAX_TREES

__all__ = ["from_lightgbm"]

_OBJECTIVES = ("binary", "multiclass", "multiclassova")


def from_lightgbm(content: dict[str, Any], where: str) -> Forest:
    """Return the forest of a dumped model.

    ``x <= t`` goes left, which is ``x < t'`` for the next greater number t'. The first trees
    hold what the scores start from.

    Raises
    ------
    ModelError
        The content is malformed, or the model is none of trees for classification.
    """
    model = Place(content, where)
    objective = (model / "objective").text()
    if objective.split(" ")[0] not in _OBJECTIVES:
        known = ", ".join(_OBJECTIVES)
        raise model.error(f"objective {objective[:40]!r} is no classification: train with {known}")
    scores = (model / "num_tree_per_iteration").integer(1, MAX_CLASSES)
    if (scores == 1) != objective.startswith("binary"):
        raise model.error(f"{objective[:40]} of {scores} trees per round")
    features = (model / "max_feature_idx").integer(0, MAX_FEATURES - 1) + 1
    places = (model / "tree_info").items(MAX_TREES)
    if len(places) % scores:
        raise model.error(f"{len(places)} trees are no whole number of rounds of {scores}")
    trees = tuple(_tree(place / "tree_structure", features) for place in places)
    groups = tuple(number % scores for number in range(len(places)))
    return Forest(trees, groups, np.zeros(scores), features, where)


def _tree(root: Place, features: int) -> Tree:
    rows: list[tuple[int, float, int, int, float]] = []
    level = [root]
    for _ in range(MAX_DEPTH + 1):
        below: list[Place] = []
        first = len(rows) + len(level)
        for place in level:
            if "leaf_value" in place:
                if "leaf_coeff" in place:
                    raise place.error("a linear leaf; train without linear_tree")
                own = len(rows)
                rows.append((-1, 0.0, own, own, (place / "leaf_value").number()))
                continue
            feature = (place / "split_feature").integer(0, features - 1)
            left = first + len(below)
            rows.append((feature, _threshold(place), left, left + 1, 0.0))
            below += [place / "left_child", place / "right_child"]
        level = below
        if len(rows) + len(level) > MAX_NODES:
            raise root.error(f"more than {MAX_NODES} nodes")
    if level:
        raise root.error(f"more than {MAX_DEPTH} decisions on the way to a leaf")
    columns = [np.asarray(column) for column in zip(*rows, strict=True)]
    feature, threshold, left, right, value = columns
    tree = Tree(feature, threshold, np.stack([left, right], axis=1), value)
    if problem := check_tree(tree, features):
        raise root.error(problem)
    return tree


def _threshold(place: Place) -> float:
    kind = (place / "decision_type").text()
    if kind != "<=":
        raise place.error("a categorical split; encode categories as numbers before training")
    if (place / "missing_type").text() == "Zero":
        raise place.error("zeros count as missing; train with zero_as_missing=false")
    with np.errstate(over="ignore"):  # what is not finite is refused with its tree
        return float(np.nextafter((place / "threshold").number(), np.inf))
