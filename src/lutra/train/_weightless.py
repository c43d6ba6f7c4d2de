"""From a recipe to a weightless network: one pass over the rows, then one threshold."""

import json
import time
from pathlib import Path

import numpy as np
import torch

from lutra.data import Dataset
from lutra.errors import RecipeError
from lutra.files import write_atomic
from lutra.nn import thermometer
from lutra.recipe import Recipe
from lutra.train._checkpoint import check_shapes, damaged, load_state, save_state
from lutra.train._loop import Progress
from lutra.train._train import training_digest
from lutra.train._trained import NumpyModel
from lutra.weightless import (
    H3,
    Bthowen,
    CountingFilters,
    Discriminators,
    Filters,
    best_bleach,
    draw_h3,
)

__all__ = ["check_weightless", "restore_weightless", "train_weightless"]

_BATCH = 1000


def check_weightless(recipe: Recipe, config: Bthowen, data: Dataset) -> None:
    """Raise RecipeError where the recipe does not fit the data."""
    bits = data.train.x.shape[1] * config.thresholds
    problem = None
    if config.tuple_bits > bits:
        problem = f"model.tuple_bits = {config.tuple_bits}, but features have {bits} bits together"
    elif not len(data.validation):
        problem = "the threshold of counts is chosen on validation: set data.validation above 0"
    if problem:
        raise RecipeError(f"recipe {recipe.name!r} on {data.name}: {problem}")


def train_weightless(
    recipe: Recipe,
    config: Bthowen,
    data: Dataset,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> NumpyModel:
    """Fill the filters in one pass and choose the bleaching threshold on validation.

    A finished training is not done again; one that was interrupted starts over: it takes a minute.
    """
    check_weightless(recipe, config, data)
    result = folder / "train.best.safetensors"
    if result.exists():
        return restore_weightless(recipe, config, data, seed, folder)
    started = time.monotonic()
    network = _draw(config, data, seed)
    (part,) = network.parts
    classes, filters, entries = part.memories.shape
    counting = CountingFilters(classes, filters, entries)
    rows = data.train
    for start in range(0, len(rows), _BATCH):
        bits = network.encode(rows.x[start : start + _BATCH])
        counting.learn(part.addresses(bits), rows.y[start : start + _BATCH])
        if progress is not None:
            progress("train", min(start + _BATCH, len(rows)), len(rows), {})
    held = data.validation
    counts = [
        counting.counts(part.addresses(network.encode(held.x[start : start + _BATCH])))
        for start in range(0, len(held), _BATCH)
    ]
    bleach, accuracy = best_bleach(np.concatenate(counts), held.y)
    memories = counting.counters >= bleach
    network = _with(network, memories)
    row = {
        "epoch": 1, "phase": "train", "loss": 0.0, "train_accuracy": None, "lr": 0.0,
        "val_accuracy": accuracy, "seconds": time.monotonic() - started,
    }  # fmt: skip
    write_atomic(folder / "train.jsonl", json.dumps(row) + "\n")
    state = {"digest": training_digest(recipe, data, seed), "bleach": bleach}
    save_state(result, {"memories": torch.from_numpy(np.packbits(memories, axis=-1))}, state)
    return _model(network)


def restore_weightless(
    recipe: Recipe, config: Bthowen, data: Dataset, seed: int, folder: Path
) -> NumpyModel:
    """Return the network that `train_weightless` left in ``folder``.

    Thermometers, tuples and hashes follow from data and seed; the file holds memories alone.
    """
    path = folder / "train.best.safetensors"
    tensors, _ = load_state(path, training_digest(recipe, data, seed))
    network = _draw(config, data, seed)
    shape = network.parts[0].memories.shape
    check_shapes(tensors, {"memories": (*shape[:2], -(-shape[2] // 8))}, path)
    if tensors["memories"].dtype != torch.uint8:
        raise damaged(path, f"'memories' are {tensors['memories'].dtype}")
    memories = np.unpackbits(tensors["memories"].numpy(), axis=-1, count=shape[2])
    return _model(_with(network, memories.astype(bool)))


def _model(network: Discriminators) -> NumpyModel:
    return NumpyModel(network, network.scores, network.lower)


def _draw(config: Bthowen, data: Dataset, seed: int) -> Discriminators:
    """Return the network before it has seen anything."""
    draw = np.random.default_rng([seed, config.tuple_bits])
    limits = thermometer(torch.from_numpy(data.train.x), config.thresholds, config.distribution)
    bits, size = limits.numel(), config.tuple_bits
    order = draw.permutation(bits)[: bits // size * size].reshape(-1, size)
    hashing: H3 = draw_h3(size, config.address_bits, config.hashes, draw)
    shape = (len(data.classes), len(order))
    empty = np.zeros((*shape, 1 << config.address_bits), bool)
    part = Filters(order, hashing, empty, np.ones(shape, bool))
    none = np.zeros(shape[0], np.int64)
    return Discriminators(limits.numpy(), data.width, data.signed, (part,), none)


def _with(network: Discriminators, memories: np.ndarray) -> Discriminators:
    (part,) = network.parts
    filled = Filters(part.order, part.hashing, memories, part.kept)
    return Discriminators(
        network.thresholds, network.width, network.signed, (filled,), network.bias
    )
