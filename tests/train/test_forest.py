"""Training forests: by boosting, from files, and what cannot be trained."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xgboost

from lutra.circuit import evaluate
from lutra.data import Dataset
from lutra.errors import CheckpointError, LutraError, ModelError, RecipeError
from lutra.recipe import Recipe, load_recipe, parse_recipe
from lutra.train import check, restore, train
from lutra.train._trained import NumpyModel
from lutra.trees import Features, IntegerForest, quantise, read_model, rescale
from lutra.verify import verify_rtl

BOOSTING = {
    "estimators": 12,
    "leaves": 6,
    "eta": 1.0,
    "max_delta_step": 0.6,
    "feature_bits": 1,
    "tree_bits": 2,
    "colsample": 0.2,
}


def recipe(*, select: str = "last", **model: Any) -> Recipe:
    content = {"name": "forest", "model": {"family": "treelut", **(model or BOOSTING)}}
    return parse_recipe({**content, "train": {"select": select}})


def forest(model: object) -> IntegerForest:
    assert isinstance(model, NumpyModel) and isinstance(model.source, IntegerForest)
    return model.source


def test_a_forest_learns_and_its_circuit_is_exact(small_mnist: Dataset, tmp_path: Path) -> None:
    seen: list[tuple[Any, ...]] = []
    model = train(recipe(), small_mnist, 0, tmp_path, lambda *figures: seen.append(figures))
    codes = model.codes(torch.from_numpy(small_mnist.test.x)).numpy()
    right = codes.argmax(1) == small_mnist.test.y
    assert right.mean() > 0.75
    circuit = model.lower("forest", small_mnist.classes, small_mnist.features)
    assert np.array_equal(evaluate(circuit, small_mnist.test.x)["scores"], codes)
    verify_rtl(circuit, small_mnist.test.x[:200], tmp_path / "rtl", every=1)
    assert [figures[:3] for figures in seen] == [("train", n, 12) for n in range(1, 13)]
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [figures[3] for figures in seen] == rows
    validation = model.codes(torch.from_numpy(small_mnist.validation.x)).numpy().argmax(1)
    found = 100 * (validation == small_mnist.validation.y).mean()
    assert rows[-1]["val_accuracy"] == pytest.approx(found, abs=0.5)  # biases are rounded once
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_quantising_the_finished_forest_gives_it_unchanged(
    small_mnist: Dataset, tmp_path: Path
) -> None:
    """Leaves lie on the grid that the published way finds, the first round's widest tree on all."""
    model = train(recipe(**BOOSTING | {"tree_bits": 3}), small_mnist, 0, tmp_path)
    widest = [int(tree.value.max()) for tree in forest(model).trees]
    assert max(widest) == max(widest[:10]) == 7


def test_equal_seeds_give_equal_forests_in_any_process(
    small_mnist: Dataset, tmp_path: Path
) -> None:
    for seed in (0, 1):
        train(recipe(), small_mnist, seed, tmp_path / str(seed))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lutra.train import train\n"
        "from tests.conftest import small\n"
        "from tests.train.test_forest import recipe\n"
        "train(recipe(), small(), 0, Path(sys.argv[1]))\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], check=True, cwd=root)
    first, second, again = (
        (tmp_path / name / "train.best.safetensors").read_bytes() for name in ("0", "1", "x")
    )
    assert first == again != second


def test_a_finished_training_is_kept_and_restored(small_mnist: Dataset, tmp_path: Path) -> None:
    raw = torch.from_numpy(small_mnist.test.x)
    codes = train(recipe(), small_mnist, 0, tmp_path).codes(raw)
    path = tmp_path / "train.best.safetensors"
    before = path.stat().st_mtime_ns
    assert torch.equal(train(recipe(), small_mnist, 0, tmp_path).codes(raw), codes)
    assert torch.equal(restore(recipe(), small_mnist, 0, tmp_path).codes(raw), codes)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(CheckpointError, match="another recipe, seed or data set"):
        train(recipe(**BOOSTING | {"eta": 0.9}), small_mnist, 0, tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-8] + b"\xff" * 8)
    with pytest.raises(CheckpointError, match=r"train\.best\.safetensors: .*; delete it"):
        restore(recipe(), small_mnist, 0, tmp_path)


