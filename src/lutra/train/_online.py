"""Teachers of vision transformers: they see every batch as it is trained on."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lutra.data import Dataset
from lutra.errors import CheckpointError, RecipeError
from lutra.files import read_json, sha256
from lutra.nn import Teacher
from lutra.nn.vision import VisionTransformer
from lutra.recipe import Recipe, parse_recipe
from lutra.train._checkpoint import damaged, load_state, unpack
from lutra.train._distributed import Shards, device
from lutra.train._loop import Phase, Progress
from lutra.train._teacher import train_dense
from lutra.vit import Cct, Vit

__all__ = ["check_teacher", "online_teacher", "teacher_sha256"]

_WEIGHTS = "float.best.safetensors"
"""As it was before it trained in integers, whose simulation takes four times as long."""


def check_teacher(recipe: Recipe, data: Dataset) -> None:
    """Raise RecipeError where the run that a recipe names as its teacher cannot teach it."""
    if (name := recipe.train.distill.teacher) is not None:
        _restored(Path(name), data)


def teacher_sha256(recipe: Recipe) -> str:
    """Return the SHA-256 of the weights of the run that a recipe names, "" where it names none."""
    name = recipe.train.distill.teacher
    return "" if name is None else sha256(_weights(Path(name)))


def online_teacher(
    recipe: Recipe, data: Dataset, phase: Phase, progress: Progress | None
) -> Callable[[Tensor], Tensor]:
    """Return what gives the teacher's logits of raw rows; a dense one is trained first.

    ``phase`` is the training that it will teach.
    """
    name = recipe.train.distill.teacher
    if name is not None:
        model = _restored(Path(name), data)
    else:
        model = _dense(recipe, data, phase, progress)
    model.to(device()).train(False)

    @torch.no_grad()
    def logits(raw: Tensor) -> Tensor:
        return model(raw)

    return logits


def _dense(recipe: Recipe, data: Dataset, phase: Phase, progress: Progress | None) -> Teacher:
    """Let the first process train a dense teacher; every one reads its weights."""
    shards: Shards = phase.shards
    if shards.first:
        train_dense(recipe, data, phase.seed, phase.folder, phase.digest, progress)
    shards.wait()
    own = Phase("teacher", phase.folder, 0, phase.seed, phase.digest)
    tensors, _ = load_state(own.result, own.digest)
    model = Teacher(data.train.x.shape[1], len(data.classes), data.image)
    unpack(model, tensors, "", own.result)
    return model


def _restored(folder: Path, data: Dataset) -> VisionTransformer:
    record, shape = _record(folder, data), data.image_shape
    config = _recipe(record, folder).model
    assert isinstance(config, Vit | Cct) and shape is not None
    path = _weights(folder)
    try:
        model = VisionTransformer(config, shape, len(data.classes))
    except ValueError as error:
        raise RecipeError(f"train.distill.teacher: {folder / 'result.json'}: {error}") from error
    try:
        unpack(model, load_state(path)[0], "", path)
        if model.quantised:
            raise damaged(path, "it computes in integers")
    except CheckpointError as error:
        raise RecipeError(
            f"train.distill.teacher: {path} does not hold what its recipe trained in floating "
            "point; train that run anew, or name another"
        ) from error
    return model


def _record(folder: Path, data: Dataset) -> dict[str, Any]:
    """Return the record of a run that can teach on such data."""
    _weights(folder)
    record = read_json(folder / "result.json", RecipeError)
    if not isinstance(_recipe(record, folder).model, Vit | Cct):
        raise RecipeError(f"train.distill.teacher: {folder} holds no vision transformer")
    if record.get("dataset_sha256") != data.sha256:
        raise RecipeError(
            f"train.distill.teacher: {folder} was trained on {record.get('dataset')!r} with other "
            f"rows or classes than {data.name!r} has here; the split must be the same, too"
        )
    return record


def _recipe(record: Any, folder: Path) -> Recipe:
    where = f"train.distill.teacher: {folder / 'result.json'}"
    text = record.get("recipe_text") if isinstance(record, dict) else None
    try:
        return parse_recipe(tomllib.loads(text if isinstance(text, str) else ""), where)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{where}: holds no readable recipe ({error})") from error


def _weights(folder: Path) -> Path:
    path = folder / _WEIGHTS
    if not path.is_file():
        raise RecipeError(
            f"train.distill.teacher: {path} is not there; name the run folder of a finished "
            "training, relative to the recipe"
        )
    return path
