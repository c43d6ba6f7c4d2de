"""A small transformer learns digits; another starts from the weights of a published one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lutra.data import Dataset, load
from lutra.errors import CheckpointError, ModelError, RecipeError
from lutra.nn.vision import VisionTransformer, freeze
from lutra.recipe import Recipe, load_recipe, parse_recipe
from lutra.train import _loop, accuracy, check, restore, restore_float, train
from lutra.train._checkpoint import load_state, save_state
from lutra.vit import Vit
from tests.conftest import ROOT, first_rows, local
from tests.nn.vision.test_deit import published

VIT: dict[str, Any] = {
    "name": "small",
    "data": {"name": "cifar10"},
    "model": {
        "family": "vit",
        "layers": 1,
        "heads": 2,
        "dim": 12,
        "patch": 16,
        "mixer": {"kind": "lut", "tables": [12, 12], "candidates": 0},
        "quantised_epochs": 1,
    },
    "train": {"epochs": 1, "batch": 50, "learning_rate": 1e-4, "schedule": "cosine"},
}


@pytest.fixture(scope="module")
def few() -> Dataset:
    whole = load(local("cifar10"), validation=5000)
    return first_rows(whole, train=100, validation=100, test=100)


@pytest.mark.parametrize("mixer", [{"kind": "lut", "tables": [64, 64]}, {"kind": "mlp"}], ids=str)
def test_a_small_transformer_learns_digits(mixer: dict[str, Any], tmp_path: Path) -> None:
    content = load_recipe(ROOT / "recipes" / "vit-mnist-lut.toml").model_dump()
    content["model"] |= {"mixer": mixer, "dim": 48}
    content["train"] |= {"epochs": 3, "batch": 64, "warmup": 50, "ema": 0.95, "augment": {}}
    data = first_rows(load("mnist", validation=5000), train=10_000, validation=1000, test=1000)
    model = train(parse_recipe(content), data, 0, tmp_path)
    x, y = torch.from_numpy(data.test.x), torch.from_numpy(data.test.y)
    found = accuracy(model, x, y)
    assert isinstance(model, VisionTransformer) and model.quantised
    scores = freeze(model).scores(data.test.x)
    assert (scores == model.codes(x).numpy()).all()
    assert found > 60


def test_without_epochs_in_integers_the_model_is_rounded(few: Dataset, tmp_path: Path) -> None:
    recipe = parse_recipe({**VIT, "model": VIT["model"] | {"quantised_epochs": 0}})
    model = train(recipe, few, 0, tmp_path)
    assert isinstance(model, VisionTransformer) and model.quantised
    config = recipe.model
    assert isinstance(config, Vit)
    before = restore_float(recipe, config, few, 0, tmp_path)
    before.quantise()
    again = train(recipe, few, 0, tmp_path)
    x = torch.from_numpy(few.test.x)
    for same in (before, again, restore(recipe, few, 0, tmp_path)):
        assert torch.equal(same.codes(x), model.codes(x))
    assert (freeze(model).scores(few.test.x) == model.codes(x).numpy()).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="records what a GPU does")
def test_recorded_steps_are_those_of_python(
    few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {**VIT, "model": {**VIT["model"], "mixer": {"kind": "lut", "tables": [12, 12]}}}
    content["train"] = {**VIT["train"], "epochs": 4, "augment": {"crop": 2, "mirror": True}}
    recorded = train(parse_recipe(content), few, 0, tmp_path / "recorded").state_dict()
    monkeypatch.setattr(_loop, "_recorded", lambda *_: False)
    plain = train(parse_recipe(content), few, 0, tmp_path / "plain").state_dict()
    assert all(torch.equal(recorded[key], plain[key]) for key in plain)


@pytest.mark.parametrize(
    ("backbone", "says"),
    [
        ({"resize": 512, "patch": 512}, "patches: inputs: 786432 is not within 1 and 65536"),
        (
            {"resize": 1024, "patch": 1, "dim": 8192},
            "1,048,577 tokens have 8,589,942,784 channels of tokens, more than 67,108,864; take",
        ),
        (
            {"resize": 512, "patch": 4},
            "16,385 tokens have 536,936,450 scores, more than 67,108,864; take",
        ),
    ],
)
def test_what_no_integers_can_be_made_of_is_not_trained(
    backbone: dict[str, Any], says: str, few: Dataset
) -> None:
    with pytest.raises(RecipeError, match=f"recipe 'small' on .*{says}"):
        check(parse_recipe({**VIT, "model": VIT["model"] | backbone}), few, 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": None}, "not rows that are no images"),
        ({"width": 12}, "not pixels of 12 bits"),
        ({"signed": True}, "not pixels of signed numbers"),
    ],
)
def test_what_is_no_image_of_bytes_is_refused(
    change: dict[str, Any], says: str, few: Dataset
) -> None:
    with pytest.raises(RecipeError, match=f"needs images of unsigned pixels, 8 bits .*{says}"):
        check(parse_recipe(VIT), Dataset(**{**vars(few), **change}), 0)


def test_one_candidate_is_no_choice() -> None:
    content = {**VIT, "model": VIT["model"] | {"mixer": {"kind": "lut", "tables": [12]}}}
    content["model"]["mixer"]["candidates"] = 1
    with pytest.raises(RecipeError, match="candidates = 1 leaves nothing to select"):
        parse_recipe(content)


def test_weights_of_floats_are_no_integers(few: Dataset, tmp_path: Path) -> None:
    recipe = parse_recipe(VIT)
    train(recipe, few, 0, tmp_path)
    (tmp_path / "float.best.safetensors").replace(tmp_path / "train.best.safetensors")
    with pytest.raises(CheckpointError, match="'integers' is that of another phase"):
        restore(recipe, few, 0, tmp_path)


def test_weights_of_another_shape_are_one_sentence(few: Dataset, tmp_path: Path) -> None:
    train(parse_recipe(VIT), few, 0, tmp_path)
    tensors, header = load_state(tmp_path / "train.best.safetensors")
    for wrong in ({}, {name: tensor[None, None] for name, tensor in tensors.items()}):
        (tmp_path / "train.best.safetensors").unlink()
        save_state(tmp_path / "train.best.safetensors", wrong, header)
        with pytest.raises(CheckpointError, match=r"train\.best\S*: does not fit") as caught:
            restore(parse_recipe(VIT), few, 0, tmp_path)
        assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)


def recipe(path: Path) -> Recipe:
    return parse_recipe({**VIT, "model": {**VIT["model"], "pretrained": str(path)}})


def test_a_training_starts_from_the_weights(few: Dataset, tmp_path: Path) -> None:
    path, moved = tmp_path / "w.safetensors", tmp_path / "moved.safetensors"
    weights = published(12, 1, 16, 5, 10)
    save_file(weights, path)
    train(recipe(path), few, 0, tmp_path / "run")
    model = restore(recipe(path), few, 0, tmp_path / "run")
    assert isinstance(model, torch.nn.Module)
    state = model.state_dict()
    assert torch.allclose(state["positions"], weights["pos_embed"], atol=0.01)
    path.rename(moved)  # its place does not count, its content does
    found = restore(recipe(moved), few, 0, tmp_path / "run")
    assert isinstance(found, torch.nn.Module)
    assert all(torch.equal(x, state[name]) for name, x in found.state_dict().items())
    save_file(published(12, 1, 16, 5, 10, seed=1), moved)
    with pytest.raises(CheckpointError):
        restore(recipe(moved), few, 0, tmp_path / "run")
    with pytest.raises(ModelError, match="relative to the recipe"):
        check(recipe(path), few, 0)
    save_file(published(12, 2, 16, 5, 10), moved)
    with pytest.raises(ModelError, match=r"blocks.1.* is unknown"):
        check(recipe(moved), few, 0)


def test_the_path_is_relative_to_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
name = "small"
[model]
family = "vit"
layers = 1
heads = 1
dim = 4
patch = 7
pretrained = "deit.safetensors"
mixer = { kind = "mlp" }
"""
    (tmp_path / "small.toml").write_text(text)
    model = load_recipe(tmp_path / "small.toml").model
    assert model.family == "vit" and model.pretrained == str(tmp_path / "deit.safetensors")
    monkeypatch.chdir(tmp_path)
    here, there = load_recipe(Path("small.toml")), load_recipe(tmp_path / "small.toml")
    assert here.digest == there.digest and here.circuit_digest == there.circuit_digest
