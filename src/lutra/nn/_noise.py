"""Noise on hidden codes, a regulariser: bits flip at random while a network trains."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lutra.nn._signal import Signal

__all__ = ["BitFlips"]


@dataclass(frozen=True)
class BitFlips:
    """Invert one bit of a share of all codes; gradients pass as if nothing had happened.

    A later neuron cannot rely on any single bit then, and a wrong table entry costs less.

    Parameters
    ----------
    rate
        Expected flips per code.
    generator
        Source of the positions.
    """

    rate: float
    generator: torch.Generator

    def __call__(self, x: Signal) -> Signal:
        """Return the signal with flipped bits; ``x`` is changed in place."""
        size = x.codes.numel()
        # A list of positions costs far less than a draw for every code.
        at = torch.randint(size, (round(self.rate * size),), generator=self.generator)
        bits = torch.randint(x.bits, at.shape, generator=self.generator)
        at, bits = at.to(x.codes.device), bits.to(x.codes.device)
        codes = x.codes.view(-1)
        codes[at] = codes[at] ^ (1 << bits).to(torch.uint8)
        values = _Replace.apply(x.values, at, x.levels[codes[at].long()])
        assert isinstance(values, Tensor)
        return Signal(x.codes, values, x.levels, x.bits)


class _Replace(torch.autograd.Function):
    """Put other values at some positions, and nothing else."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, at: Tensor, new: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        values.view(-1)[at] = new
        return values

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        return gradient, None, None
