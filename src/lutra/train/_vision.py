"""From a recipe to a vision transformer: training in floating point, then in integers."""

import copy
import hashlib
from pathlib import Path

from lutra import vit
from lutra.data import Dataset
from lutra.errors import ModelError, RecipeError
from lutra.files import sha256
from lutra.nn.vision import VisionTransformer, freeze, load_deit
from lutra.recipe import MappingConfig, Recipe
from lutra.train._checkpoint import damaged, load_state, save_state, unpack
from lutra.train._distributed import check_batch, device, joined
from lutra.train._loop import Phase, Progress, fit
from lutra.train._online import check_teacher, online_teacher, teacher_sha256
from lutra.train._random import generator
from lutra.train._rewire import Select
from lutra.train._threads import cores_for
from lutra.train._train import check_parts, training_digest
from lutra.vit import Cct, LutMixer, Vit

__all__ = ["build_vision", "restore_float", "restore_vision", "train_integers", "train_vision"]

_SELECTED = 0.5
"""Share of the training in floating point after which the wiring is fixed."""
_OBSERVED = 2048
"""Tokens of a step that selection looks at, as many of each shard: a price per candidate and
token."""


def build_vision(recipe: Recipe, config: Vit | Cct, data: Dataset, seed: int) -> VisionTransformer:
    """Return the untrained model.

    Raises
    ------
    RecipeError, ModelError
        It does not fit the data set, or the weights that it starts from do not fit it.
    """
    check_batch(recipe.train.shards, min(recipe.train.batch, len(data.train)))
    check_teacher(recipe, data)
    try:
        check_parts(recipe, data)
        shape = data.image_shape
        if shape is None or data.width > 8 or data.signed:
            kind = "of signed numbers" if data.signed else f"of {data.width} bits"
            found = "rows that are no images" if shape is None else f"pixels {kind}"
            raise ValueError(
                f"a vision transformer needs images of unsigned pixels, 8 bits at most, not {found}"
            )
        vit.check_size(config, shape)
        model = VisionTransformer(
            config, shape, len(data.classes), generator(seed, "initial weights")
        )
        _check_integers(model)
    except ValueError as error:
        raise RecipeError(f"recipe {recipe.name!r} on {data.name}: {error}") from error
    pretrained = _pretrained(config)
    if pretrained is not None:
        load_deit(model, pretrained)
    return model


def _check_integers(model: VisionTransformer) -> None:
    """Raise ValueError where no integer model of such a size may be: lest it shows at the end."""
    whole = copy.deepcopy(model)
    whole.quantise()
    vit.check(freeze(whole))


def train_vision(
    recipe: Recipe,
    config: Vit | Cct,
    data: Dataset,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> VisionTransformer:
    """Train in floating point, then in integers; see `lutra.train.train`.

    On a GPU where there is one, and on as many processes as torchrun started, each of which ends
    with the same model.
    """
    model = build_vision(recipe, config, data, seed)
    last = _phase(recipe, config, data, seed, folder)
    resumed, settings = last.checkpoint.exists(), recipe.train
    if resumed:
        load_state(last.checkpoint, last.digest)  # one of another recipe is refused before all work
    with joined(settings.shards) as shards, cores_for(model):
        model.to(device())
        last.shards = shards
        if settings.distill.weight:
            last.teacher = online_teacher(recipe, data, last, progress)
        if not resumed:
            first = _phase(recipe, config, data, seed, folder, real=True)
            first.shards, first.teacher = shards, last.teacher
            first.rewiring = _selection(config, model, seed, _OBSERVED // shards.count)
            fit(model, data, settings, first, progress)
        _fit_integers(recipe, config, data, model, last, progress)
    return model.cpu()


def train_integers(
    recipe: Recipe,
    config: Vit | Cct,
    data: Dataset,
    seed: int,
    folder: Path,
    model: VisionTransformer,
    progress: Progress | None = None,
) -> VisionTransformer:
    """Train a model in integers alone, as `train_vision` ends; without a teacher, in one process.

    What is kept in ``folder`` is of this training; return the model.
    """
    phase = _phase(recipe, config, data, seed, folder)
    with cores_for(model):
        _fit_integers(recipe, config, data, model, phase, progress)
    return model


def _fit_integers(
    recipe: Recipe,
    config: Vit | Cct,
    data: Dataset,
    model: VisionTransformer,
    phase: Phase,
    progress: Progress | None,
) -> None:
    model.quantise()
    if not config.quantised_epochs:
        _keep_rounded(model, phase)
        return
    rate = config.quantised_rate * recipe.train.learning_rate
    settings = recipe.train.model_copy(update={"learning_rate": rate, "warmup": 0})
    fit(model, data, settings, phase, progress)


def _keep_rounded(model: VisionTransformer, phase: Phase) -> None:
    """Leave the model, rounded as it is, as what the phase in integers would have kept."""
    if phase.shards.first:
        save_state(phase.result, model.state_dict(), {"digest": phase.digest})
    phase.shards.wait()
    model.train(False)


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
    if model.quantised == (phase.name == "float"):
        raise damaged(phase.result, "'integers' is that of another phase")
    return model.train(False)


def _phase(
    recipe: Recipe, config: Vit | Cct, data: Dataset, seed: int, folder: Path, real: bool = False
) -> Phase:
    """Return the training in floating point, or that in integers."""
    digest = training_digest(recipe, data, seed)
    files = [teacher_sha256(recipe)] if recipe.train.distill.teacher is not None else []
    if (pretrained := _pretrained(config)) is not None:
        files.append(sha256(pretrained))
    if files:
        digest = hashlib.sha256(" ".join([digest, *files]).encode()).hexdigest()
    if real:
        drop = config.drop_path > 0
        return Phase("float", folder, recipe.train.epochs, seed, digest, drop_path=drop)
    return Phase("train", folder, config.quantised_epochs, seed, digest)


def _pretrained(config: Vit | Cct) -> Path | None:
    """Return the file of weights to start from, where there is one to be."""
    if isinstance(config, Cct) or config.pretrained is None:
        return None
    path = Path(config.pretrained)
    if not path.is_file():
        raise ModelError(f"{path}: no such file; model.pretrained is relative to the recipe")
    return path


def _selection(
    config: Vit | Cct, model: VisionTransformer, seed: int, observed: int
) -> Select | None:
    """Return what chooses the inputs of the mixers' tables; it looks at so many tokens a shard."""
    mixer = config.mixer
    if not isinstance(mixer, LutMixer) or not mixer.candidates:
        return None
    pairs = [pair for lut in model.mixers() for pair in lut.features_before()]
    layers = {layer.name: layer for layer, _ in pairs}
    features = {layer.name: before for layer, before in pairs}
    mapping = MappingConfig(method="select", candidates=mixer.candidates, until=_SELECTED)
    return Select(layers, features, mapping, None, generator(seed, "candidates"), observed)
