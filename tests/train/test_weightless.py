"""One pass over real rows makes a classifier that restores, lowers and refuses what it should."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lutra.circuit import evaluate
from lutra.data import Dataset, Split
from lutra.errors import CheckpointError, RecipeError
from lutra.recipe import Recipe, parse_recipe
from lutra.train import check, restore, train
from lutra.train._checkpoint import load_state, save_state
from lutra.train._train import training_digest


def recipe(**model: Any) -> Recipe:
    small = {"family": "bthowen", "thresholds": 1, "tuple_bits": 28, "address_bits": 8}
    return parse_recipe({"name": "bloom", "model": {**small, **model}})


def test_one_pass_learns_and_restores_and_lowers(small_mnist: Dataset, tmp_path: Path) -> None:
    shown = []
    model = train(
        recipe(),
        small_mnist,
        3,
        tmp_path,
        lambda _phase, done, total, _row: shown.append((done, total)),
    )
    raw = torch.from_numpy(small_mnist.test.x)
    codes = model.codes(raw)
    assert (codes.argmax(1).numpy() == small_mnist.test.y).mean() > 0.7
    assert shown[-1] == (2000, 2000)
    assert torch.equal(restore(recipe(), small_mnist, 3, tmp_path).codes(raw), codes)
    assert torch.equal(train(recipe(), small_mnist, 3, tmp_path).codes(raw), codes)
    found = evaluate(model.lower("bloom", small_mnist.classes), small_mnist.test.x[:100])
    assert np.array_equal(found["scores"], codes[:100].numpy())
    other = train(recipe(), small_mnist, 4, tmp_path / "other")
    assert not torch.equal(other.codes(raw), codes)


def test_damaged_memories_are_one_clear_error(small_mnist: Dataset, tmp_path: Path) -> None:
    train(recipe(), small_mnist, 0, tmp_path)
    path = tmp_path / "train.best.safetensors"
    tensors, header = load_state(path, training_digest(recipe(), small_mnist, 0))
    for wrong in (tensors["memories"][:, :3], tensors["memories"].float()):
        save_state(path, {"memories": wrong.contiguous()}, header)
        with pytest.raises(CheckpointError, match="memories"):
            restore(recipe(), small_mnist, 0, tmp_path)
    with pytest.raises(CheckpointError, match="another recipe"):
        restore(recipe(hashes=3), small_mnist, 0, tmp_path)


def test_what_does_not_fit_is_refused(small_mnist: Dataset) -> None:
    with pytest.raises(RecipeError, match="tuple_bits = 900, but features have 784 bits"):
        check(recipe(tuple_bits=900), small_mnist, 0)
    none = Split(small_mnist.train.x[:0], small_mnist.train.y[:0])
    with pytest.raises(RecipeError, match="chosen on validation"):
        check(recipe(), Dataset(**{**vars(small_mnist), "validation": none}), 0)
    with pytest.raises(RecipeError, match=r"bthowen has no use for mapping\.method, train\.epochs"):
        parse_recipe(
            {
                "name": "bloom",
                "model": {"family": "bthowen"},
                "mapping": {"method": "random"},
                "train": {"epochs": 3},
            }
        )
