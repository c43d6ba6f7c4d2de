"""Thermometer encoders: every feature against several thresholds, one bit each."""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.circuit import Builder, Code, Encode, Words
from lutra.nn._encoders import InputEncoder
from lutra.nn._signal import Signal

__all__ = ["Distribution", "LearnedThermometer", "ThermometerEncoder", "thermometer"]

Distribution = Literal["uniform", "gaussian", "quantile"]
"""Where thresholds lie, see `thermometer`."""

_SOFTNESS = 1 / 16
"""Share of a word's range over which a learned threshold feels its samples."""


def thermometer(raw: Tensor, count: int, distribution: Distribution) -> Tensor:
    """Return thresholds of raw words, each feature's ascending: (features, count), int64.

    Threshold i of z stands at a share i / (z + 1) of the values: of their range (``uniform``), of
    a normal distribution with their mean and deviation (``gaussian``, as in BTHOWeN), or of the
    values themselves (``quantile``, DWN's distributive encoding). A bit is
    ``x > t``, in whole words ``x >= floor(t) + 1``.

    Parameters
    ----------
    raw
        Rows of the train part, (rows, features).
    count
        z, per feature.
    """
    x = raw.double()
    share = torch.arange(1, count + 1, dtype=torch.float64) / (count + 1)
    if distribution == "uniform":
        low, high = x.amin(0)[:, None], x.amax(0)[:, None]
        t = low + (high - low) * share
    elif distribution == "gaussian":
        t = x.mean(0)[:, None] + x.std(0)[:, None] * torch.special.ndtri(share)
    else:
        order = x.sort(dim=0).values
        t = order[(share * len(x)).long()].T
    return t.floor().long() + 1


class ThermometerEncoder(InputEncoder):
    """Output ``f * T + t`` is the bit ``raw_f >= thresholds[f, t]``. No parameters to train.

    A circuit has the comparators that are read and no others.

    Parameters
    ----------
    thresholds
        Raw words, (features, T).
    width, signed
        The raw word.
    image
        (height, width) where the features are pixels: every channel's, row by row.
    """

    def __init__(
        self,
        thresholds: Tensor,
        width: int,
        signed: bool,
        image: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(len(thresholds), width, signed, 1)
        self.image = image
        self.limits: Tensor
        self.register_buffer("limits", thresholds.to(torch.int32).contiguous())
        self._levels: Tensor
        self.register_buffer("_levels", torch.tensor([0.0, 1.0]), persistent=False)

    @property
    def outputs(self) -> int:
        """Encoded bits, a feature's one after the other."""
        return self.limits.numel()

    @property
    def levels(self) -> Tensor:
        """Real value of a bit: 0 and 1."""
        return self._levels

    def forward(self, raw: Tensor) -> Signal:
        """Encode a batch of raw features, shape (features, batch)."""
        return Signal(self._compare(raw, self.limits), self.levels, 1)

    def _compare(self, raw: Tensor, limits: Tensor) -> Tensor:
        return (raw[:, None] >= limits[:, :, None]).flatten(0, 1).to(torch.uint8)

    @torch.no_grad()
    def thresholds(self) -> Tensor:
        """Return the least raw value of each output's code 1. Shape (outputs, 1)."""
        return self.limits.long().view(-1, 1)

    def lower(self, builder: Builder, read: NDArray[np.int64]) -> tuple[Words, Tensor]:
        """Append the comparators that are read, see `InputEncoder.lower`."""
        limits = self.thresholds().cpu().numpy()[read]
        words = Words(builder.inputs.bits[read // self.limits.shape[1]], self.signed)
        found = builder.add(Encode(words, limits, name="encode", code=Code(1)), 1)
        bits = np.zeros((self.outputs, 1), np.int64)
        bits[read] = found.bits
        return Words(bits), self.levels


class LearnedThermometer(ThermometerEncoder):
    """Thresholds that train with the tables, from where `thermometer` puts them.

    A bit's gradient reaches its threshold as if the step were a logistic function, whose slope is
    greatest at the threshold; the bit itself is exact.
    """

    def __init__(
        self,
        thresholds: Tensor,
        width: int,
        signed: bool,
        image: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(thresholds, width, signed, image)
        self.position = nn.Parameter((thresholds.contiguous() - 0.5) / (1 << width))
        """Shares of the word's range."""

    def forward(self, raw: Tensor) -> Signal:
        """Encode a batch of raw features, shape (features, batch)."""
        limits = self.thresholds().view_as(self.limits)
        codes = self._compare(raw, limits)
        if not self.training:
            return Signal(codes, self.levels, 1)
        carrier = _Steps.apply(self.position, raw, 1 << self.width)
        assert isinstance(carrier, Tensor)
        return Signal(codes, self.levels, 1, carrier)

    @torch.no_grad()
    def thresholds(self) -> Tensor:
        """Return the least raw value of each output's code 1. Shape (outputs, 1)."""
        least = -(1 << (self.width - 1)) if self.signed else 0
        limits = (self.position.double() * (1 << self.width)).ceil().long()
        return limits.clamp(least, least + (1 << self.width)).view(-1, 1)


class _Steps(torch.autograd.Function):
    """A carrier of bits, whose gradient moves the thresholds (features, T) behind them."""

    @staticmethod
    def forward(ctx: Any, position: Tensor, raw: Tensor, words: int) -> Tensor:
        ctx.save_for_backward(position, raw)
        ctx.words = words
        return position.new_empty(()).expand(position.numel(), raw.shape[1])

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        position, raw = ctx.saved_tensors
        distance = (raw.to(position)[:, None] / ctx.words - position[:, :, None]) / _SOFTNESS
        share = distance.sigmoid()
        slope = share * (1 - share) / _SOFTNESS
        return -(gradient.reshape(slope.shape) * slope).sum(2), None, None
