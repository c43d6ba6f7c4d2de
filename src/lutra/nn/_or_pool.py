"""Pooling of bits: the OR over the squares of an image, as a maximum over real values."""

from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.circuit import MAX_FAN_IN, Builder, Code, Lut, Words
from lutra.nn._signal import Signal

__all__ = ["OrPool"]


class OrPool(nn.Module):
    """The OR of every square of bits (conv. DiffLogicNet, NeurIPS 2024): their maximum.

    The gradient goes to the greatest bits of a square, which share it evenly.

    Parameters
    ----------
    channels, height, width
        Of the image, whose features are in this order.
    side
        Of a square, 1 to 4; it divides height and width.
    name
        For the circuit.
    """

    def __init__(self, channels: int, height: int, width: int, side: int, name: str = "") -> None:
        super().__init__()
        if side**2 > MAX_FAN_IN:
            raise ValueError(f"{name}: squares of {side} x {side}; a table has {MAX_FAN_IN} inputs")
        if height % side or width % side:
            raise ValueError(
                f"{name}: an image of {height} x {width} has no whole squares of {side} x {side}"
            )
        self.channels, self.height, self.width, self.side = channels, height, width, side
        self.name = name

    @property
    def neurons(self) -> int:
        """Squares."""
        return self.channels * self.height * self.width // self.side**2

    def forward(self, x: Signal) -> Signal:
        """Pool a batch of bits."""
        codes = reduce(torch.maximum, _parts(x.codes, self)).reshape(self.neurons, -1)
        carrier = x.carrier
        if carrier is not None:
            carrier = _Share.apply(carrier, x.codes, self)
            assert isinstance(carrier, Tensor)
        return Signal(codes, x.levels, x.bits, carrier)

    forward_samples = forward

    def lower(self, builder: Builder, words: Words, levels: Tensor) -> tuple[Words, Tensor]:
        """Append one table per square to a circuit; return the bits and their real values."""
        wires = np.stack([part.reshape(-1) for part in _parts(torch.from_numpy(words.bits), self)])
        size = 1 << len(wires)
        entries = np.arange(size)[None, None] > 0
        table = np.packbits(entries, axis=2, bitorder="little").repeat(self.neurons, axis=0)
        op = Lut(np.ascontiguousarray(wires.T), table, self.name, Code(1))
        return builder.add(op, 1), levels


class _Share(torch.autograd.Function):
    """The carrier of the squares."""

    @staticmethod
    def forward(ctx: Any, carrier: Tensor, codes: Tensor, layer: OrPool) -> Tensor:
        ctx.save_for_backward(codes)
        ctx.layer = layer
        return carrier.new_empty(()).expand(layer.neurons, codes.shape[1])

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        (codes,) = ctx.saved_tensors
        result = gradient.new_empty(codes.shape)
        inputs, outputs = _parts(codes, ctx.layer), _parts(result, ctx.layer)
        ones = reduce(torch.add, inputs)
        share = gradient.reshape(ones.shape) / ones.where(ones > 0, len(inputs))
        top = ones.clamp(max=1)
        for part, bits in zip(outputs, inputs, strict=True):
            torch.mul(share, bits == top, out=part)
        return result, None, None


def _parts(x: Tensor, layer: OrPool) -> list[Tensor]:
    """Return views of the rows at each place of the squares, (rows of squares, columns, batch)."""
    side = layer.side
    grid = x.view(-1, side, layer.width // side, side, x.shape[1])
    return [grid[:, row, :, column] for row in range(side) for column in range(side)]
