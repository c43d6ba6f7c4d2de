"""Wiring: which feature each digit of each neuron reads. Every function returns (n, F), int64."""

import math

import torch
from torch import Tensor

__all__ = ["balanced_wiring", "local_wiring", "random_wiring", "shuffled", "tree_wiring"]


def balanced_wiring(
    neurons: int, fan_in: int, features: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw distinct features per neuron so that every feature is read about equally often.

    Permutations of all features follow one another, as in DWN and DiffLogicNet; a neuron that
    would read a feature twice, where two permutations meet, exchanges it for a free one at random.
    """
    if fan_in > features:
        raise ValueError(f"fan-in {fan_in} exceeds the {features} features to choose from")
    rounds = -(-neurons * fan_in // features)
    order = torch.rand(rounds, features, generator=generator).argsort(dim=1).flatten()
    wires = order[: neurons * fan_in].view(neurons, fan_in).sort(dim=1).values
    for row in (wires[:, 1:] == wires[:, :-1]).any(1).nonzero().flatten().tolist():
        own = wires[row].unique()
        free = torch.ones(features, dtype=torch.bool)
        free[own] = False
        others = free.nonzero().flatten()
        chosen = others[torch.randperm(len(others), generator=generator)[: fan_in - len(own)]]
        wires[row] = torch.cat([own, chosen]).sort().values
    return wires


def local_wiring(
    trees: int,
    leaves: int,
    fan_in: int,
    image: tuple[int, int],
    window: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Let every tree read distinct pixels of one random window, and every leaf near ones.

    Parameters
    ----------
    trees, leaves
        Trees, and neurons per tree; n is their product.
    fan_in
        Pixels per leaf.
    image
        (height, width); features are its pixels, row by row.
    window
        Side of the windows, cut to the image's.
    """
    height, width = (min(window, side) for side in image)
    if leaves * fan_in > height * width:
        raise ValueError(
            f"trees of {leaves} leaves with fan-in {fan_in} read {leaves * fan_in} distinct "
            f"pixels; a window has {height * width}"
        )
    top = torch.randint(image[0] - height + 1, (trees, 1), generator=generator)
    left = torch.randint(image[1] - width + 1, (trees, 1), generator=generator)
    order = torch.rand(trees, height * width, generator=generator).argsort(dim=1)
    # In the order of pixels, bands of rows; sorted by column within, runs are near one another.
    pixels = order[:, : leaves * fan_in].sort(dim=1).values
    bands = max(count for count in range(1, math.isqrt(leaves) + 1) if leaves % count == 0)
    pixels = pixels.view(trees * bands, -1)
    pixels = pixels.gather(1, (pixels % width).argsort(dim=1, stable=True)).view(trees, -1)
    wires = (top + pixels // width) * image[1] + left + pixels % width
    return wires.view(trees * leaves, fan_in).sort(dim=1).values


def random_wiring(
    neurons: int, fan_in: int, features: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw ``fan_in`` distinct features per neuron, uniformly, in ascending order."""
    if fan_in > features:
        raise ValueError(f"fan-in {fan_in} exceeds the {features} features to choose from")
    order = torch.rand(neurons, features, generator=generator).argsort(dim=1)
    return order[:, :fan_in].sort(dim=1).values


def shuffled(wires: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return every row in random order, lest residual tables pass on the first features alone."""
    return wires.gather(1, torch.rand(wires.shape, generator=generator).argsort(1))


def tree_wiring(neurons: int, fan_in: int) -> Tensor:
    """Let neuron j read the contiguous features ``j * fan_in .. (j + 1) * fan_in - 1``."""
    return torch.arange(neurons * fan_in).view(neurons, fan_in)
