"""Polynomials of the digits: the LogicNets and PolyLUT neurons."""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lutra.nn.functions._base import Entries, TableFunction, uniform

__all__ = ["Polynomial"]

_MOST_MONOMIALS = 1 << 13
"""Every entry has a value of each: 2 GiB for a table of 16 address bits."""


class Polynomial(TableFunction):
    """``w . m(z)``, m being all monomials of the digits of total degree 1 to D.

    PolyLUT (FPT 2023, arXiv 2309.02334); degree 1 is LogicNets (FPL 2020, arXiv 2004.03021). All
    neurons share the monomials of an entry, so that tables are one matrix product.

    Parameters
    ----------
    neurons, fan_in, degree
        n, F and D.
    bias
        Add a constant, for a neuron without batch normalisation behind it.
    generator
        Source of the initial weights, evenly within one over the root of the monomials' number.

    Raises
    ------
    ValueError
        There would be more than 8,192 monomials.
    """

    unique_above = (2, math.inf)  # all monomials are evaluated, whatever samples meet

    def __init__(
        self,
        neurons: int,
        fan_in: int,
        degree: int = 1,
        bias: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.neurons = neurons
        count = math.comb(fan_in + degree, degree) - 1
        if count > _MOST_MONOMIALS:
            raise ValueError(
                f"degree {degree} at fan-in {fan_in} makes {count:,} monomials; at most "
                f"{_MOST_MONOMIALS:,} are computed"
            )
        digits = [
            torch.tensor(chosen).bincount(minlength=fan_in)
            for total in range(1, degree + 1)
            for chosen in itertools.combinations_with_replacement(range(fan_in), total)
        ]
        self.exponents: Tensor
        self.register_buffer("exponents", torch.stack(digits), persistent=False)
        bound = 1 / math.sqrt(len(digits))
        self.monomial_weight = nn.Parameter(uniform((neurons, len(digits)), bound, generator))
        self.bias = nn.Parameter(uniform((neurons, 1), bound, generator)) if bias else None

    def forward(self, z: Tensor) -> Tensor:
        """Map digit values (n or 1, F, entries) to neuron values (n, entries)."""
        monomials = self._monomials(z)
        if len(z) == 1:
            result = self.monomial_weight @ monomials[0]
        else:
            result = torch.einsum("nm,nme->ne", self.monomial_weight, monomials)
        return result if self.bias is None else result + self.bias

    def table(self, entries: Entries) -> Tensor:
        """Evaluate every entry. Shape (n, E)."""
        return _chosen(self(entries.all.values), entries)

    def reader(self, entries: Entries) -> Callable[[Tensor], Tensor]:
        """Return what evaluates any addresses: here it reads the whole table, made once."""
        table = self(entries.all.values)
        return lambda chosen: table.gather(1, chosen)

    @torch.no_grad()
    def slopes(self, entries: Entries) -> Tensor:
        """Return the derivative of each table value by digit f in column f. Shape (n, E, row)."""
        z = entries.all.values
        slopes = [
            _chosen(self.monomial_weight @ self._monomials(z, digit)[0], entries)
            for digit in range(entries.fan_in)
        ]
        return nn.functional.pad(torch.stack(slopes, 2), (0, entries.row - entries.fan_in))

    def by_digit(self) -> list[tuple[nn.Parameter, Tensor]]:
        """Return the weights; a digit owns the monomials that it is a factor of."""
        return [(self.monomial_weight, self.exponents.T > 0)]

    def _monomials(self, z: Tensor, derived: int | None = None) -> Tensor:
        """Return the monomials (n or 1, M, entries), or their derivatives by one digit."""
        powers = [torch.ones_like(z)]
        for _ in range(int(self.exponents.max())):
            powers.append(powers[-1] * z)
        power = torch.stack(powers, dim=2)  # (n, F, D + 1, entries)
        result = z.new_ones(())
        for digit, exponent in enumerate(self.exponents.T):
            if digit == derived:
                factor = power[:, digit, (exponent - 1).clamp(min=0)] * exponent[:, None]
            else:
                factor = power[:, digit, exponent]
            result = result * factor
        return result


def _chosen(table: Tensor, entries: Entries) -> Tensor:
    return table if entries.chosen is None else table.gather(1, entries.chosen)
