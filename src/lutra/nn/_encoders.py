"""Input encoders: fixed-point features -> codes, exactly as the circuit's comparators do it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutra.circuit import Builder, Code, Encode, Words
from lutra.nn._norm import BatchNorm
from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal

__all__ = ["InputEncoder", "LearnedEncoder", "UniformEncoder"]

_LEAST_VARIANCE = 1e-8
"""Damps deviations below 1e-4 of a word's range, which is less than a step of 12 bits."""


class InputEncoder(nn.Module):
    """Maps raw fixed-point features, shape (outputs, batch), to a `Signal`.

    Encoders are monotone in every feature, so that each code step is one threshold.

    Parameters
    ----------
    features
        Raw features.
    width, signed
        The raw word.
    bits
        Bits per code.
    copies
        Encode everything so many times over, each time with parameters of its own.
    """

    def __init__(self, features: int, width: int, signed: bool, bits: int, copies: int = 1) -> None:
        super().__init__()
        self.inputs, self.width, self.signed, self.bits, self.copies = (
            features,
            width,
            signed,
            bits,
            copies,
        )

    @property
    def outputs(self) -> int:
        """Encoded features, the copies one after the other."""
        return self.inputs * self.copies

    @property
    def levels(self) -> Tensor:
        """Real value of every code. Shape (2**bits,)."""
        raise NotImplementedError

    def copied(self, raw: Tensor) -> Tensor:
        """Return raw features (inputs, batch) as often as there are copies: (outputs, batch)."""
        return raw if self.copies == 1 else raw.repeat(self.copies, 1)

    def forward(self, raw: Tensor) -> Signal:
        """Encode a batch of raw features, shape (outputs, batch)."""
        raise NotImplementedError

    @torch.no_grad()
    def thresholds(self) -> Tensor:
        """Return the least raw value of each code above 0, by bisection. (outputs, 2**bits - 1).

        A code that no raw value reaches gets the first value beyond the word.
        """
        low = -(1 << (self.width - 1)) if self.signed else 0
        high = low + (1 << self.width)
        features, steps = self.outputs, (1 << self.bits) - 1
        least = torch.full((features, steps), low)
        most = torch.full((features, steps), high)
        wanted = torch.arange(1, steps + 1).expand(features, steps)
        training = self.training
        self.train(False)
        for _ in range(self.width + 1):
            middle = (least + most).div(2, rounding_mode="floor")
            reached = self(middle.clamp(max=high - 1)).codes.long() >= wanted
            least = torch.where(reached | (least == most), least, middle + 1)
            most = torch.where(reached, middle, most)
        self.train(training)
        return most

    def lower(self, builder: Builder, read: NDArray[np.int64]) -> tuple[Words, Tensor]:
        """Append the comparators; return the code words and the real value of every code.

        ``read`` are the outputs that anything reads; the words of others may mean nothing.
        """
        del read  # all are built: a code's comparators belong together
        thresholds = self.thresholds().cpu().numpy().astype(np.int64)
        levels = self.levels
        step = float(levels[1] - levels[0])
        code = Code(self.bits, round(float(levels[0]) / step), step)
        words = Words(np.tile(builder.inputs.bits, (self.copies, 1)), self.signed)
        op = Encode(words, thresholds, name="encode", code=code)
        return builder.add(op, self.bits), levels


class LearnedEncoder(InputEncoder):
    """Batch norm per feature, one learned shift, signed quantiser: the LogicNets lineage.

    A feature enters as a share of its word's range, so that nothing depends on its unit. The norm's
    weight is used by its absolute value, which keeps the encoder monotone.
    """

    def __init__(self, features: int, width: int, signed: bool, bits: int, copies: int = 1) -> None:
        super().__init__(features, width, signed, bits, copies)
        self.norm = BatchNorm(self.outputs, eps=_LEAST_VARIANCE)
        self.shift = nn.Parameter(torch.tensor(-0.25))
        self.quantiser = Quantiser(bits, signed=True, threshold=1.0)

    @property
    def levels(self) -> Tensor:
        """Real value of every code. Shape (2**bits,)."""
        return self.quantiser.levels

    def forward(self, raw: Tensor) -> Signal:
        """Encode a batch of raw features, shape (outputs, batch)."""
        x = raw.to(self.shift.dtype) * 2.0 ** (self.signed - self.width)
        mean, variance = self.norm.statistics(x)
        weight = self.norm.weight.abs() / (variance + self.norm.eps).sqrt()
        x = (x - mean[:, None]) * weight[:, None] + self.norm.bias[:, None]
        values, codes = self.quantiser(x + self.shift)
        return Signal(codes, self.levels, self.bits, values)


class UniformEncoder(InputEncoder):
    """The top bits of the raw word: no arithmetic, no parameters, no hardware."""

    def __init__(self, features: int, width: int, signed: bool, bits: int, copies: int = 1) -> None:
        super().__init__(features, width, signed, bits, copies)
        if bits > width:
            raise ValueError(f"{bits} code bits from raw words of {width} bits")
        self._levels: Tensor
        self.register_buffer("_levels", torch.linspace(-1, 1, 1 << bits), persistent=False)

    @property
    def levels(self) -> Tensor:
        """Real value of every code, evenly from -1 to 1. Shape (2**bits,)."""
        return self._levels

    def forward(self, raw: Tensor) -> Signal:
        """Encode a batch of raw features, shape (outputs, batch)."""
        if self.signed:
            raw = raw.long() + (1 << (self.width - 1))
        codes = (raw >> (self.width - self.bits)).to(torch.uint8)
        return Signal(codes, self.levels, self.bits)
