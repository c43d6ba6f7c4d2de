"""Distillation: train a dense teacher first and keep what it says of every training row."""

from pathlib import Path

import torch
from torch import Tensor

from lutra.data import Dataset
from lutra.nn import Teacher
from lutra.recipe import Recipe, TrainConfig
from lutra.train._checkpoint import check_shapes, load_state, save_state
from lutra.train._loop import Phase, Progress, fit
from lutra.train._random import generator

__all__ = ["teach", "train_dense"]


def teach(
    recipe: Recipe,
    data: Dataset,
    seed: int,
    folder: Path,
    digest: str,
    progress: Progress | None = None,
) -> Tensor:
    """Return the trained teacher's logits of the undistorted training rows, (rows, classes).

    They are kept in ``folder``; an interrupted training of the teacher goes on.
    """
    path = folder / "teacher.safetensors"
    if path.exists():
        tensors, _ = load_state(path, digest)
        check_shapes(tensors, {"logits": (len(data.train), len(data.classes))}, path)
        return tensors["logits"]
    teacher, phase = train_dense(recipe, data, seed, folder, digest, progress)
    logits = teacher.codes(torch.from_numpy(data.train.x))
    save_state(path, {"logits": logits}, {"digest": digest})
    phase.checkpoint.unlink(missing_ok=True)
    phase.result.unlink(missing_ok=True)
    return logits


def train_dense(
    recipe: Recipe,
    data: Dataset,
    seed: int,
    folder: Path,
    digest: str,
    progress: Progress | None = None,
) -> tuple[Teacher, Phase]:
    """Train a dense teacher, or go on with it; it stays in ``folder``."""
    config = TrainConfig(
        epochs=recipe.train.distill.epochs,
        batch=128,
        learning_rate=4e-3,
        beta1=0.9,
        schedule="cosine",
        warmup=200,
        select="last",
        augment=recipe.train.augment,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(seed, "teacher").initial_seed())
        teacher = Teacher(data.train.x.shape[1], len(data.classes), data.image)
    phase = Phase("teacher", folder, config.epochs, seed, digest)
    fit(teacher, data, config, phase, progress)
    return teacher, phase
