"""From a recipe to a trained model: encoder, learned mapping, sparse training."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lutra.data import Dataset
from lutra.errors import RecipeError
from lutra.nn import DenseLayer, LutModel, TableLayer
from lutra.nn.families import MemberWiring, QuantisedModel
from lutra.recipe import Recipe
from lutra.train._checkpoint import check_shapes, damaged, load_state, save_state, unpack
from lutra.train._loop import Phase, Progress, fit
from lutra.train._members import bagging, boosting
from lutra.train._random import generator
from lutra.train._rewire import rewiring
from lutra.train._teacher import teach
from lutra.train._threads import cores_for

__all__ = ["build", "check_parts", "restore", "train", "training_digest"]


def build(
    recipe: Recipe, data: Dataset, seed: int, learned: Sequence[list[Tensor]] | None = None
) -> LutModel:
    """Return the untrained network of a recipe, with local or random wiring where none is learned.

    ``learned`` holds every member's wires, see `lutra.nn.families.MemberWiring`.

    Raises
    ------
    RecipeError
        The network does not fit the data set.
    """
    draw, ensemble = generator(seed, "initial weights"), recipe.network.ensemble
    copies = ensemble.members if ensemble.inputs == "own" else 1
    try:
        check_parts(recipe, data)
        wiring = None if learned is None else iter(learned).__next__
        if learned is None and "local" in (recipe.mapping.method, recipe.mapping.start):
            wiring = _local_wiring(recipe, data, seed)
        model = recipe.network.build(
            recipe.network.input_encoder(data, copies), len(data.classes), draw, wiring
        )
    except ValueError as error:
        raise RecipeError(f"recipe {recipe.name!r} on {data.name}: {error}") from error
    return _with_gradients(model, recipe)


def train(
    recipe: Recipe, data: Dataset, seed: int, folder: Path, progress: Progress | None = None
) -> LutModel:
    """Train a recipe; where ``folder`` holds an interrupted training of it, go on from there.

    The folder then holds ``train.best.safetensors`` (the kept weights, see `restore`), one JSONL
    log per phase, and the latest checkpoint.

    Raises
    ------
    RecipeError, CheckpointError, OutputError
        The recipe does not fit the data; a checkpoint is corrupt or of another recipe; the
        folder cannot be written.
    """
    model = build(recipe, data, seed)
    digest = training_digest(recipe, data, seed)
    phase = Phase("train", folder, recipe.train.epochs, seed, digest)
    if phase.checkpoint.exists():
        load_state(phase.checkpoint, digest)  # one of another recipe is refused before all work
    mapped = recipe.network.levels(len(data.classes))
    if mapped and recipe.mapping.method == "learned" and not phase.checkpoint.exists():
        members = range(recipe.network.ensemble.members)
        wires = [_learn_wiring(recipe, data, seed, folder, n, progress) for n in members]
        model = build(recipe, data, seed, wires)
    phase.rewiring = rewiring(recipe, model, data.image_shape, generator(seed, "candidates"))
    phase.penalty = model.penalty
    ensemble = recipe.network.ensemble
    if ensemble.training == "bagging":
        draw = generator(seed, "bags")
        phase.member_loss = bagging(ensemble.members, len(data.train), draw)
    elif ensemble.training == "boosting":
        phase.member_loss = boosting
    if recipe.train.distill.weight:
        phase.targets = teach(recipe, data, seed, folder, digest, progress)
    with cores_for(model):
        fit(model, data, recipe.train, phase, progress)
    return model


def restore(recipe: Recipe, data: Dataset, seed: int, folder: Path) -> LutModel:
    """Return the model that `train` left in ``folder``, in evaluation mode."""
    phase = Phase("train", folder, recipe.train.epochs, seed, training_digest(recipe, data, seed))
    tensors, _ = load_state(phase.result, phase.digest)
    model = build(recipe, data, seed)
    unpack(model, tensors, "", phase.result)
    return model.train(False)


def _learn_wiring(
    recipe: Recipe, data: Dataset, seed: int, folder: Path, member: int, progress: Progress | None
) -> list[Tensor]:
    """Train a member's dense phase and keep the inputs that it selects, nothing else."""
    mapping, digest = recipe.mapping, training_digest(recipe, data, seed)
    number = str(member) if recipe.network.ensemble.members > 1 else ""
    path = folder / f"wiring{number}.safetensors"
    if path.exists():
        tensors, _ = load_state(path, digest)
        return _wires(recipe, data, tensors, path)
    draw = generator(seed, f"dense initial weights{number}")
    family = recipe.network
    assert isinstance(family, QuantisedModel)
    model = family.build_dense(
        family.input_encoder(data), len(data.classes), draw, mapping.dense == "full"
    )
    _with_gradients(model, recipe)
    dense = [level for level in model.levels if isinstance(level, DenseLayer)]

    rate = mapping.rate if mapping.regulariser == "exponential" else None

    def penalty() -> Tensor:
        return torch.stack([level.regulariser(mapping.lambda1, rate) for level in dense]).sum()

    phase = Phase(f"dense{number}", folder, mapping.epochs, seed, digest, penalty)
    phase.remedy += " or mapping.lambda1, mapping.rate"
    config = recipe.train.model_copy(update={"select": "last", "ema": 0.0, "flips": 0.0})
    with cores_for(model):
        fit(model, data, config, phase, progress)
    wiring = family.wiring(model, len(data.classes))
    save_state(path, {str(i): wires for i, wires in enumerate(wiring)}, {"digest": digest})
    phase.checkpoint.unlink(missing_ok=True)
    phase.result.unlink(missing_ok=True)
    return wiring


