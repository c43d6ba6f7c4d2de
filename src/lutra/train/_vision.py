"""From a recipe to a vision transformer: training in floating point, then in integers."""

from pathlib import Path

from lutra.data import Dataset
from lutra.errors import RecipeError
from lutra.nn.vision import VisionTransformer
from lutra.recipe import MappingConfig, Recipe
from lutra.train._checkpoint import load_state, unpack
from lutra.train._loop import Phase, Progress, fit
from lutra.train._random import generator
from lutra.train._rewire import Select
from lutra.train._threads import cores_for
from lutra.train._train import check_parts, training_digest
from lutra.vit import Cct, LutMixer, Vit

__all__ = ["build_vision", "restore_float", "restore_vision", "train_integers", "train_vision"]

_SELECTED = 0.5
"""Share of the training in floating point after which the wiring is fixed."""
_OBSERVED = 2048
"""Tokens of a step that selection looks at: a price per candidate and token."""


def build_vision(recipe: Recipe, config: Vit | Cct, data: Dataset, seed: int) -> VisionTransformer:
    """Return the untrained model.

    Raises
    ------
    RecipeError
        It does not fit the data set.
    """
    try:
        check_parts(recipe, data)
        shape = data.image_shape
        if shape is None or data.width > 8 or data.signed:
            raise ValueError("a vision transformer needs images of up to 8 bits per pixel")
        return VisionTransformer(
            config, shape, len(data.classes), generator(seed, "initial weights")
        )
    except ValueError as error:
        raise RecipeError(f"recipe {recipe.name!r} on {data.name}: {error}") from error


def train_vision(
    recipe: Recipe,
    config: Vit | Cct,
    data: Dataset,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> VisionTransformer:
    """Train in floating point, then in integers; see `lutra.train.train`."""
    model = build_vision(recipe, config, data, seed)
    last = _phase(recipe, config, data, seed, folder)
    if last.checkpoint.exists():
        load_state(last.checkpoint, last.digest)  # one of another recipe is refused before all work
    if not last.checkpoint.exists():
        first = _phase(recipe, config, data, seed, folder, real=True)
        first.rewiring = _selection(config, model, seed)
        with cores_for(model):
            fit(model, data, recipe.train, first, progress)
    return train_integers(recipe, config, data, seed, folder, model, progress)


def train_integers(
    recipe: Recipe,
    config: Vit | Cct,
    data: Dataset,
    seed: int,
    folder: Path,
    model: VisionTransformer,
    progress: Progress | None = None,
) -> VisionTransformer:
    """Train a model on in integers, at a lower rate; return it."""
    model.quantise()
    rate = config.quantised_rate * recipe.train.learning_rate
    settings = recipe.train.model_copy(update={"learning_rate": rate, "warmup": 0})
    with cores_for(model):
        fit(model, data, settings, _phase(recipe, config, data, seed, folder), progress)
    return model


def restore_vision(
    recipe: Recipe, config: Vit | Cct, data: Dataset, seed: int, folder: Path
) -> VisionTransformer:
    """Return the model that `train_vision` left in ``folder``, in evaluation mode."""
    return _restore(recipe, config, data, seed, _phase(recipe, config, data, seed, folder))


def restore_float(
    recipe: Recipe, config: Vit | Cct, data: Dataset, seed: int, folder: Path
) -> VisionTransformer:
    """Return the same as it was before it trained in integers."""
    return _restore(recipe, config, data, seed, _phase(recipe, config, data, seed, folder, True))


def _restore(
    recipe: Recipe, config: Vit | Cct, data: Dataset, seed: int, phase: Phase
) -> VisionTransformer:
    tensors, _ = load_state(phase.result, phase.digest)
    model = build_vision(recipe, config, data, seed)
    unpack(model, tensors, "", phase.result)
    return model.train(False)


def _phase(
    recipe: Recipe, config: Vit | Cct, data: Dataset, seed: int, folder: Path, real: bool = False
) -> Phase:
    """Return the training in floating point, or that in integers."""
    digest = training_digest(recipe, data, seed)
    if real:
        drop = config.drop_path > 0
        return Phase("float", folder, recipe.train.epochs, seed, digest, drop_path=drop)
    return Phase("train", folder, config.quantised_epochs, seed, digest)


def _selection(config: Vit | Cct, model: VisionTransformer, seed: int) -> Select | None:
    """Return what chooses the inputs of the mixers' tables."""
    mixer = config.mixer
    if not isinstance(mixer, LutMixer) or not mixer.candidates:
        return None
    pairs = [pair for lut in model.mixers() for pair in lut.features_before()]
    layers = {layer.name: layer for layer, _ in pairs}
    features = {layer.name: before for layer, before in pairs}
    mapping = MappingConfig(method="select", candidates=mixer.candidates, until=_SELECTED)
    return Select(layers, features, mapping, None, generator(seed, "candidates"), _OBSERVED)
