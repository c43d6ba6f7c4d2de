"""Training learns, resumes bit for bit after SIGKILL, and refuses foreign or broken state."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from lutra.data import Dataset, Split
from lutra.errors import CheckpointError, LutraError, OutputError, RecipeError
from lutra.nn import Teacher
from lutra.recipe import AugmentConfig, Recipe, TrainConfig, parse_recipe
from lutra.train import _loop, augment, build, restore, train
from lutra.train._checkpoint import load_state, save_state
from lutra.train._schedule import learning_rate
from lutra.train._teacher import teach
from lutra.train._train import training_digest

from ..conftest import ROOT

STATE = "train.best.safetensors"


def test_training_learns_and_is_reproducible(
    tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["train"] |= {"epochs": 6, "learning_rate": 2e-2}
    recipe = parse_recipe(tiny_content)
    torch.manual_seed(1)
    model = train(recipe, small_mnist, 3, tmp_path / "a")
    torch.manual_seed(2)
    train(recipe, small_mnist, 3, tmp_path / "b")
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    log = [json.loads(line) for line in (tmp_path / "a" / "train.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in log] == [1, 2, 3, 4, 5, 6]
    assert log[-1]["loss"] < log[0]["loss"]
    assert max(row["val_accuracy"] for row in log) > 45
    again = restore(recipe, small_mnist, 3, tmp_path / "a")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert not (tmp_path / "a" / "dense.checkpoint.safetensors").exists()


_KILLED = """
import os, signal, sys
from pathlib import Path
import lutra.train._loop as loop
from tests.conftest import TINY, small
from lutra.recipe import parse_recipe
from lutra.train import train

seen, stop = 0, int(sys.argv[2])
loop._CHECKPOINT_SECONDS = 0.0
loop._CHECKPOINT_SHARE = 1e9

def progress(*_):
    global seen
    seen += 1
    if seen == stop:
        os.kill(os.getpid(), signal.SIGKILL)

mapping = {**TINY["mapping"], "method": sys.argv[3], "every": 12, "candidates": 5}
if sys.argv[3] == "select":
    mapping["start"] = "local"
teacher = {"weight": 0.5 * (sys.argv[3] == "local"), "epochs": 1}
more = {"distill": teacher, "ema": 0.9, "augment": {"shift": 1.0}}
if sys.argv[3] == "regrow":
    more["augment"] |= {"rand_operations": 2, "erase": 0.5}
    more |= {"mix": {"mixup": 0.8, "cutmix": 1.0}, "label_smoothing": 0.1}
