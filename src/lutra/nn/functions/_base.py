"""What every table function shares: a neuron's value at each entry, and its slopes."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lutra.nn._table_domain import operations
from lutra.nn._torch_ops import slope_columns

__all__ = ["Entries", "TableFunction", "kaiming", "uniform"]


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
    def all(self) -> "Entries":
        """The same without a choice."""
        return replace(self, chosen=None)

    @property
    def row(self) -> int:
        """Columns of `TableFunction.slopes`: F + 2, up to a multiple of 8."""
        return slope_columns(self.fan_in)


class TableFunction(nn.Module):
    """Base of all: `forward` maps digit values (n or 1, F, entries), entry by entry, to (n, E)."""

    neurons: int
    unique_above: tuple[float, float] = (1, 1)
    """Entries per sample from which on those that samples meet are cheaper to evaluate than all,
    for slopes that are derivatives and for differences, which read every neighbour besides.

    Measured: ``lutra bench train-scaling``, figure ``unique``.
    """

    relaxed: bool = False
    """Let real values flow while training, see `relax`."""

    def relax(self, z: Tensor) -> Tensor:
        """Return real values (n, samples) of real digits (n, F, samples), for single bits alone."""
        raise NotImplementedError

    def table(self, entries: Entries) -> Tensor:
        """Evaluate every entry, differentiable in the parameters. Shape (n, E)."""
        return self(entries.values)

    def by_digit(self) -> list[tuple[nn.Parameter, Tensor]]:
        """Return parameters (n, ...), each with a mask (F, ...): which weights serve digit f.

        Setting these to zero makes the digit without effect on its neuron.
        """
        raise NotImplementedError

    def constrain(self) -> None:
        """Bring the parameters back within their bounds; most have none."""

    def penalty(self) -> Tensor | None:
        """Return what is added to the loss; None for nothing, as with most."""
        return None

    def slopes(self, entries: Entries) -> Tensor:
        """Return the derivative of each table value by digit f in column f. Shape (n, E, row).

        The columns from F on are undefined: the caller's to use.
        """
        with torch.enable_grad():
            z = entries.values
            z = z.expand(self.neurons, *z.shape[1:]).clone().requires_grad_()
            slopes = torch.autograd.grad(self(z).sum(), z)[0].transpose(1, 2)
        return nn.functional.pad(slopes, (0, entries.row - entries.fan_in))

    def mixed(self) -> Tensor | None:
        """Return values (n, E) whose differences between neighbours are `slopes`.

        None where slopes are something else, or digits have more than one bit.
        """
        return None

    def reader(self, entries: Entries) -> Callable[[Tensor], Tensor]:
        """Return what evaluates the neighbours of the chosen entries, two per digit.

        Where these are more than there are entries, it reads the whole table, made once.
        """
        assert entries.chosen is not None
        if 2 * entries.fan_in * entries.chosen.shape[1] < 1 << (entries.fan_in * entries.bits):
            return lambda chosen: self.table(replace(entries, chosen=chosen))
        table = self.table(entries.all)
        return lambda chosen: table.gather(1, chosen)

    @torch.no_grad()
    def differences(self, entries: Entries, table: Tensor) -> Tensor:
        """Return finite differences of the table in the place of `slopes`.

        See `lutra.nn._torch_ops.differences`. Neighbours of chosen entries are evaluated.
        """
        levels, bits = entries.levels, entries.bits
        if entries.chosen is None:
            return operations(levels).differences(table, levels, bits, entries.row)
        rows, read = table.new_zeros(*table.shape, entries.row), self.reader(entries)
        for digit in range(entries.fan_in):
            shift = digit * bits
            code = (entries.chosen >> shift) & ((1 << bits) - 1)
            up, down = (code + 1).clamp(max=len(levels) - 1), (code - 1).clamp(min=0)
            rest = entries.chosen - (code << shift)
            above, below = (read(rest + (c << shift)) for c in (up, down))
            rows[:, :, digit] = (above - below) / (levels[up] - levels[down])
        return rows


def kaiming(shape: tuple[int, ...], fan_in: int, generator: torch.Generator | None) -> Tensor:
    """Draw weights that keep a ReLU's variance: evenly within ``sqrt(6 / fan_in)``."""
    return uniform(shape, math.sqrt(6 / fan_in), generator)


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator | None) -> Tensor:
    """Draw evenly from -bound to bound."""
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)