def test_the_best_round_is_kept(small_mnist: Dataset, tmp_path: Path) -> None:
    model = train(recipe(select="best", **BOOSTING), small_mnist, 0, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    accuracies = [row["val_accuracy"] for row in rows]
    assert len(accuracies) == 12
    assert len(forest(model).trees) == 10 * (1 + int(np.argmax(accuracies)))


def test_a_model_from_elsewhere(small_mnist: Dataset, tmp_path: Path) -> None:
    x, y = small_mnist.train.x, small_mnist.train.y
    parameters = {"objective": "multi:softmax", "num_class": 10, "max_depth": 3, "nthread": 1}
    values = x * small_mnist.scale + small_mnist.offset
    for name, rows in (("words", x), ("values", values)):
        data = xgboost.DMatrix(rows.astype(np.float32), label=y)
        xgboost.train(parameters, data, 3).save_model(tmp_path / f"{name}.json")
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\n[model]\nfamily = "treelut"\npath = "{name}.json"\n'
            f'thresholds = "{name}"\ntree_bits = 4\n'
        )
        ours = load_recipe(tmp_path / f"{name}.toml")
        model = train(ours, small_mnist, 0, tmp_path / name)
        codes = model.codes(torch.from_numpy(small_mnist.test.x)).numpy()
        assert (codes.argmax(1) == small_mnist.test.y).mean() > 0.7
        if name == "words":
            forest = read_model(tmp_path / "words.json")
            features = Features(784, small_mnist.width, False, small_mnist.width)
            expected = quantise(forest, 4, features).codes(small_mnist.test.x)
            assert np.array_equal(codes, expected)
    moved = tmp_path / "words.json"
    moved.write_text(moved.read_text() + " ")
    with pytest.raises(CheckpointError, match="another recipe"):
        train(load_recipe(tmp_path / "words.toml"), small_mnist, 0, tmp_path / "words")
    moved.unlink()
    with pytest.raises(ModelError, match=r"words\.json: no such model file"):
        train(load_recipe(tmp_path / "words.toml"), small_mnist, 0, tmp_path / "new")


@pytest.mark.parametrize("width", [5, 9, 12])
def test_thresholds_on_values_send_every_row_to_its_leaf(tmp_path: Path, width: int) -> None:
    rng = np.random.default_rng(width)
    scale, offset = rng.uniform(1e-3, 2, 4), rng.normal(0, 50, 4)
    x = rng.integers(0, 1 << width, (3000, 4))
    y = ((x[:, 0] ^ x[:, 1]) >> (width - 1)) & 1
    rows = xgboost.DMatrix((x * scale + offset).astype(np.float32), label=y)
    shape = {"objective": "binary:logistic", "max_depth": 6, "nthread": 1, "tree_method": "hist"}
    booster = xgboost.train(shape, rows, 8)
    booster.save_model(tmp_path / "m.json")
    found = read_model(tmp_path / "m.json")
    words = rescale(found, scale, offset)
    leaves = booster.predict(rows, pred_leaf=True).astype(np.int64)
    for tree, leaf in zip(words.trees, leaves.T, strict=True):
        node = np.zeros(len(x), np.int64)
        for _ in range(6):
            right = x[np.arange(len(x)), tree.feature[node].clip(0)] >= tree.threshold[node]
            node = tree.children[node, right.astype(int)]
        assert np.array_equal(node, leaf)


def test_what_xgboost_refuses_is_one_sentence(small_mnist: Dataset, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise xgboost.core.XGBoostError("[10:21:13] a.cc:7: Check failed: value\nStack trace:")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xgboost, "train", refuse)
        with pytest.raises(LutraError, match=r"XGBoost refuses the recipe's \[model\]: .*value$"):
            train(recipe(), small_mnist, 0, tmp_path)


def test_a_model_of_other_classes_is_refused(small_mnist: Dataset, tmp_path: Path) -> None:
    parameters = {"objective": "binary:logistic", "nthread": 1}
    data = xgboost.DMatrix(np.eye(4), label=[0, 1, 0, 1])
    xgboost.train(parameters, data, 1).save_model(tmp_path / "m.json")
    two = recipe(path=str(tmp_path / "m.json"))
    with pytest.raises(ModelError, match=r"m\.json: a model of 2 classes; .* has 10"):
        check(two, small_mnist, 0)


def test_a_recipe_that_does_not_fit_is_refused(small_mnist: Dataset) -> None:
    with pytest.raises(RecipeError, match=r"feature_bits = 9 of words of 8"):
        check(recipe(feature_bits=9), small_mnist, 0)
    empty = Dataset(**{**vars(small_mnist), "validation": small_mnist.test.__class__(
        small_mnist.test.x[:0], small_mnist.test.y[:0]
    )})  # fmt: skip
    check(recipe(), empty, 0)
    with pytest.raises(RecipeError, match="the validation part is empty"):
        check(recipe(select="best", **BOOSTING), empty, 0)


def test_without_xgboost_there_is_one_sentence(
    small_mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(LutraError, match=r"needs xgboost: pip install 'lutra\[trees\]'"):
        train(recipe(), small_mnist, 0, tmp_path)
