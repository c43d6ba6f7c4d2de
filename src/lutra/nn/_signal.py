"""What flows between layers: integer codes, and the thread that gradients follow."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Signal"]


@dataclass(frozen=True)
class Signal:
    """A batch of quantised features, feature-major.

    Parameters
    ----------
    codes
        Unsigned code of each feature and sample. Shape (features, batch), uint8.
    levels
        Real value of every code, without gradient. Shape (2**bits,).
    bits
        Bits per code.
    carrier
        Tensor of the codes' shape whose gradient is that of `values`; None where there is none.
        Its numbers mean nothing, so it needs no memory: tables are read by code alone.
    relaxed
        The carrier's numbers are the values, which are not rounded to the codes'.
    """

    codes: Tensor
    levels: Tensor
    bits: int
    carrier: Tensor | None = None
    relaxed: bool = False

    @property
    def values(self) -> Tensor:
        """Real value of each code, with its gradient. Shape (features, batch)."""
        if self.carrier is None:
            return self.levels[self.codes.long()]
        if self.relaxed:
            return self.carrier
        values = _Read.apply(self.carrier, self.codes, self.levels)
        assert isinstance(values, Tensor)
        return values


class _Read(torch.autograd.Function):
    """The codes' values; the gradient goes to the carrier as it is."""

    @staticmethod
    def forward(_ctx: Any, _carrier: Tensor, codes: Tensor, levels: Tensor) -> Tensor:
        if len(levels) == 2:  # multiples of one step: the same numbers in an eighth of the time
            return codes.to(levels.dtype).mul_(levels[1] - levels[0]).add_(levels[0])
        return levels.index_select(0, codes.reshape(-1).int()).view(codes.shape)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        _ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        return gradient, None, None
