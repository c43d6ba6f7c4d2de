"""Dyadic requantisation: codes of any scale to a few bits of one."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lutra.nn.vision._range import Ranged
from lutra.nn.vision._values import Values, bounds
from lutra.vit import MULTIPLIER_BITS

__all__ = ["Requantise", "dyadic"]


def dyadic(ratio: Tensor) -> tuple[Tensor, Tensor]:
    """Return M and shift, both int64, so that ``ratio = M / 2**shift`` to 31 bits (I-ViT).

    Parameters
    ----------
    ratio
        Positive numbers below 2**30, float64. Those below 2**-31 count as 0.
    """
    mantissa, exponent = torch.frexp(ratio.double())
    multiplier = (mantissa * 2.0**MULTIPLIER_BITS + 0.5).floor().long()
    shift = MULTIPLIER_BITS - exponent.long()
    return torch.where(shift > 2 * MULTIPLIER_BITS, 0, multiplier), shift.clamp(
        1, 2 * MULTIPLIER_BITS
    )


class Requantise(Ranged):
    """Bring codes of any scale to ``bits`` bits of one: ``(q M + 2**(shift - 1)) >> shift``.

    A single bit is the sign: -1 or 1, of half the range. A residual is added to what is already
    saturated, and the sum saturates once more.
    """

    def forward(self, values: Values, residual: Values | None = None) -> Values:
        """Requantise and, where there is a residual of the same scale, add it."""
        if values.scale is None:
            x = values.x if residual is None else values.x + residual.x
            self.range.observe(x)
            return Values(x)
        scale = self.scale
        multiplier, shift = dyadic(values.scale / scale)
        least, most = bounds(self.bits)
        added = None if residual is None else residual.x
        kind = self.range.peak.dtype  # exact again, whatever wide sums needed
        x = _Requantise.apply(values.x, added, multiplier, shift, least, most, kind)
        assert isinstance(x, Tensor)
        with torch.no_grad():
            real = values.real if residual is None else values.real + residual.real
        self.range.observe(real)
        return Values(x, scale)


class _Requantise(torch.autograd.Function):
    """Exact forward in 64-bit integers; the gradient passes inside of the bounds."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        residual: Tensor | None,
        multiplier: Tensor,
        shift: Tensor,
        least: int,
        most: int,
        kind: torch.dtype,
    ) -> Tensor:
        kept = None
        if (least, most) == (-1, 1):
            codes = torch.where(x >= 0, 1, -1)
            inside = (x * (multiplier / 2.0**shift).to(x)).abs() <= 1
        else:
            codes = (x.long() * multiplier + (1 << (shift - 1))) >> shift
            inside = (codes >= least) & (codes <= most)
            codes = codes.clamp(least, most)
        if residual is not None:
            codes = codes + residual.long()
            kept = (codes >= least) & (codes <= most)
            codes, inside = codes.clamp(least, most), inside & kept
        ctx.save_for_backward(inside, (multiplier / 2.0**shift).to(x), kept)
        return codes.to(kind)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        inside, ratio, kept = ctx.saved_tensors
        added = None if kept is None else gradient * kept
        return gradient * inside * ratio, added, None, None, None, None, None
