"""ULEEN learns, prunes, resumes bit for bit, becomes its circuit, and refuses what it should."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lutra.circuit import evaluate
from lutra.data import Dataset, Split
from lutra.errors import CheckpointError, RecipeError
from lutra.recipe import Recipe, parse_recipe
from lutra.train import check, restore, train
from lutra.train._checkpoint import load_state, save_state
from lutra.train._train import training_digest
from lutra.weightless import Uleen, UleenModel

from ..conftest import ROOT

SHAPE = {"thresholds": 1, "tuple_bits": [12, 20], "address_bits": [6, 5], "tune_epochs": 2}
TRAIN = {"epochs": 3, "batch": 100, "learning_rate": 2e-2, "beta1": 0.9, "schedule": "cosine"}


def recipe(training: dict[str, Any] | None = None, **model: Any) -> Recipe:
    shape = {"family": "uleen", "dropout": 0.2, "temperature": 3.0, **SHAPE, **model}
    return parse_recipe({"name": "uleen", "model": shape, "train": {**TRAIN, **(training or {})}})


def test_training_learns_and_its_circuit_is_exact(small_mnist: Dataset, tmp_path: Path) -> None:
    shown: list[tuple[str, int, int]] = []
    model = train(recipe(), small_mnist, 3, tmp_path, lambda *figures: shown.append(figures[:3]))
    assert isinstance(model, UleenModel)
    raw = torch.from_numpy(small_mnist.test.x)
    codes = model.codes(raw)
    assert (codes.argmax(1).numpy() == small_mnist.test.y).mean() > 0.65
    assert shown[-1] == ("train", 40, 40) and ("dense", 60, 60) in shown
    for part, kept in zip(model.filters, (66 - 19, 40 - 12), strict=True):
        assert (part.kept.sum(0) == kept).all()
    assert np.array_equal(model.discriminators().scores(small_mnist.test.x), codes.numpy())
    assert codes.min() >= 0
    circuit = model.lower("uleen", small_mnist.classes, small_mnist.features)
    assert np.array_equal(evaluate(circuit, small_mnist.test.x)["scores"], codes.numpy())
    assert torch.equal(restore(recipe(), small_mnist, 3, tmp_path).codes(raw), codes)
    assert torch.equal(train(recipe(), small_mnist, 3, tmp_path).codes(raw), codes)
    assert not list(tmp_path.glob("dense.*.safetensors"))


def test_without_pruning_there_is_one_training(small_mnist: Dataset, tmp_path: Path) -> None:
    shown = set()
    model = train(
        recipe({"epochs": 1}, prune=0.0),
        small_mnist,
        0,
        tmp_path,
        lambda name, *_: shown.add(name),
    )
    assert shown == {"train"}
    assert isinstance(model, UleenModel)
    assert all(part.kept.all() for part in model.filters)


def test_the_most_useful_filters_stay(small_mnist: Dataset) -> None:
    config = recipe().model
    assert isinstance(config, Uleen)
    model = UleenModel(config, small_mnist, 5)
    rows, y = torch.from_numpy(small_mnist.train.x[:300]), small_mnist.train.y[:300]
    network = model.discriminators()
    model.prune(0.3, rows, torch.from_numpy(y))
    bits = network.encode(rows.numpy())
    for part, own in zip(network.parts, model.filters, strict=True):
        at, number = part.addresses(bits), np.arange(len(part.order))[:, None]
        for label, memory in enumerate(part.memories):
            known = memory[number, at].all(2)
            tpr, fpr = known[y == label].mean(0), known[y != label].mean(0)
            use = tpr - fpr
            kept = own.kept[:, label].bool().numpy()
            assert kept.sum() == len(kept) - int(0.3 * len(kept))
            assert use[kept].min() >= use[~kept].max() - 1e-4
            answers = (2.0 * known[:, ~kept] - 1).sum(1).mean() / 2
            assert abs(float(own.bias[label].detach()) - answers) < 1e-4


_KILLED = """
import os, signal, sys
from pathlib import Path
import lutra.train._loop as loop
from tests.conftest import small
from tests.train.test_uleen import recipe
from lutra.train import train

seen, stop = 0, int(sys.argv[2])
loop._CHECKPOINT_SECONDS = 0.0
loop._CHECKPOINT_SHARE = 1e9

def progress(*_):
    global seen
    seen += 1
    if seen == stop:
        os.kill(os.getpid(), signal.SIGKILL)

more = {"ema": 0.9, "augment": {"shift": 1.0}, "mix": {"mixup": 0.8}, "label_smoothing": 0.1}
train(recipe(more), small(), 3, Path(sys.argv[1]), progress)
"""


def test_a_killed_run_resumes_to_the_same_bits(tmp_path: Path) -> None:
    def run(name: str, stop: int) -> int:
        command = [sys.executable, "-c", _KILLED, str(tmp_path / name), str(stop)]
        return subprocess.run(command, cwd=ROOT, timeout=300, env=os.environ).returncode

    assert run("killed", 27) == -signal.SIGKILL  # in the first training
    assert run("killed", 55) == -signal.SIGKILL  # in that of the filters that are kept
    assert run("killed", -1) == 0
    assert run("whole", -1) == 0
    one, other = (
        load_file(tmp_path / name / "train.best.safetensors") for name in ("killed", "whole")
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_damaged_files_are_one_clear_error(small_mnist: Dataset, tmp_path: Path) -> None:
    quick = recipe({"epochs": 1}, tune_epochs=1)
    train(quick, small_mnist, 0, tmp_path)
    path = tmp_path / "train.best.safetensors"
    tensors, header = load_state(path, training_digest(quick, small_mnist, 0))
    for name, wrong in (
        ("parts.1.entries", tensors["parts.1.entries"][:3]),
        ("parts.1.bias", tensors["parts.1.bias"] * float("nan")),
        ("parts.1.bias", tensors["parts.1.bias"] + 1e9),
        ("parts.1.entries", tensors["parts.1.entries"] * 3e38),
        ("parts.1.kept", tensors["parts.1.kept"] / 2),
    ):
        save_state(path, {**tensors, name: wrong}, header)
        with pytest.raises(CheckpointError, match=r"(parts\.|submodel )1"):
            restore(quick, small_mnist, 0, tmp_path)
    with pytest.raises(CheckpointError, match="another recipe"):
        train(recipe(hashes=3), small_mnist, 0, tmp_path)


def test_what_does_not_fit_is_refused(small_mnist: Dataset) -> None:
    with pytest.raises(RecipeError, match="tuple_bits has 900, but features have 784 bits"):
        check(recipe(tuple_bits=[12, 900]), small_mnist, 0)
    with pytest.raises(RecipeError, match=r"model\.window is for images"):
        check(recipe(window=9), Dataset(**{**vars(small_mnist), "image": None}), 0)
    none = Split(small_mnist.train.x[:0], small_mnist.train.y[:0])
    with pytest.raises(RecipeError, match="chosen on validation"):
        check(recipe(), Dataset(**{**vars(small_mnist), "validation": none}), 0)
    with pytest.raises(RecipeError, match="tuple_bits names 1 submodels, address_bits 2"):
        recipe(tuple_bits=[12])
    with pytest.raises(RecipeError, match=r"no use for train\.weight_decay, train\.flips"):
        recipe({"weight_decay": 0.1, "flips": 0.1})
