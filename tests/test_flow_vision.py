"""The way of a small vision transformer, from its recipe to its accelerator."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lutra import flow
from lutra.errors import CircuitError, VerifyError
from lutra.nn.vision import VisionTransformer
from lutra.report import load_result
from lutra.train import restore, restore_float, train_integers
from lutra.train._checkpoint import load_state, save_state
from lutra.vit import IntegerTransformer, Vit, load_integer

from .train.vision import few, weights

RECIPE = """
name = "small"
[data]
name = "mnist"
validation = 5000
[model]
family = "vit"
patch = 7
resize = 14
layers = 1
heads = 2
dim = 8
quantised_epochs = 1
mixer = { kind = "lut", tables = [12], candidates = 8 }
accelerator = { side = 4, images = 3 }
[train]
epochs = 1
batch = 64
learning_rate = 2e-3
"""


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> flow.Run:
    monkeypatch.setattr(flow, "load_data", lambda *_, **__: few())
    (folder / "small.toml").write_text(RECIPE)
    return flow.open_run(folder / "small.toml", folder / "runs")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vision")
    with pytest.MonkeyPatch.context() as patch:
        opened(folder, patch).train()
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> flow.Run:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return opened(tmp_path, monkeypatch)


def test_a_run_leaves_integers_and_an_equal_accelerator(run: flow.Run) -> None:
    run.compile()
    result = load_result(run.result_path)
    assert result.verify is not None and result.verify.samples == 100
    assert result.verify.torch_equals_circuit and not result.verify.exact
    assert result.accuracy is not None and np.sum(result.accuracy.confusion) == 100
    assert load_integer(run.integer_path).shape == (1, 14, 14)
    assert run.pending() == ("verify", "synthesise", "report")
    run.verify()
    result = load_result(run.result_path)
    assert result.verify is not None and result.verify.exact and result.verify.samples == 3
    assert result.accelerator is not None and run.pending() == ("synthesise", "report")
    run.compile()  # the same again leaves what was measured
    assert run.pending() == ("synthesise", "report")
    with pytest.raises(CircuitError, match="has no circuit"):
        run.emit_c()


def test_a_difference_between_torch_and_integers_stops_the_run(
    run: flow.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And an earlier compilation that was equal stays as it was."""
    plain = IntegerTransformer.scores

    def wrong(model: IntegerTransformer, raw: Any) -> Any:
        found = plain(model, raw)
        found[17, 3] ^= 2
        return found

    monkeypatch.setattr(IntegerTransformer, "scores", wrong)
    with pytest.raises(VerifyError, match=r"model and integers differ: .*sample 17"):
        run.compile()
    assert load_result(run.result_path).accuracy is None and not run.integer_path.exists()
    monkeypatch.setattr(IntegerTransformer, "scores", plain)
    run.compile()
    before = run.integer_path.read_bytes()
    model = restore(run.recipe, run.data, run.seed, run.folder)
    assert isinstance(model, VisionTransformer)
    with torch.no_grad():
        model.head.bias.add_(1)
    path = run.folder / "train.best.safetensors"
    save_state(path, model.state_dict(), load_state(path)[1])
    monkeypatch.setattr(IntegerTransformer, "scores", wrong)
    with pytest.raises(VerifyError):
        run.compile()
    assert run.integer_path.read_bytes() == before


def test_test_rows_are_resized_a_few_at_a_time(
    run: flow.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    plain = VisionTransformer.resized

    def resized(model: VisionTransformer, raw: Tensor) -> Tensor:
        sizes.append(len(raw))
        return plain(model, raw)

    monkeypatch.setattr(VisionTransformer, "resized", resized)
    monkeypatch.setattr(flow, "_ROWS", 32)
    run.compile()
    assert sizes == [32, 32, 32, 4]


def test_integers_train_alone_as_a_training_ends(run: flow.Run, tmp_path: Path) -> None:
    config = run.recipe.model
    assert isinstance(config, Vit)
    model = restore_float(run.recipe, config, run.data, run.seed, run.folder)
    assert not model.quantised
    train_integers(run.recipe, config, run.data, run.seed, tmp_path / "alone", model)
    assert weights(tmp_path / "alone") == weights(run.folder)
