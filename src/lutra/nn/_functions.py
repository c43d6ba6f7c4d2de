"""Table functions: what a neuron computes from its digits. One class per idea."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra._kernels import native
from lutra.nn._native_ops import pointer, usable
from lutra.nn._table_domain import operations

__all__ = ["Entries", "SkipMlp", "TableFunction"]


@dataclass(frozen=True)
class Entries:
    """The inputs of a table: every combination of ``fan_in`` digits, digit 0 the fastest.

    Parameters
    ----------
    levels
        Real value of every digit code. Shape (2**bits,).
    bits, fan_in
        Bits per digit, digits.
    chosen
        The entries to evaluate, an address each, for every neuron on its own; None for all of
        them. Shape (n, E), where E counts the chosen ones alone.
    """

    levels: Tensor
    bits: int
    fan_in: int
    chosen: Tensor | None = None

    @property
    def values(self) -> Tensor:
        """Real value of each digit at each entry. Shape (1 or n, F, E)."""
        device = self.levels.device
        if self.chosen is None:
            entry = torch.arange(1 << (self.fan_in * self.bits), device=device)[None]
        else:
            entry = self.chosen
        shifts = torch.arange(self.fan_in, device=device)[:, None] * self.bits
        return self.levels[(entry[:, None] >> shifts) & ((1 << self.bits) - 1)]

    @property
    def row(self) -> int:
        """Columns of `TableFunction.slopes`: F + 2, up to a multiple of 8."""
        return (self.fan_in + 9) // 8 * 8


class TableFunction(nn.Module):
    """Base of all: `forward` maps digit values (n or 1, F, entries), entry by entry, to (n, E)."""

    neurons: int

    def table(self, entries: Entries) -> Tensor:
        """Evaluate every entry, differentiable in the parameters. Shape (n, E)."""
        return self(entries.values)

    def by_digit(self) -> list[tuple[nn.Parameter, int]]:
        """Return the parameters (n, ...) with an axis of digits, and that axis.

        Setting them to zero at one neuron and digit must make that digit without effect.
        """
        raise NotImplementedError

    def slopes(self, entries: Entries) -> Tensor:
        """Return the derivative of each table value by digit f in column f. Shape (n, E, row).

        The columns from F on are undefined: the caller's to use.
        """
        with torch.enable_grad():
            z = entries.values
            z = z.expand(self.neurons, *z.shape[1:]).clone().requires_grad_()
            slopes = torch.autograd.grad(self(z).sum(), z)[0].transpose(1, 2)
        return nn.functional.pad(slopes, (0, entries.row - entries.fan_in))

    @torch.no_grad()
    def differences(self, entries: Entries, table: Tensor) -> Tensor:
        """Return finite differences of the table in the place of `slopes`.

        See `lutra.nn._torch_ops.differences`. Neighbours of chosen entries are evaluated.
        """
        levels, bits = entries.levels, entries.bits
        if entries.chosen is None:
            return operations(levels).differences(table, levels, bits, entries.row)
        rows = table.new_zeros(*table.shape, entries.row)
        for digit in range(entries.fan_in):
            shift = digit * bits
            code = (entries.chosen >> shift) & ((1 << bits) - 1)
            up, down = (code + 1).clamp(max=len(levels) - 1), (code - 1).clamp(min=0)
            rest = entries.chosen - (code << shift)
            above, below = (
                self.table(replace(entries, chosen=rest + (c << shift))) for c in (up, down)
            )
            rows[:, :, digit] = (above - below) / (levels[up] - levels[down])
        return rows


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
        self.hidden_weight = nn.Parameter(_kaiming((neurons, hidden, fan_in), fan_in, generator))
        self.hidden_bias = nn.Parameter(
            _uniform((neurons, hidden, 1), 1 / math.sqrt(fan_in), generator)
        )
        self.output_weight = nn.Parameter(_kaiming((neurons, hidden, 1), hidden, generator))
        self.skip_weight = (
            nn.Parameter(_kaiming((neurons, fan_in, 1), fan_in, generator)) if skip else None
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

    def by_digit(self) -> list[tuple[nn.Parameter, int]]:
        """Return hidden and skip weights."""
        skip = [] if self.skip_weight is None else [(self.skip_weight, 1)]
        return [(self.hidden_weight, 2), *skip]

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


def _kaiming(shape: tuple[int, ...], fan_in: int, generator: torch.Generator | None) -> Tensor:
    return _uniform(shape, math.sqrt(6 / fan_in), generator)


def _uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator | None) -> Tensor:
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)
