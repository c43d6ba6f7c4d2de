"""From a recipe to a trained forest: boosting, or a model trained elsewhere."""

import hashlib
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lutra.data import Dataset
from lutra.errors import ModelError, RecipeError
from lutra.files import sha256, write_atomic
from lutra.recipe import Recipe
from lutra.train._boost import Round, boost
from lutra.train._checkpoint import damaged, load_state, save_state
from lutra.train._loop import Progress
from lutra.train._train import training_digest
from lutra.train._trained import NumpyModel
from lutra.trees import (
    Features,
    IntegerForest,
    TreeLut,
    from_arrays,
    lower,
    quantise,
    read_model,
    rescale,
    to_arrays,
)

__all__ = ["check_forest", "restore_forest", "train_forest"]


def check_forest(recipe: Recipe, config: TreeLut, data: Dataset) -> None:
    """Raise RecipeError or ModelError where the recipe or its model does not fit the data."""
    features = _words(recipe, config, data)
    if config.path is not None:
        _read(config.path, data, features, config)


def _words(recipe: Recipe, config: TreeLut, data: Dataset) -> Features:
    """Return the words that trees read."""
    bits = config.feature_bits or data.width
    problem = None
    if bits > data.width:
        problem = f"model.feature_bits = {bits} of words of {data.width}"
    elif config.path is None and recipe.train.select == "best" and not len(data.validation):
        problem = (
            "the number of rounds is chosen on validation, but the validation part is empty: "
            "set data.validation above 0, or train.select = 'last'"
        )
    if problem:
        raise RecipeError(f"recipe {recipe.name!r} on {data.name}: {problem}")
    return Features(data.train.x.shape[1], data.width, data.signed, bits)


def train_forest(
    recipe: Recipe,
    config: TreeLut,
    data: Dataset,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> NumpyModel:
    """Train a forest, or take a finished one over from ``path``; see `lutra.train.train`.

    A finished training is not done again; one that was interrupted starts over, since it takes
    minutes. With ``train.select = "best"`` the rounds up to the best one on validation stay.
    """
    features = _words(recipe, config, data)
    digest = _digest(recipe, config, data, seed)
    result = _result(folder)
    if result.exists():
        return restore_forest(recipe, config, data, seed, folder)
    rows: list[dict[str, Any]] = []
    if config.path is not None:
        forest = _read(config.path, data, features, config)
    else:
        started, best, kept = time.monotonic(), -1.0, None
        for number, found in enumerate(boost(config, data, features, seed), 1):
            rows.append(_figures(number, found, data, config.eta, time.monotonic() - started))
            now = rows[-1]["val_accuracy"] if recipe.train.select == "best" else float(number)
            if now > best:
                best, kept = now, found.forest
            if progress is not None:
                progress("train", number, config.estimators, rows[-1])
        assert kept is not None
        forest = quantise(kept, config.tree_bits, features)
    write_atomic(folder / "train.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    arrays = {name: torch.from_numpy(array) for name, array in to_arrays(forest).items()}
    save_state(result, arrays, {"digest": digest})
    return _model(forest, config)


def restore_forest(
    recipe: Recipe, config: TreeLut, data: Dataset, seed: int, folder: Path
) -> NumpyModel:
    """Return the forest that `train_forest` left in ``folder``."""
    features, path = _words(recipe, config, data), _result(folder)
    tensors, _ = load_state(path, _digest(recipe, config, data, seed))
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    try:
        forest = from_arrays(arrays, len(data.classes), features, str(path))
    except ModelError as error:
        raise damaged(path, str(error).removeprefix(f"{path}: ")) from error
    return _model(forest, config)


def _model(forest: IntegerForest, config: TreeLut) -> NumpyModel:
    return NumpyModel(forest, forest.codes, partial(lower, forest, adder=config.adder))


def _result(folder: Path) -> Path:
    return folder / "train.best.safetensors"


def _digest(recipe: Recipe, config: TreeLut, data: Dataset, seed: int) -> str:
    """Return the fingerprint of a training; that of a model from elsewhere has its file's."""
    digest = training_digest(recipe, data, seed)
    if config.path is None:
        return digest
    return hashlib.sha256(f"{digest} {sha256(_file(config.path))}".encode()).hexdigest()


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; model.path is relative to the recipe")
    return path


def _read(path: str, data: Dataset, features: Features, config: TreeLut) -> IntegerForest:
    forest = read_model(_file(path))
    if forest.classes != len(data.classes):
        raise ModelError(
            f"{path}: a model of {forest.classes} classes; {data.name} has {len(data.classes)}"
        )
    if config.thresholds == "values":
        if forest.features != features.count:
            raise ModelError(
                f"{path}: a model of {forest.features} features; {data.name} has {features.count}"
            )
        step = float(1 << (features.width - features.bits))
        forest = rescale(forest, data.scale * step, data.offset)
    return quantise(forest, config.tree_bits, features)


def _figures(
    number: int, found: Round, data: Dataset, rate: float, seconds: float
) -> dict[str, Any]:
    """Return the log's line of a round; see `lutra.report.Epoch`."""
    loss, right = _judge(found.train, data.train.y)
    return {
        "epoch": number,
        "phase": "train",
        "loss": loss,
        "train_accuracy": right,
        "val_accuracy": _judge(found.validation, data.validation.y)[1]
        if len(data.validation)
        else None,
        "lr": rate,
        "seconds": seconds,
    }


def _judge(scores: NDArray[np.float64], y: NDArray[np.int64]) -> tuple[float, float]:
    """Return the mean cross-entropy, and the share of rows that are right, per cent."""
    logits = scores if scores.shape[1] > 1 else np.pad(scores, ((0, 0), (1, 0)))
    top = logits.max(axis=1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    loss = float((total - logits[np.arange(len(y)), y]).mean())
    return loss, 100 * float((logits.argmax(axis=1) == y).mean())
