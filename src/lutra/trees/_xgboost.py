"""Forests from the JSON that XGBoost saves (``Booster.save_model``); XGBoost is not needed."""

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutra.trees._forest import MAX_NODES, Forest, Tree, check_tree
from lutra.trees._json import Place

__all__ = ["MAX_CLASSES", "MAX_FEATURES", "MAX_TREES", "from_xgboost"]

MAX_TREES, MAX_CLASSES, MAX_FEATURES = 1 << 17, 1 << 12, 1 << 24
_OBJECTIVES = ("binary:logistic", "multi:softmax", "multi:softprob")


def from_xgboost(content: dict[str, Any], where: str) -> Forest:
    """Return the forest of a saved model.

    Features are compared with float32 thresholds, ``x < t`` goes left. A feature is always
    present in a fixed-point word, so that the direction of missing ones has no meaning.

    Raises
    ------
    ModelError
        The content is malformed, or the model is none of trees for classification.
    """
    learner = Place(content, where) / "learner"
    objective = (learner / "objective" / "name").text()
    if objective not in _OBJECTIVES:
        known = ", ".join(_OBJECTIVES)
        raise learner.error(f"objective {objective!r} is no classification: train with {known}")
    booster = learner / "gradient_booster"
    if (name := (booster / "name").text()) != "gbtree":
        raise booster.error(f"booster {name!r}; only 'gbtree' is understood")
    parameters = learner / "learner_model_param"
    features = (parameters / "num_feature").integer(1, MAX_FEATURES)
    classes = (parameters / "num_class").integer(0, MAX_CLASSES)
    binary = objective == "binary:logistic"
    if binary != (classes < 2):
        raise parameters.error(f"{objective} of {classes} classes")
    scores = 1 if binary else classes
    places = (booster / "model" / "trees").items(MAX_TREES)
    owners = booster / "model" / "tree_info"
    groups = owners.integers(len(places))
    if groups.size and not 0 <= groups.min() <= groups.max() < scores:
        raise owners.error(f"a tree adds to a score beyond the {scores}")
    trees = tuple(_tree(place, features) for place in places)
    bias = _bias(parameters / "base_score", scores, binary)
    return Forest(trees, tuple(groups.tolist()), bias, features, where, np.float32)


def _bias(place: Place, scores: int, binary: bool) -> NDArray[np.float64]:
    """Return what the scores start from: before version 3 one number, then one per score."""
    try:
        value = json.loads(place.text())
    except (ValueError, RecursionError):
        raise place.error(f"{place.text()[:40]!r} is not a number or a list of them") from None
    values = value if isinstance(value, list) else [value]
    bias = Place(values, place.where).reals(len(values))
    if len(bias) not in (1, scores):
        raise place.error(f"{len(bias)} numbers for {scores} scores")
    if not binary:
        return np.broadcast_to(bias, scores).copy()
    if not 0 < bias[0] < 1:
        raise place.error(f"{bias[0]} is not a probability between 0 and 1")
    return np.asarray([math.log(bias[0]) - math.log1p(-bias[0])])


def _tree(place: Place, features: int) -> Tree:
    form = place / "tree_param"
    count = (form / "num_nodes").integer(1, MAX_NODES)
    if "size_leaf_vector" in form and (form / "size_leaf_vector").integer(0, 1 << 31) > 1:
        raise place.error("its leaves are vectors; train with multi_strategy='one_output_per_tree'")
    if "split_type" in place and (place / "split_type").integers(count).any():
        raise place.error("a categorical split; encode categories as numbers before training")
    left, right = ((place / f"{side}_children").integers(count) for side in ("left", "right"))
    conditions = (place / "split_conditions").reals(count)
    asked = (place / "split_indices").integers(count)
    leaf = left == -1
    if (leaf != (right == -1)).any():
        raise place.error(f"node {int((leaf != (right == -1)).argmax())} has one child")
    if (asked[~leaf] < 0).any():
        raise place.error("a split of a feature below 0")
    own = np.arange(count)[:, None]
    tree = Tree(
        np.where(leaf, -1, asked),
        conditions,
        np.where(leaf[:, None], own, np.stack([left, right], axis=1)),
        np.where(leaf, conditions, 0.0),
    )
    if problem := check_tree(tree, features):
        raise place.error(problem)
    return tree
