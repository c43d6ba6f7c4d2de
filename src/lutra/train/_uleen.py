"""From a recipe to a ULEEN: training, pruning, training again."""

from pathlib import Path

import torch

from lutra.data import Dataset
from lutra.errors import RecipeError
from lutra.recipe import Recipe
from lutra.train._checkpoint import damaged, load_state, unpack
from lutra.train._loop import Phase, Progress, fit
from lutra.train._members import separate
from lutra.train._threads import cores_for
from lutra.train._train import check_parts, training_digest
from lutra.weightless import Uleen, UleenModel

__all__ = ["check_uleen", "restore_uleen", "train_uleen"]


def check_uleen(recipe: Recipe, config: Uleen, data: Dataset) -> None:
    """Raise RecipeError where the recipe does not fit the data."""
    bits = data.train.x.shape[1] * config.thresholds
    try:
        check_parts(recipe, data)
        if max(config.tuple_bits) > bits:
            raise ValueError(
                f"model.tuple_bits has {max(config.tuple_bits)}, but features have {bits} bits "
                "together"
            )
        if config.window is not None and data.image is None:
            raise ValueError("model.window is for images: leave it out")
    except ValueError as error:
        raise RecipeError(f"recipe {recipe.name!r} on {data.name}: {error}") from error


def train_uleen(
    recipe: Recipe,
    config: Uleen,
    data: Dataset,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> UleenModel:
    """Train all filters, leave the least useful out, train the rest; see `lutra.train.train`."""
    check_uleen(recipe, config, data)
    model = UleenModel(config, data, seed)
    last = _phase(recipe, config, data, seed, folder)
    if last.checkpoint.exists():
        load_state(last.checkpoint, last.digest)  # one of another recipe is refused before all work
    first = _phase(recipe, config, data, seed, folder, whole=True)
    with cores_for(model):
        settings = recipe.train
        if config.prune:
            if not last.checkpoint.exists():
                fit(model, data, settings, first, progress)
                x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
                model.prune(config.prune, x, y)
            rate = config.tune_rate * settings.learning_rate
            settings = settings.model_copy(update={"learning_rate": rate})
        fit(model, data, settings, last, progress)
    first.checkpoint.unlink(missing_ok=True)
    first.result.unlink(missing_ok=True)
    return model


def restore_uleen(
    recipe: Recipe, config: Uleen, data: Dataset, seed: int, folder: Path
) -> UleenModel:
    """Return the network that `train_uleen` left in ``folder``, in evaluation mode."""
    phase = _phase(recipe, config, data, seed, folder)
    tensors, _ = load_state(phase.result, phase.digest)
    model = UleenModel(config, data, seed)
    unpack(model, tensors, "", phase.result)
    if problem := model.problem():
        raise damaged(phase.result, problem)
    return model.train(False)


def _phase(
    recipe: Recipe, config: Uleen, data: Dataset, seed: int, folder: Path, whole: bool = False
) -> Phase:
    """Return the training of all filters, or of those that are kept."""
    name = "dense" if whole else "train"
    epochs = recipe.train.epochs if whole or not config.prune else config.tune_epochs
    digest = training_digest(recipe, data, seed)
    phase = Phase(name, folder, epochs, seed, digest, member_loss=separate, dropout=config.dropout)
    phase.remedy = "lower train.learning_rate or raise model.temperature"
    return phase
