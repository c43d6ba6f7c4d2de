"""Wiring: which feature each digit of each neuron reads. Every function returns (n, F), int64."""

import torch
from torch import Tensor

__all__ = ["random_wiring", "tree_wiring"]


def random_wiring(
    neurons: int, fan_in: int, features: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw ``fan_in`` distinct features per neuron, uniformly, in ascending order."""
    if fan_in > features:
        raise ValueError(f"fan-in {fan_in} exceeds the {features} features to choose from")
    order = torch.rand(neurons, features, generator=generator).argsort(dim=1)
    return order[:, :fan_in].sort(dim=1).values


def tree_wiring(neurons: int, fan_in: int) -> Tensor:
    """Let neuron j read the contiguous features ``j * fan_in .. (j + 1) * fan_in - 1``."""
    return torch.arange(neurons * fan_in).view(neurons, fan_in)
