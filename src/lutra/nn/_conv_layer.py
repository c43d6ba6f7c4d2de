"""Convolutions of tables: the same trees at every position of an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.circuit import Builder, Lut, Words
from lutra.nn._signal import Signal
from lutra.nn._table_layer import TableLayer
from lutra.nn._torch_ops import add_rows

__all__ = ["ConvLayer", "patches"]


def patches(image: Tensor, side: int, stride: int = 1, padding: int = 0) -> Tensor:
    """Return which feature every tap of a square window reads at every position.

    Parameters
    ----------
    image
        Number of the feature in each channel, row and column. Shape (channels, height, width).
    side, stride
        Of the windows.
    padding
        Rows and columns of constant code 0 on every side of the image, numbered -1.

    Returns
    -------
    Shape (channels * side * side, positions); taps and positions are row by row.
    """
    padded = F.pad(image, (padding,) * 4, value=-1)
    windows = padded.unfold(1, side, stride).unfold(2, side, stride)
    return windows.permute(0, 3, 4, 1, 2).reshape(len(image) * side**2, -1)


class ConvLayer(nn.Module):
    """Trees of tables that are shared by all positions (conv. DiffLogicNet, NeurIPS 2024).

    Positions fold into the batch: the tables see (taps, positions * batch) codes, so a table's
    gradient is the sum over positions. Output ``k * positions + p`` is tree k at position p.

    Parameters
    ----------
    taps
        Feature that each tap reads at each position, -1 for the constant code 0, see `patches`.
        Shape (taps, positions).
    trees
        Levels of the trees; the first reads taps.
    name
        For the circuit.
    """

    def __init__(self, taps: Tensor, trees: Sequence[TableLayer], name: str = "") -> None:
        super().__init__()
        self.taps: Tensor
        self.register_buffer("taps", taps, persistent=False)
        self.trees = nn.ModuleList(trees)
        self.name = name

    @property
    def positions(self) -> int:
        """Positions of a window."""
        return self.taps.shape[1]

    @property
    def neurons(self) -> int:
        """Outputs, trees times positions."""
        return self.levels[-1].neurons * self.positions

    @property
    def levels(self) -> list[TableLayer]:
        """The levels of the trees."""
        return list(self.trees)  # pyright: ignore[reportReturnType]

    @property
    def read(self) -> Tensor:
        """Features that are read, ascending."""
        found = self.taps[self.levels[0].wires.unique()].unique()
        return found[found >= 0]

    def outside(self, features: int) -> Tensor:
        """Return what is read beyond so many features, see `TableLayer.outside`."""
        before = [len(self.taps), *(level.neurons for level in self.levels)]
        found = [level.outside(n) for level, n in zip(self.levels, before, strict=False)]
        return torch.cat([self.taps[self.taps >= features], *found])

    def forward(self, x: Signal) -> Signal:
        """Evaluate in the table domain."""
        flow = self._unfold(x)
        for level in self.levels:
            flow = level(flow)
        return self._fold(flow)

    def forward_samples(self, x: Signal) -> Signal:
        """Evaluate sample by sample: the reference that `forward` must equal."""
        flow = self._unfold(x)
        for level in self.levels:
            flow = level.forward_samples(flow)
        return self._fold(flow)

    def lower(self, builder: Builder, words: Words, levels: Tensor) -> tuple[Words, Tensor]:
        """Append every position's tables to a circuit, see `TableLayer.lower`."""
        bits = words.bits
        if (self.taps < 0).any():  # the last row, which -1 means
            zero = builder.add(_zero(f"{self.name}_zero"), 1).bits
            bits = np.concatenate([bits, zero.repeat(words.width, axis=1)])
        words = Words(bits[self.taps.flatten().cpu().numpy()])
        for level in self.levels:
            words, levels = level.lower(builder, words, levels, self.positions)
        return words, levels

    def _unfold(self, x: Signal) -> Signal:
        batch, codes, carrier = x.codes.shape[1], x.codes, x.carrier
        taps = self.taps.flatten()
        if (taps < 0).any():
            codes = torch.cat([codes, codes.new_zeros(1, batch)])
            taps = taps.where(taps >= 0, len(codes) - 1)
        codes = codes.index_select(0, taps).view(len(self.taps), -1)
        if carrier is not None:
            carrier = _Unfold.apply(carrier, taps, codes.shape)
            assert isinstance(carrier, Tensor)
        return Signal(codes, x.levels, x.bits, carrier)

    def _fold(self, x: Signal) -> Signal:
        shape = self.neurons, -1
        carrier = None if x.carrier is None else x.carrier.reshape(shape)
        return Signal(x.codes.reshape(shape), x.levels, x.bits, carrier)


class _Unfold(torch.autograd.Function):
    """The carrier of the taps; backward adds up what the positions send to a feature."""

    @staticmethod
    def forward(ctx: Any, carrier: Tensor, taps: Tensor, shape: torch.Size) -> Tensor:
        ctx.taps, ctx.features = taps, len(carrier)
        return carrier.new_empty(()).expand(shape)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        rows = gradient.reshape(len(ctx.taps), -1)
        sums = rows.new_zeros(ctx.features + 1, rows.shape[1])  # the last one is the padding's
        add_rows(sums, ctx.taps, rows)
        return sums[:-1], None, None


def _zero(name: str) -> Lut:
    """Return a table without inputs that is 0."""
    return Lut(np.zeros((1, 0), np.int64), np.zeros((1, 1, 1), np.uint8), name)
