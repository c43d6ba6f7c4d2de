"""Table functions: what a neuron computes from its digits. One class per idea."""

import math

import torch
from torch import Tensor, nn

__all__ = ["SkipMlp"]


class SkipMlp(nn.Module):
    """One hidden layer and a linear skip: ``v . relu(U z + a) + r . z``.

    The NeuraLUT-Assemble node (FCCM 2025). The released code also adds two output biases, which
    the batch normalisation behind the node cancels; they are left out.

    Parameters
    ----------
    neurons, fan_in, hidden
        n, F and the hidden width N.
    skip
        Keep the linear bypass r.
    generator
        Source of the Kaiming-uniform initial weights.
    """

    def __init__(
        self,
        neurons: int,
        fan_in: int,
        hidden: int,
        skip: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.hidden_weight = nn.Parameter(_kaiming((neurons, hidden, fan_in), fan_in, generator))
        self.hidden_bias = nn.Parameter(
            _uniform((neurons, hidden, 1), 1 / math.sqrt(fan_in), generator)
        )
        self.output_weight = nn.Parameter(_kaiming((neurons, hidden, 1), hidden, generator))
        self.skip_weight = (
            nn.Parameter(_kaiming((neurons, fan_in, 1), fan_in, generator)) if skip else None
        )

    def forward(self, z: Tensor) -> Tensor:
        """Map digit values (n, F, entries) to neuron values (n, entries)."""
        hidden = torch.baddbmm(self.hidden_bias, self.hidden_weight, z).relu()
        # A product and a sum: a batched product with one row is several times slower.
        result = (self.output_weight * hidden).sum(dim=1)
        if self.skip_weight is not None:
            result = result + (self.skip_weight * z).sum(dim=1)
        return result


def _kaiming(shape: tuple[int, ...], fan_in: int, generator: torch.Generator | None) -> Tensor:
    return _uniform(shape, math.sqrt(6 / fan_in), generator)


def _uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator | None) -> Tensor:
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)
