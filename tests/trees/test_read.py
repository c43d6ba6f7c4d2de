"""Models of XGBoost and LightGBM: read as they mean it; anything else is one clear error."""

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

from lutra.errors import ModelError
from lutra.trees import Features, Forest, parse_model, quantise, read_model

from .random_forests import scores_of

OBJECTIVES = ["binary:logistic", "multi:softmax", "multi:softprob"]


def table(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 8, (400, 5))
    return x, ((x[:, 0] + x[:, 1] * x[:, 2] > 3).astype(int) + (x[:, 3] > 4) * (classes > 2))


def boosted(objective: str, path: Path, **parameters: Any) -> Any:
    classes = 2 if objective.startswith("binary") else 3
    x, y = table(classes)
    parameters |= {"objective": objective, "max_depth": 4, "seed": 1, "nthread": 1}
    if classes > 2:
        parameters["num_class"] = classes
    booster = xgboost.train(parameters, xgboost.DMatrix(x.astype(np.float32), label=y), 5)
    booster.save_model(path)
    return booster


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("models")
    boosted("multi:softprob", folder / "x.json")
    return json.loads((folder / "x.json").read_text())


@pytest.fixture(scope="module")
def dumped() -> dict[str, Any]:
    x, y = table(3)
    parameters = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    model = lightgbm.train(parameters, lightgbm.Dataset(x.astype(float), label=y), 3)
    return json.loads(json.dumps(model.dump_model()))


def margins(forest: Forest, x: np.ndarray) -> np.ndarray:
    scores = scores_of(forest, x)
    return scores[:, 0] if scores.shape[1] == 1 else scores


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("extra", [{}, {"base_score": 0.3}, {"num_parallel_tree": 2}])
def test_scores_are_xgboosts(objective: str, extra: dict[str, Any], tmp_path: Path) -> None:
    booster = boosted(objective, tmp_path / "m.json", **extra)
    x = table(2)[0][:60]
    expected = booster.predict(xgboost.DMatrix(x.astype(np.float32)), output_margin=True)
    found = margins(read_model(tmp_path / "m.json"), x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_one_base_score_stands_for_all(saved: dict[str, Any]) -> None:
    """Before version 3, a model had a single one, as plain text."""
    old = copy.deepcopy(saved)
    old["learner"]["learner_model_param"]["base_score"] = "5E-1"
    assert parse_model(old, "old").bias.tolist() == [0.5] * 3
    old["learner"]["objective"]["name"] = "binary:logistic"
    old["learner"]["learner_model_param"] |= {"num_class": "0", "base_score": "2.5E-1"}
    old["learner"]["gradient_booster"]["model"]["tree_info"] = [0] * 15
    assert parse_model(old, "old").bias == pytest.approx([math.log(1 / 3)])


@pytest.mark.parametrize("objective", ["binary", "multiclass", "multiclassova"])
def test_scores_are_lightgbms(objective: str, tmp_path: Path) -> None:
    x, y = table(2 if objective == "binary" else 3)
    parameters = {"objective": objective, "verbose": -1, "num_threads": 1, "num_leaves": 9}
    if objective != "binary":
        parameters["num_class"] = 3
    model = lightgbm.train(parameters, lightgbm.Dataset(x.astype(float), label=y), 5)
    (tmp_path / "m.json").write_text(json.dumps(model.dump_model()))
    expected = model.predict(x[:60].astype(float), raw_score=True)
    found = margins(read_model(tmp_path / "m.json"), x[:60])
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_decisions_survive_quantisation(objective: str, tmp_path: Path) -> None:
    booster = boosted(objective, tmp_path / "m.json")
    x = table(2)[0]
    forest = quantise(read_model(tmp_path / "m.json"), 8, Features(5, 4, True, 4))
    real = booster.predict(xgboost.DMatrix(x.astype(np.float32)), output_margin=True)
    expected = real.argmax(1) if real.ndim > 1 else real > 0
    assert (forest.codes(x).argmax(1) == expected).mean() > 0.98


def test_lightgbm_sends_equals_to_the_left() -> None:
    leaf = [{"leaf_value": 0.0}, {"leaf_value": 1.0}]
    node = {"split_feature": 0, "threshold": 3.0, "decision_type": "<=", "missing_type": "None"}
    tree = {"tree_structure": {**node, "left_child": leaf[0], "right_child": leaf[1]}}
    model = {"objective": "binary sigmoid:1", "num_tree_per_iteration": 1, "max_feature_idx": 0}
    forest = parse_model(model | {"tree_info": [tree]}, "m")
    raw = np.arange(8)[:, None]
    codes = quantise(forest, 1, Features(1, 3, False, 3)).codes(raw)
    assert codes[:, 1].tolist() == [codes[0, 1]] * 4 + [codes[0, 1] + 1] * 4


Change = Callable[[dict[str, Any]], object]


def tree(model: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return model["learner"]["gradient_booster"]["model"]["trees"][number]


def put(*path: str | int, value: Any) -> Change:
    def change(model: Any) -> None:
        for key in path[:-1]:
            model = model[key]
        model[path[-1]] = value

    return change


LEARNER, MODEL = "learner", ("learner", "gradient_booster", "model")
PARAMETERS = (LEARNER, "learner_model_param")
TREE = (*MODEL, "trees", 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(LEARNER, value=[]), "learner: 'objective' is missing"),
        (put(LEARNER, "objective", "name", value="reg:squarederror"), "no classification"),
        (put(LEARNER, "objective", "name", value=3), "name: '3' is not a text"),
        (put(LEARNER, "objective", "name", value="binary:logistic"), "of 3 classes"),
        (put(LEARNER, "gradient_booster", "name", value="dart"), "'dart'; only 'gbtree'"),
        (put(*PARAMETERS, "num_feature", value="x"), "'x' is not a whole number from 1"),
        (put(*PARAMETERS, "num_feature", value="9" * 5000), "is not a whole number"),
        (put(*PARAMETERS, "num_feature", value="²"), "is not a whole number"),
        (put(*PARAMETERS, "num_feature", value="2"), "feature beyond the model's 2"),
        (put(*PARAMETERS, "num_class", value=True), "'True' is not a whole number"),
        (put(*PARAMETERS, "base_score", value="[1,2]"), "2 numbers for 3 scores"),
        (put(*PARAMETERS, "base_score", value="[1,2"), "not a number or a list"),
        (put(*PARAMETERS, "base_score", value="[" * 100_000), "not a number or a list"),
        (put(*PARAMETERS, "base_score", value='["a",2,3]'), "not all are numbers"),
        (put(*MODEL, "tree_info", value=[0]), "list of 15 numbers"),
        (put(*MODEL, "tree_info", 4, value=3), "beyond the 3"),
        (put(*MODEL, "tree_info", 4, value=1 << 40), "whole numbers of 32 bits"),
        (put(*MODEL, "trees", value={}), "trees: an object is not a list"),
        (put(*TREE, value=7), "trees, 0: 'tree_param' is missing"),
        (put(*TREE, "left_children", 0, value=0), "reached twice"),
        (put(*TREE, "left_children", 0, value=2), "reached twice"),
        (put(*TREE, "left_children", 0, value=1 << 30), "child beyond the"),
        (put(*TREE, "left_children", 0, value=-2), "child beyond the"),
        (put(*TREE, "left_children", 0, value=-1), "node 0 has one child"),
        (put(*TREE, "left_children", 0, value=1.5), "whole numbers of 32 bits"),
        (put(*TREE, "split_indices", 0, value=-4), "feature below 0"),
        (put(*TREE, "split_indices", 0, value=70_000), "feature beyond the model's 5"),
        (put(*TREE, "split_conditions", 0, value=float("nan")), "entry 0 is nan, not a finite"),
        (put(*TREE, "split_conditions", 0, value=1e300), "entry 0 is 1e.300, not a finite"),
        (put(*TREE, "split_conditions", 0, value=10**400), "a number is too large"),
        (put(*TREE, "split_conditions", 0, value=None), "not all are numbers"),
        (put(*TREE, "split_type", 0, value=1), "a categorical split"),
        (put(*TREE, "tree_param", "num_nodes", value="0"), "whole number from 1 to"),
        (put(*TREE, "tree_param", "num_nodes", value="1000000"), "list of 1000000 numbers"),
        (put(*TREE, "tree_param", "size_leaf_vector", value="3"), "leaves are vectors"),
    ],
)
def test_a_bad_xgboost_model_is_one_clear_error(
    saved: dict[str, Any], change: Change, message: str
) -> None:
    model = copy.deepcopy(saved)
    change(model)
    with pytest.raises(ModelError, match=f"m.json, .*{message}"):
        parse_model(model, "m.json")