def _wires(recipe: Recipe, data: Dataset, tensors: dict[str, Tensor], path: Path) -> list[Tensor]:
    """Return the wires of the mapped levels as the file ``path`` holds them."""
    levels = recipe.network.levels(len(data.classes))
    features = [data.train.x.shape[1], *(level.width for level in levels)]
    mapped = [pair for pair in zip(levels, features, strict=False) if not pair[0].tree]
    shapes = {str(i): (level.width, level.fan_in) for i, (level, _) in enumerate(mapped)}
    check_shapes(tensors, shapes, path)
    for name, (_, before) in zip(shapes, mapped, strict=True):
        if ((tensors[name] < 0) | (tensors[name] >= before)).any():
            raise damaged(path, f"{name!r} reads outside of {before} features")
    return [tensors[name] for name in shapes]


def check_parts(recipe: Recipe, data: Dataset) -> None:
    """Raise ValueError where the data cannot be trained on as the recipe says."""
    if recipe.train.augment.active and data.image is None:
        raise ValueError("train.augment distorts images; these are none")
    if recipe.train.mix.cutmix and data.image is None:
        raise ValueError("train.mix.cutmix cuts images; these are none")
    if recipe.train.augment.paints and not _has_bytes(data):
        raise ValueError(
            "train.augment.rand_operations and erase are for images of one plane or three, of "
            f"8 bits; these have {data.train.x.shape[1]} features of {data.width} bits"
        )
    if recipe.train.select == "best" and not len(data.validation):
        raise ValueError(
            "the checkpoint is chosen on validation, but the validation part is empty: "
            "set data.validation above 0, or train.select = 'last'"
        )


def _has_bytes(data: Dataset) -> bool:
    shape = data.image_shape
    return shape is not None and shape[0] in (1, 3) and data.width == 8 and not data.signed


def _with_gradients(model: LutModel, recipe: Recipe) -> LutModel:
    for level in model.levels:
        if isinstance(level, TableLayer):
            level.differences = recipe.train.input_gradient == "difference"
    return model


def _local_wiring(recipe: Recipe, data: Dataset, seed: int) -> MemberWiring:
    if data.image_shape is None:
        raise ValueError("local wiring needs images")
    draw, window, classes = generator(seed, "wiring"), recipe.mapping.window, len(data.classes)
    return partial(recipe.network.local_wiring, data.image_shape, window, classes, draw)


def training_digest(recipe: Recipe, data: Dataset, seed: int) -> str:
    """Return the fingerprint of all that a training depends on."""
    return hashlib.sha256(f"{recipe.digest} {data.sha256} {seed}".encode()).hexdigest()
