"""Noise while a network trains, a regulariser: flipped bits of hidden codes, answers left out."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lutra.nn._signal import Signal

__all__ = ["BitFlips", "Dropout"]


@dataclass(frozen=True)
class BitFlips:
    """Invert one bit of a share of all codes; gradients pass as if nothing had happened.

    A later neuron cannot rely on any single bit then, and a wrong table entry costs less.

    Parameters
    ----------
    rate
        Draws of a code to flip, per code; a code drawn twice flips once.
    generator
        Source of the positions.
    """

    rate: float
    generator: torch.Generator

    def __call__(self, x: Signal) -> Signal:
        """Return ``x``, whose codes are changed in place."""
        size = x.codes.numel()
        # A list of positions costs far less than a draw for every code. Each stands there once:
        # on a GPU, writes to the same place come in any order.
        at = torch.randint(size, (round(self.rate * size),), generator=self.generator).unique()
        bits = torch.randint(x.bits, at.shape, generator=self.generator)
        at, bits = at.to(x.codes.device), bits.to(x.codes.device)
        codes = x.codes.view(-1)
        codes[at] = codes[at] ^ (1 << bits).to(torch.uint8)
        return x


@dataclass(frozen=True)
class Dropout:
    """Leave a share of all answers out and scale the others up, so that their mean stays.

    Parameters
    ----------
    rate
        The share.
    generator
        Source of the draws.
    """

    rate: float
    generator: torch.Generator

    def draw(self, *shape: int) -> Tensor:
        """Return uint8, 0 where an answer is left out."""
        draws = torch.rand(shape, generator=self.generator)
        return (draws >= self.rate).to(torch.uint8)
