"""One hidden layer and a linear skip: the NeuraLUT-Assemble node, and its native kernels."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra._kernels import native
from lutra.nn._native_ops import pointer, usable
from lutra.nn.functions._base import Entries, TableFunction, kaiming, uniform

__all__ = ["SkipMlp"]


class SkipMlp(TableFunction):
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
        self.neurons = neurons
        if native is not None:  # which makes use of all entries' regularity
            self.unique_above = (8, 64)
        self.hidden_weight = nn.Parameter(kaiming((neurons, hidden, fan_in), fan_in, generator))
        self.hidden_bias = nn.Parameter(
            uniform((neurons, hidden, 1), 1 / math.sqrt(fan_in), generator)
        )
        self.output_weight = nn.Parameter(kaiming((neurons, hidden, 1), hidden, generator))
        self.skip_weight = (
            nn.Parameter(kaiming((neurons, fan_in, 1), fan_in, generator)) if skip else None
        )

    def forward(self, z: Tensor) -> Tensor:
        """Map digit values (n or 1, F, entries) to neuron values (n, entries)."""
        z = z.expand(self.neurons, *z.shape[1:])
        hidden = torch.baddbmm(self.hidden_bias, self.hidden_weight, z).relu()
        # A product and a sum: a batched product with one row is several times slower.
        result = (self.output_weight * hidden).sum(dim=1)
        if self.skip_weight is not None:
            result = result + (self.skip_weight * z).sum(dim=1)
        return result

    def by_digit(self) -> list[tuple[nn.Parameter, Tensor]]:
        """Return hidden and skip weights."""
        own = torch.eye(self.hidden_weight.shape[2], dtype=torch.bool)
        skip = [] if self.skip_weight is None else [(self.skip_weight, own[:, :, None])]
        return [(self.hidden_weight, own[:, None]), *skip]

    def table(self, entries: Entries) -> Tensor:
        """Evaluate every entry. Shape (n, E)."""
        if not _native(entries):
            return super().table(entries)
        table = _SkipMlpTable.apply(entries.levels, entries.bits, *self._weights)
        assert isinstance(table, Tensor)
        return table

    def slopes(self, entries: Entries) -> Tensor:
        """Return the derivative of each table value by digit f in column f. Shape (n, E, row)."""
        if native is None or not _native(entries):
            return self._plain_slopes(entries)
        arguments = _arguments(entries.levels, entries.bits, self._weights)
        slopes = torch.empty(self.neurons, 1 << (entries.fan_in * entries.bits), entries.row)
        native.skip_mlp_slopes(*arguments, pointer(slopes), entries.row)
        return slopes

    @torch.no_grad()
    def _plain_slopes(self, entries: Entries) -> Tensor:
        z = entries.values
        z = z.expand(self.neurons, *z.shape[1:])
        active = torch.baddbmm(self.hidden_bias, self.hidden_weight, z) > 0
        slopes = torch.bmm(self.hidden_weight.mT, self.output_weight * active)
        if self.skip_weight is not None:
            slopes += self.skip_weight
        return nn.functional.pad(slopes.mT, (0, entries.row - entries.fan_in))

    @property
    def _weights(self) -> tuple[Tensor | None, ...]:
        return self.hidden_weight, self.hidden_bias, self.output_weight, self.skip_weight


class _SkipMlpTable(torch.autograd.Function):
    """`SkipMlp` on all entries by the native kernels; hidden activations are never stored."""

    @staticmethod
    def forward(ctx: Any, levels: Tensor, bits: int, *weights: Tensor | None) -> Tensor:
        """Return the table (n, E)."""
        assert native is not None
        ctx.bits = bits
        ctx.save_for_backward(levels, *weights)
        arguments = _arguments(levels, bits, weights)
        table = torch.empty(arguments[5], 1 << (arguments[6] * bits))
        native.skip_mlp(*arguments, pointer(table))
        return table

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients of the four weights."""
        assert native is not None
        levels, *weights = ctx.saved_tensors
        gradient = gradient.contiguous()
        gradients = [None if w is None else torch.empty_like(w) for w in weights]
        pointers = [0 if g is None else pointer(g) for g in gradients]
        arguments = _arguments(levels, ctx.bits, weights)
        native.skip_mlp_backward(*arguments, pointer(gradient), *pointers)
        return None, None, *gradients


def _native(entries: Entries) -> bool:
    """Tell whether the kernels serve these entries; they make use of all entries' regularity."""
    return entries.chosen is None and usable(entries.levels)


def _arguments(levels: Tensor, bits: int, weights: Sequence[Tensor | None]) -> tuple[int, ...]:
    """Return what every kernel of `SkipMlp` begins with: five arrays, n, F, N, bits."""
    hidden = weights[0]
    assert hidden is not None
    n, units, fan_in = hidden.shape
    pointers = [0 if w is None else pointer(w) for w in weights]
    return pointer(levels), *pointers, n, fan_in, units, bits
