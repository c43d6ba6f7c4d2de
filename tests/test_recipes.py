"""Every recipe of the repository: per sample == table domain, torch == circuit == RTL."""

import copy
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from lutra.circuit import evaluate
from lutra.data import Dataset, Split, load
from lutra.nn._norm import BatchNorm
from lutra.nn.families import FamilyModel
from lutra.nn.vision import VisionTransformer, freeze
from lutra.passes import pipeline
from lutra.recipe import load_recipe
from lutra.report import published
from lutra.train import build, check, train
from lutra.trees import TreeLut
from lutra.verify import verify_rtl
from lutra.vit import Cct, Vit, load_integer, save_integer
from lutra.weightless import Uleen

from .conftest import local

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))
LARGE = {
    "amigolut-jsc-s-x32",
    "amigolut-neuralut-mnist-x4",
    "bthowen-mnist-l",
    "bthowen-mnist-xl",
    "conv-mnist-lut6",
    "conv-mnist-s",
    "cct-2-cifar10-lut-cutmix",
    "cct-2-cifar10-mlp-cutmix",
    "cct-2-tiny-imagenet-32-lut",
    "cct-2-tiny-imagenet-32-mlp",
    "difflogic-mnist-small",
    "dwn-cifar10",
    "dwn-jsc-2400",
    "finn-mnist-lfc",
    "finn-mnist-sfc",
    "kanele-mnist",
    "logicnets-jsc-l",
    "lut6-2x2000-mnist",
    "polylut-add2-jsc-xl",
    "polylut-jsc-xl",
    "uleen-mnist-l",
    "uleen-mnist-m",
}
"""Tables of many megabits or by ten thousands, unpruned edges, wide sums: minutes to simulate. Or
images by the hundred thousand, or the network of another recipe or nearly so."""
NETWORKS, OTHERS, VISION = [], [], []
for path in RECIPES:
    marks = [pytest.mark.slow, pytest.mark.timeout(3000)] if path.stem in LARGE else []
    kind = type(load_recipe(path).model)
    known = NETWORKS if issubclass(kind, FamilyModel) else VISION if kind in (Vit, Cct) else OTHERS
    known.append(pytest.param(path, id=path.stem, marks=marks))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_named_as_its_file_and_finds_its_published_row(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    if recipe.published is not None:
        methods = [point.method for point in published(recipe.published.dataset)]
        assert recipe.published.method in methods


@cache
def data(name: str, width: int, clip: float) -> Dataset:
    return load(local(name), validation=0.1, width=width, clip=clip)


@pytest.mark.parametrize("path", NETWORKS)
def test_contract(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path)
    whole = data(recipe.data.name, recipe.data.width, recipe.data.clip)
    model = build(recipe, whole, seed=1)
    raw = torch.from_numpy(whole.train.x[:512])
    exact = copy.deepcopy(model).double()
    assert torch.equal(exact(raw[:64]), copy.deepcopy(exact).forward_samples(raw[:64]))
    for norm in model.modules():
        if isinstance(norm, BatchNorm):
            norm.momentum = 1.0  # running statistics are this batch's
    model(raw)
    circuit = pipeline(
        model.lower(recipe.name, whole.classes, whole.features), recipe.hardware.register_every
    )
    rows = whole.test.x[:200]
    codes = model.codes(torch.from_numpy(rows)).numpy()
    assert np.array_equal(evaluate(circuit, rows)["scores"], codes)
    assert len(np.unique(codes, axis=0)) > 1, "the outputs must depend on the inputs"
    assert verify_rtl(circuit, rows, tmp_path).samples == 200


@pytest.mark.parametrize("path", OTHERS)
def test_contract_of_what_is_no_network(path: Path, tmp_path: Path) -> None:
    """Trained on some rows, for some rounds or epochs."""
    recipe = load_recipe(path)
    whole = data(recipe.data.name, recipe.data.width, recipe.data.clip)
    check(recipe, whole, 1)
    few = {TreeLut: {"estimators": 5}, Uleen: {"tune_epochs": 1}}
    model = recipe.model.model_copy(update=few.get(type(recipe.model), {}))
    short = recipe.train.model_copy(update={"epochs": 1})
    part = replace(whole, train=Split(whole.train.x[:2000], whole.train.y[:2000]))
    trained = train(recipe.model_copy(update={"model": model, "train": short}), part, 1, tmp_path)
    bare, hardware = trained.lower(recipe.name, whole.classes, whole.features), recipe.hardware
    circuit = pipeline(
        bare, hardware.register_every, hardware.register_encoder, hardware.register_sums
    )
    rows = whole.test.x[:200]
    codes = trained.codes(torch.from_numpy(rows)).numpy()
    found = evaluate(circuit, rows)
    assert np.array_equal(found["scores"], codes)
    assert np.array_equal(found["class"][:, 0], codes.argmax(1))
    assert len(np.unique(codes, axis=0)) > 1, "the outputs must depend on the inputs"
    assert verify_rtl(circuit, rows, tmp_path / "rtl").samples == 200


@pytest.mark.parametrize("path", VISION)
def test_contract_of_vision_transformers(path: Path, tmp_path: Path) -> None:
    """Trained on some rows, an epoch in floating point and one in integers."""
    recipe = load_recipe(path)
    whole = data(recipe.data.name, recipe.data.width, recipe.data.clip)
    short = recipe.train.model_copy(update={"epochs": 1, "warmup": 0})
    part = replace(whole, train=Split(whole.train.x[:512], whole.train.y[:512]))
    trained = train(recipe.model_copy(update={"train": short}), part, 1, tmp_path)
    assert isinstance(trained, VisionTransformer)
    save_integer(freeze(trained), tmp_path / "integer.safetensors")
    rows = whole.test.x[:200]
    codes = trained.codes(torch.from_numpy(rows)).numpy()
    assert np.array_equal(load_integer(tmp_path / "integer.safetensors").scores(rows), codes)
    assert len(np.unique(codes, axis=0)) > 1, "the outputs must depend on the inputs"
