"""The mean of neighbouring codes as a level between tables; an integer sum in hardware."""

import torch
from torch import Tensor, nn

from lutra.circuit import Builder, Code, Words
from lutra.nn._head import sum_groups
from lutra.nn._signal import Signal

__all__ = ["Adder"]


class Adder(nn.Module):
    """Feature j of the result is the mean of features ``j * size .. (j + 1) * size - 1``.

    Codes add up exactly: the sum of unsigned codes is the result's code, and its levels are those
    of the input a ``size``-th as far apart.

    Parameters
    ----------
    neurons, size
        Results, and features behind each.
    bits
        Bits per input code.
    name
        For reports and RTL.

    Raises
    ------
    ValueError
        A sum would need more than 8 bits.
    """

    def __init__(self, neurons: int, size: int, bits: int, name: str = "") -> None:
        super().__init__()
        self.neurons, self.size, self.name = neurons, size, name
        self.bits = (size * ((1 << bits) - 1)).bit_length()
        if self.bits > 8:
            raise ValueError(
                f"{name}: the sum of {size} codes of {bits} bits has {self.bits} bits; at most 8"
            )

    def forward(self, x: Signal) -> Signal:
        """Add up codes and values."""
        codes = x.codes.unflatten(0, (-1, self.size)).sum(1, dtype=torch.uint8)
        carrier = None
        if x.carrier is not None:
            carrier = x.carrier.unflatten(0, (-1, self.size)).mean(1)
        return Signal(codes, self._levels(x.levels), self.bits, carrier)

    forward_samples = forward  # a sum has no table: it is taken sample by sample

    def lower(self, builder: Builder, words: Words, levels: Tensor) -> tuple[Words, Tensor]:
        """Append the sums to a circuit; return them, and the real value of every code."""
        own = self._levels(levels)
        step = float(own[1] - own[0])
        code = Code(words.width, round(float(levels[0]) / (step * self.size)), step)
        return sum_groups(builder, words, self.size, code, self.name), own

    def _levels(self, levels: Tensor) -> Tensor:
        step = (levels[1] - levels[0]) / self.size
        codes = torch.arange(1 << self.bits, device=levels.device, dtype=levels.dtype)
        return levels[0] + step * codes
