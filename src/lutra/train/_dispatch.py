"""From a recipe to a trained model of any kind."""

from pathlib import Path

from lutra.data import Dataset
from lutra.recipe import Recipe
from lutra.train._distributed import check_processes
from lutra.train._forest import check_forest, restore_forest, train_forest
from lutra.train._loop import Progress
from lutra.train._train import build
from lutra.train._train import restore as restore_network
from lutra.train._train import train as train_network
from lutra.train._trained import Trained
from lutra.train._uleen import check_uleen, restore_uleen, train_uleen
from lutra.train._vision import build_vision, restore_vision, train_vision
from lutra.train._weightless import check_weightless, restore_weightless, train_weightless
from lutra.trees import TreeLut
from lutra.vit import Cct, Vit
from lutra.weightless import Bthowen, Uleen

__all__ = ["check", "restore", "train"]


def check(recipe: Recipe, data: Dataset, seed: int) -> None:
    """Raise LutraError where the recipe does not fit the data set, or torchrun's processes."""
    check_processes(recipe.train.shards)
    if isinstance(recipe.model, TreeLut):
        check_forest(recipe, recipe.model, data)
    elif isinstance(recipe.model, Bthowen):
        check_weightless(recipe, recipe.model, data)
    elif isinstance(recipe.model, Uleen):
        check_uleen(recipe, recipe.model, data)
    elif isinstance(recipe.model, Vit | Cct):
        build_vision(recipe, recipe.model, data, seed)
    else:
        build(recipe, data, seed)


def train(
    recipe: Recipe, data: Dataset, seed: int, folder: Path, progress: Progress | None = None
) -> Trained:
    """Train a recipe; where ``folder`` holds an interrupted training of a network, go on there.

    The folder then holds ``train.best.safetensors`` (see `restore`) and logs in JSONL. A finished
    training is not done again.

    Raises
    ------
    RecipeError, ModelError, CheckpointError, OutputError
        The recipe, or the model that it names, does not fit the data; a checkpoint is corrupt or
        of another recipe; the folder cannot be written.
    LutraError
        Torchrun started more processes than the recipe has shards, see `lutra.recipe.TrainConfig`.
    """
    check_processes(recipe.train.shards)
    if isinstance(recipe.model, TreeLut):
        return train_forest(recipe, recipe.model, data, seed, folder, progress)
    if isinstance(recipe.model, Bthowen):
        return train_weightless(recipe, recipe.model, data, seed, folder, progress)
    if isinstance(recipe.model, Uleen):
        return train_uleen(recipe, recipe.model, data, seed, folder, progress)
    if isinstance(recipe.model, Vit | Cct):
        return train_vision(recipe, recipe.model, data, seed, folder, progress)
    return train_network(recipe, data, seed, folder, progress)


def restore(recipe: Recipe, data: Dataset, seed: int, folder: Path) -> Trained:
    """Return the model that `train` left in ``folder``, in evaluation mode."""
    if isinstance(recipe.model, TreeLut):
        return restore_forest(recipe, recipe.model, data, seed, folder)
    if isinstance(recipe.model, Bthowen):
        return restore_weightless(recipe, recipe.model, data, seed, folder)
    if isinstance(recipe.model, Uleen):
        return restore_uleen(recipe, recipe.model, data, seed, folder)
    if isinstance(recipe.model, Vit | Cct):
        return restore_vision(recipe, recipe.model, data, seed, folder)
    return restore_network(recipe, data, seed, folder)