content = {**TINY, "mapping": mapping, "train": {**TINY["train"], **more}}
train(parse_recipe(content), small(), 3, Path(sys.argv[1]), progress)
"""


@pytest.mark.parametrize("method", ["learned", "local", "select", "regrow"])
def test_a_killed_run_resumes_to_the_same_bits(method: str, tmp_path: Path) -> None:
    def run(name: str, stop: int) -> int:
        command = [sys.executable, "-c", _KILLED, str(tmp_path / name), str(stop), method]
        return subprocess.run(command, cwd=ROOT, timeout=300).returncode

    if method in ("learned", "local"):
        assert run("killed", 7) == -signal.SIGKILL  # in the dense phase, or the teacher's
    assert run("killed", 20) == -signal.SIGKILL  # in the first epoch of the sparse one
    assert run("killed", 17) == -signal.SIGKILL  # in the second
    assert run("killed", -1) == 0
    assert run("whole", -1) == 0
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def weights(folder: Path) -> dict[str, bytes]:
    return {k: v.numpy().tobytes() for k, v in load_file(folder / STATE).items()}


def test_a_foreign_or_broken_checkpoint_is_refused_and_kept(
    tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    recipe = parse_recipe(tiny_content)
    train(recipe, small_mnist, 0, tmp_path)
    with pytest.raises(CheckpointError, match="another recipe, seed or data set"):
        train(recipe, small_mnist, 1, tmp_path)
    tiny_content["train"]["learning_rate"] = 1e-3
    with pytest.raises(CheckpointError, match="another recipe, seed or data set"):
        train(parse_recipe(tiny_content), small_mnist, 0, tmp_path)
    path = tmp_path / "train.checkpoint.safetensors"
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"\xff" * 100, content[:200]):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="not a readable checkpoint"):
            train(recipe, small_mnist, 0, tmp_path)
        assert path.read_bytes() == damaged


@pytest.fixture
def trained(tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path) -> Recipe:
    """A recipe whose finished training lies in ``tmp_path``."""
    tiny_content["mapping"] = {"method": "random"}
    recipe = parse_recipe(tiny_content)
    train(recipe, small_mnist, 0, tmp_path)
    return recipe


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("epoch", None, "'epoch' is None"),
        ("sums", "x", "'sums' is 'x'"),
        ("sums", ["a", 1], r"'sums' is \['a', 1\]"),
        ("step", -5, "at step -5 of epoch"),
        ("history", [{"epoch": 1}], "'history' lacks figures"),
        ("optimizer.0.exp_avg", torch.zeros(3), r"'optimizer.0.exp_avg' has shape \(3,\)"),
        ("optimizer.0.step", None, r"'optimizer.0.step' has shape None"),
        ("optimizer.x", torch.zeros(1), "'optimizer.x' has shape"),
        ("model.levels.0.wires", torch.full((60, 6), 784), "level 0 reads feature 784 of 784"),
        ("model.levels.0.norm.bias", torch.zeros(2), "does not fit the model"),
        ("model.levels.0.norm.bias", None, "does not fit the model"),
        ("model.logit_scale", torch.tensor(torch.nan), "'logit_scale' is not finite"),
    ],
)
def test_a_damaged_checkpoint_is_one_clear_error(
    key: str, value: Any, message: str, trained: Recipe, small_mnist: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "train.checkpoint.safetensors"
    tensors, header = load_state(path, training_digest(trained, small_mnist, 0))
    changed: dict[str, Any] = header if key in header else tensors
    changed[key] = value
    save_state(path, {k: v for k, v in tensors.items() if v is not None}, header)
    with pytest.raises(CheckpointError, match=message) as error:
        train(trained, small_mnist, 0, tmp_path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize("kind", ["select", "regrow"])
def test_a_damaged_state_of_the_rewiring_is_a_clear_error(
    kind: str, tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["mapping"] = {"method": kind}
    recipe = parse_recipe(tiny_content)
    train(recipe, small_mnist, 0, tmp_path)
    path = tmp_path / "train.checkpoint.safetensors"
    tensors, header = load_state(path, training_digest(recipe, small_mnist, 0))
    tensors = {k: v for k, v in tensors.items() if not k.startswith("rewiring.")}
    save_state(path, {**tensors, "rewiring.0": torch.zeros(2)}, header)
    with pytest.raises(CheckpointError, match=r"'[012]\S*' has shape"):
        train(recipe, small_mnist, 0, tmp_path)


def test_damaged_wires_and_logits_are_clear_errors(
    tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["train"]["distill"] = {"weight": 0.5, "epochs": 1}
    recipe = parse_recipe(tiny_content)
    header = {"digest": training_digest(recipe, small_mnist, 0)}
    wires = {"0": torch.zeros(60, 6).long(), "1": torch.zeros(30, 4).long()}
    path = tmp_path / "wiring.safetensors"
    wrong = {"1": wires["0"] + 1}, {"1": wires["1"] + 20}
    for damaged in ({"0": wires["0"]}, *({**wires, **part} for part in wrong)):
        save_state(path, damaged, header)
        with pytest.raises(CheckpointError, match=r"wiring\.safetensors"):
            train(recipe, small_mnist, 0, tmp_path)
    save_state(path, wires, header)
    for damaged in ({}, {"logits": torch.zeros(3, 10)}):
        save_state(tmp_path / "teacher.safetensors", damaged, header)
        with pytest.raises(CheckpointError, match=r"teacher\.safetensors"):
            train(recipe, small_mnist, 0, tmp_path)


def test_a_training_of_other_data_is_refused(
    trained: Recipe, small_mnist: Dataset, tmp_path: Path
) -> None:
    other = Split(small_mnist.train.x, small_mnist.train.y[::-1].copy())
    data = Dataset(**{**vars(small_mnist), "train": other})
    with pytest.raises(CheckpointError, match="another"):
        train(trained, data, 0, tmp_path)
    with pytest.raises(CheckpointError, match="another"):
        restore(trained, data, 0, tmp_path)


def test_a_lost_result_names_the_checkpoint_to_delete(
    trained: Recipe, small_mnist: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "train.best.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"best.*is gone.*train\.checkpoint"):
        train(trained, small_mnist, 0, tmp_path)
    (tmp_path / "train.checkpoint.safetensors").unlink()
    train(trained, small_mnist, 0, tmp_path)


def test_weights_that_are_no_numbers_end_the_training(
    tiny_recipe: Recipe, small_mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def update(optimizer: torch.optim.Optimizer, rate: float) -> None:
        optimizer.param_groups[1]["params"][0].data.fill_(torch.nan)

    monkeypatch.setattr(_loop, "_update", update)
    with pytest.raises(LutraError, match=r"no longer finite: lower .* or mapping\.lambda1"):
        train(tiny_recipe, small_mnist, 0, tmp_path)


def test_weights_that_are_no_numbers_are_not_restored(
    trained: Recipe, small_mnist: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "train.best.safetensors"
    tensors, header = load_state(path, training_digest(trained, small_mnist, 0))
    tensors["levels.0.norm.bias"].fill_(torch.inf)
    save_state(path, tensors, header)
    with pytest.raises(
        CheckpointError, match=r"train\.best\S*: 'levels.0.norm.bias' is not finite"
    ):
        restore(trained, small_mnist, 0, tmp_path)


def test_a_header_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(save({}, {"lutra.state": "[" * 100_000}))
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        load_state(path)


def test_augmentation_needs_images(
    tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["train"]["augment"] = {"shift": 1.0}
    plain = Dataset(**{**vars(small_mnist), "image": None})
    with pytest.raises(RecipeError, match="distorts images"):
        train(parse_recipe(tiny_content), plain, 0, tmp_path)


def test_a_full_disk_leaves_the_checkpoint_as_it_was(
    tiny_recipe: Recipe, small_mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train.best.safetensors"
    path.write_bytes(b"earlier")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        train(tiny_recipe, small_mnist, 0, tmp_path)
    assert path.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_best_needs_a_validation_part(
    tiny_recipe: Recipe, small_mnist: Dataset, tmp_path: Path
) -> None:
    none = Split(small_mnist.train.x[:0], small_mnist.train.y[:0])
    data = Dataset(**{**vars(small_mnist), "validation": none})
    with pytest.raises(LutraError, match="validation part is empty"):
        train(tiny_recipe, data, 0, tmp_path)


def test_distillation_follows_the_teacher(
    tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["mapping"] = {"method": "local"}
    tiny_content["train"]["distill"] = {"weight": 1.0, "epochs": 12}
    wrong = Split(small_mnist.train.x, small_mnist.train.y[::-1].copy())
    tiny_content["train"] |= {"epochs": 8, "learning_rate": 2e-2}
    recipe = parse_recipe(tiny_content)
    logits = teach(recipe, small_mnist, 0, tmp_path, training_digest(recipe, small_mnist, 0))
    assert (logits.argmax(1).numpy() == small_mnist.train.y).mean() > 0.95
    assert not (tmp_path / "teacher.checkpoint.safetensors").exists()
    # With the teacher's word alone, the labels do not matter.
    data = Dataset(**{**vars(small_mnist), "train": wrong})
    header = {"digest": training_digest(recipe, data, 0)}
    save_state(tmp_path / "teacher.safetensors", {"logits": logits}, header)
    train(recipe, data, 0, tmp_path)
    log = (tmp_path / "train.jsonl").read_text().splitlines()
    assert json.loads(log[-1])["val_accuracy"] > 50


def test_a_teacher_of_plain_features_is_an_mlp() -> None:
    teacher = Teacher(5, 3, None)
    x = torch.randint(0, 256, (40, 5))
    assert teacher(x).shape == (40, 3)
    assert torch.equal(teacher.codes(x), teacher.eval()(x))


def test_local_wiring_needs_images(tiny_content: dict[str, Any], small_mnist: Dataset) -> None:
    tiny_content["mapping"] = {"method": "local"}
    with pytest.raises(RecipeError, match="needs images"):
        build(parse_recipe(tiny_content), Dataset(**{**vars(small_mnist), "image": None}), 0)


def test_averaged_weights_are_kept(
    tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["mapping"] = {"method": "random"}
    tiny_content["train"] |= {"ema": 0.9, "select": "last"}
    recipe = parse_recipe(tiny_content)
    averaged = train(recipe, small_mnist, 0, tmp_path / "a").state_dict()
    tiny_content["train"] |= {"ema": 0.0}
    raw = train(parse_recipe(tiny_content), small_mnist, 0, tmp_path / "b").state_dict()
    name = "levels.0.function.hidden_weight"
    initial = build(recipe, small_mnist, 0).state_dict()[name]
    assert not torch.equal(averaged[name], raw[name])
    assert (averaged[name] - initial).norm() < (raw[name] - initial).norm()


def test_an_average_begins_with_the_first_step(
    tiny_content: dict[str, Any], small_mnist: Dataset, tmp_path: Path
) -> None:
    tiny_content["mapping"] = {"method": "random"}
    tiny_content["train"] |= {"epochs": 1, "batch": 2000, "select": "last"}
    for ema in (0.0, 0.9):
        tiny_content["train"]["ema"] = ema
        train(parse_recipe(tiny_content), small_mnist, 0, tmp_path / str(ema))
    assert weights(tmp_path / "0.0") == weights(tmp_path / "0.9")


def test_schedules() -> None:
    cosine = TrainConfig(schedule="cosine", learning_rate=1.0)
    assert learning_rate(cosine, 0, 10, 4) == 1.0
    assert learning_rate(cosine, 20, 10, 4) == pytest.approx(0.5)
    restarts = TrainConfig(schedule="warm-restarts", restart_epochs=2, learning_rate=1.0)
    assert [learning_rate(restarts, 20 * i, 10, 100) for i in range(3)] == [1.0, 1.0, 1.0]
    assert learning_rate(restarts, 19, 10, 100) < 0.01
    rising = cosine.model_copy(update={"warmup": 4})
    assert [learning_rate(rising, i, 10**6, 4) for i in range(4)] == pytest.approx(
        [0.25, 0.5, 0.75, 1.0]
    )


def test_crops_shift_by_whole_pixels_in_every_direction() -> None:
    raw = torch.randint(1, 256, (400, 3, 4, 5), dtype=torch.uint8)
    draw = torch.Generator().manual_seed(0)
    found = augment(raw.flatten(1), (4, 5), AugmentConfig(crop=2), draw).view(raw.shape)
    wide = torch.nn.functional.pad(raw, [2, 2, 2, 2])
    shifts = [(top, left) for top in range(5) for left in range(5)]
    views = torch.stack([wide[:, :, y : y + 4, x : x + 5] for y, x in shifts])
    equal = (views == found).flatten(2).all(2)
    assert (equal.sum(0) == 1).all()  # each image is exactly one of its shifts
    assert equal.any(1).all()  # and every shift is met


def test_augmentation_moves_images_as_asked() -> None:
    image = torch.zeros(2, 28, 28, dtype=torch.uint8)
    image[:, 10:18, 12:16] = 200
    raw = image.view(2, -1)
    generator = torch.Generator().manual_seed(0)
    same = augment(raw, (28, 28), AugmentConfig(), generator)
    assert torch.equal(same, raw)
    moved = augment(raw, (28, 28), AugmentConfig(shift=3.0), generator)
    assert moved.dtype == torch.uint8
    assert not torch.equal(moved[0], moved[1])
    assert moved.long().sum() == pytest.approx(raw.long().sum().item(), rel=0.02)

    def centre(x: torch.Tensor) -> np.ndarray:
        weight = x.view(28, 28).double()
        line = torch.arange(28).double()
        total = weight.sum()
        return np.array([(weight.sum(1) @ line) / total, (weight.sum(0) @ line) / total])

    assert np.abs(centre(moved[0]) - centre(raw[0])).max() <= 3.1
    turned = augment(raw, (28, 28), AugmentConfig(rotate=20.0, elastic=1.0), generator)
    assert np.abs(centre(turned[0]) - centre(raw[0])).max() < 1.5
    assert not torch.equal(turned, raw)


def test_mirrored_images_are_whole_or_exchanged_left_and_right() -> None:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randint(256, (64, 3, 8, 8), generator=generator).to(torch.uint8)
    found = augment(raw.view(64, -1), (8, 8), AugmentConfig(mirror=True), generator)
    same = (found.view_as(raw) == raw).flatten(1).all(1)
    mirrored = (found.view_as(raw) == raw.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all() and 16 < same.sum() < 48
