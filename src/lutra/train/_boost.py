"""Boosting in steps of the hardware's numbers, one round at a time, by XGBoost."""

import json
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.data import Dataset, Split
from lutra.errors import LutraError, missing_extra
from lutra.trees import Features, Forest, Tree, TreeLut, parse_model

__all__ = ["Round", "boost"]

Reals = NDArray[np.float64]


class Round(NamedTuple):
    """What a round of boosting left."""

    forest: Forest
    """All trees so far, their leaves in whole steps above the least one."""
    train: Reals
    """Scores of the train rows, (rows, scores)."""
    validation: Reals
    """Scores of the validation rows."""


def boost(config: TreeLut, data: Dataset, features: Features, seed: int) -> Iterator[Round]:
    """Yield the forest after each round.

    A round's leaves are cut to whole steps before the next round looks at what is left to do, so
    that later trees mend what quantisation does to earlier ones. The step is the range of the
    first round's widest tree over ``2**tree_bits - 1``; wider trees are cut to that range. The
    published way, to quantise the finished forest, gives these forests unchanged.

    One thread and a seed per round make equal seeds give equal forests.
    """
    xgboost = _xgboost()
    binary = len(data.classes) == 2
    scores = 1 if binary else len(data.classes)
    parts = [_Part(xgboost, split, features, scores) for split in (data.train, data.validation)]
    parameters = _parameters(config, scores)
    forest = Forest((), (), np.zeros(scores), features.count, "the trained forest")
    step = 0.0
    for number in range(config.estimators):
        draw = np.random.SeedSequence([seed, number]).generate_state(1)
        seeded = parameters | {"seed": int(draw[0]) >> 1}
        try:
            booster = xgboost.train(seeded, parts[0].rows(), 1)
        except xgboost.core.XGBoostError as error:
            reason = next(iter(str(error).splitlines()), "").rpartition("] ")[2]
            raise LutraError(f"XGBoost refuses the recipe's [model]: {reason}") from error
        new = parse_model(json.loads(bytes(booster.save_raw("json"))), forest.where)
        if not number:
            reach = max(float(np.ptp(tree.leaves)) for tree in new.trees)
            step = (reach or 1.0) / ((1 << config.tree_bits) - 1)
        trees = tuple(_stepped(tree, step, config.tree_bits) for tree in new.trees)
        forest = replace(forest, trees=forest.trees + trees, groups=forest.groups + new.groups)
        for part in parts:
            part.add(booster, trees, new.groups)
        yield Round(forest, parts[0].scores, parts[1].scores)


class _Part:
    """Rows as XGBoost wants them, and the scores that they have so far."""

    def __init__(self, xgboost: ModuleType, split: Split, features: Features, scores: int) -> None:
        self.count = len(split)
        self.scores = np.zeros((self.count, scores))
        words = features.read(split.x).astype(np.float32)  # at most 24 bits: exact
        self._rows = xgboost.DMatrix(words, label=split.y, nthread=1) if self.count else None

    def rows(self) -> Any:
        """Return the rows, to be trained from the scores they have."""
        assert self._rows is not None
        self._rows.set_base_margin(self.scores.astype(np.float32))
        return self._rows

    def add(self, booster: Any, trees: tuple[Tree, ...], groups: tuple[int, ...]) -> None:
        """Add what new trees say."""
        if self.count:
            leaves = booster.predict(self.rows(), pred_leaf=True).astype(np.int64)
            for tree, group, leaf in zip(
                trees, groups, leaves.reshape(self.count, -1).T, strict=True
            ):
                self.scores[:, group] += tree.value[leaf]


def _parameters(config: TreeLut, scores: int) -> dict[str, Any]:
    kind: dict[str, Any] = {"objective": "binary:logistic"}
    if scores > 1:
        kind = {"objective": "multi:softprob", "num_class": scores}
    if config.leaves is not None:
        kind |= {"grow_policy": "lossguide", "max_leaves": config.leaves}
    same = "eta", "min_child_weight", "max_delta_step", "gamma", "reg_lambda", "reg_alpha"
    return (
        kind
        | {name: getattr(config, name) for name in (*same, "subsample")}
        | {
            "colsample_bytree": config.colsample,
            "max_depth": config.depth or 0,
            "base_score": 0.5,
            "tree_method": "hist",
            "nthread": 1,
            "verbosity": 0,
        }
    )


def _stepped(tree: Tree, step: float, bits: int) -> Tree:
    """Return the tree with leaves in whole steps above the least one, 2**bits - 1 at most."""
    least = tree.leaves.min()
    codes = np.rint((tree.value - least) / step).clip(0, (1 << bits) - 1)
    return replace(tree, value=np.where(tree.feature < 0, least + codes * step, 0.0))


def _xgboost() -> ModuleType:
    try:
        import xgboost
    except ImportError as error:
        raise LutraError(missing_extra("Training a forest", "xgboost", "trees")) from error
    return xgboost
