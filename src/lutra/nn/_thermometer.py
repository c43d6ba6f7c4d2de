"""Thermometer encoders: every feature against several thresholds, one bit each."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lutra.circuit import Builder, Code, Encode, Words
from lutra.nn._encoders import InputEncoder
from lutra.nn._signal import Signal

__all__ = ["Distribution", "ThermometerEncoder", "thermometer"]

Distribution = Literal["uniform", "gaussian", "quantile"]
"""Where thresholds lie, see `thermometer`."""


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
        codes = (raw[:, None] >= self.limits[:, :, None]).flatten(0, 1).to(torch.uint8)
        return Signal(codes, self.levels, 1)

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
