"""Shared fixtures: the real data sets, from the data folder beside the project or the cache."""

import copy
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

from lutra.data import Dataset, Split, load
from lutra.recipe import Recipe, parse_recipe

ROOT = Path(__file__).parents[1]

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
torch.set_num_threads(1)  # the suite runs one process per core


BESIDE = ROOT.parent / "shared" / "data"
if "LUTRA_DATA" not in os.environ and BESIDE.is_dir():
    os.environ["LUTRA_DATA"] = str(BESIDE)  # a data folder beside the project, where there is one


LOCAL = {
    "cifar10": "cifar10",
    "jsc-pythia": "jsc_pythia",
    "nid": "nid_unsw_nb15",
    "tiny-imagenet-32": "tiny_imagenet32",
}
"""Sets that Lutra does not fetch, and their folders."""


def local(name: str) -> str:
    """Return the name of a data set; skip the test where it is one that is not at hand."""
    folder = os.environ.get("LUTRA_DATA")
    if name in LOCAL and not (folder and (Path(folder) / LOCAL[name]).is_dir()):
        pytest.skip(f"{name} is not fetched, and LUTRA_DATA does not hold it")
    return name


def first_rows(whole: Dataset, **rows: int) -> Dataset:
    """The first so many rows of each part that is named."""
    parts = {name: getattr(whole, name) for name in rows}
    cut = {name: Split(part.x[: rows[name]], part.y[: rows[name]]) for name, part in parts.items()}
    return replace(whole, **cut)


def small() -> Dataset:
    """MNIST's first 2,000 training images, 500 of them to validate, and 500 to test."""
    whole = load("mnist", validation=5000)
    return first_rows(whole, train=2000, validation=500, test=500)


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """Full MNIST with 5,000 validation images."""
    return load("mnist", validation=5000)


@pytest.fixture(scope="session")
def small_mnist() -> Dataset:
    """The same as `small`."""
    return small()


TINY = {
    "name": "tiny",
    "data": {"name": "mnist", "validation": 500},
    "model": {
        "family": "neuralut-assemble",
        "hidden_layers": [60, 20, 30, 10],
        "support_layers": [0, 1, 0, 1],
        "input_bitwidth": 1,
        "hidden_bitwidth": 1,
        "support_bitwidth": 2,
        "output_bitwidth": 4,
        "input_fanin": 6,
        "hidden_fanin": 4,
        "support_fanin": 3,
        "width_n": 4,
    },
    "mapping": {"dense": "skip", "epochs": 1},
    "train": {
        "epochs": 2,
        "batch": 100,
        "learning_rate": 5e-3,
        "schedule": "cosine",
        "flips": 0.01,
    },
}


@pytest.fixture
def tiny_content() -> dict[str, Any]:
    """The content of a recipe of 120 tables on MNIST that trains in seconds."""
    return copy.deepcopy(TINY)


@pytest.fixture
def tiny_recipe(tiny_content: dict[str, Any]) -> Recipe:
    """The same, parsed."""
    return parse_recipe(tiny_content)