ROOT = ("tree_info", 0, "tree_structure")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("objective", value="regression"), "no classification"),
        (put("objective", value="binary sigmoid:1"), "of 3 trees per round"),
        (put("num_tree_per_iteration", value=2), "no whole number of rounds"),
        (put("max_feature_idx", value=0), "whole number from 0 to 0"),
        (put("tree_info", value=[]), None),
        (put("tree_info", 0, value=None), "'tree_structure' is missing"),
        (put(*ROOT, "left_child", value=None), "left_child: 'split_feature' is missing"),
        (put(*ROOT, "left_child", value={"leaf_value": "a"}), "'a' is not a number"),
        (put(*ROOT, "left_child", value={"leaf_value": math.inf}), "not a finite number"),
        (put(*ROOT, "left_child", value={"leaf_value": 1, "leaf_coeff": []}), "linear leaf"),
        (put(*ROOT, "decision_type", value="=="), "categorical split"),
        (put(*ROOT, "missing_type", value="Zero"), "zeros count as missing"),
        (put(*ROOT, "threshold", value=math.nan), "not a finite number"),
        (put(*ROOT, "split_feature", value=-1), "whole number from 0 to 4"),
    ],
)
def test_a_bad_lightgbm_model_is_one_clear_error(
    dumped: dict[str, Any], change: Change, message: str | None
) -> None:
    model = copy.deepcopy(dumped)
    change(model)
    if message is None:
        assert parse_model(model, "m.json").trees == ()
        return
    with pytest.raises(ModelError, match=f"m.json.*{message}"):
        parse_model(model, "m.json")


def test_a_tree_that_is_too_deep_is_refused(dumped: dict[str, Any]) -> None:
    model = copy.deepcopy(dumped)
    node: dict[str, Any] = {"leaf_value": 1.0}
    for _ in range(65):
        split: dict[str, Any] = {"split_feature": 0, "threshold": 1.0, "decision_type": "<="}
        node = {
            **split,
            "missing_type": "None",
            "left_child": node,
            "right_child": {"leaf_value": 0},
        }
    model["tree_info"][0]["tree_structure"] = node
    with pytest.raises(ModelError, match="more than 64 decisions"):
        parse_model(model, "m.json")


@pytest.mark.parametrize("text", ["", "[1]", "{}", "[" * 100_000, '{"learner": ', "\xff"])
def test_an_unreadable_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=r"m\.json"):
        read_model(tmp_path / "m.json")
    with pytest.raises(ModelError, match=r"nowhere\.json"):
        read_model(tmp_path / "nowhere.json")
