"""What flows through a vision transformer: real values, or whole codes and their scale."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.vit import MULTIPLIER_BITS

__all__ = ["Range", "Ranged", "Requantise", "Values", "dyadic", "straight"]

_MOMENTUM = 0.95
"""Of a range's running maximum, as in I-ViT."""
_FALL = 0.999
"""How slowly the range of the residual stream shrinks."""


@dataclass(frozen=True)
class Values:
    """A batch between two operations.

    Parameters
    ----------
    x
        Real values while training in floating point, else codes: whole numbers in a float tensor,
        exact below 2**24, whose gradient is that of the real values times ``scale``.
    scale
        Real value of code 1, float64: a scalar, or one number per channel (the last axis). None
        where ``x`` is real.
    """

    x: Tensor
    scale: Tensor | None = None

    @property
    def real(self) -> Tensor:
        """The real values."""
        return self.x if self.scale is None else self.x * self.scale.to(self.x)


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


class Range(nn.Module):
    """The greatest magnitude that an activation has, averaged over the training steps.

    A step looks at the range of the steps before it, so that it does not matter in which parts,
    or on how many processes, its batch is evaluated; `update` then takes in what the step met.

    Parameters
    ----------
    stream
        Of the residual stream, which is observed at many places and must not overflow: follow a
        greater maximum at once, and shrink slowly.
    """

    def __init__(self, stream: bool = False) -> None:
        super().__init__()
        self.stream = stream
        self.peak: Tensor
        self.register_buffer("peak", torch.zeros(()))
        self.met: Tensor
        self.register_buffer("met", torch.zeros(()), persistent=False)

    @torch.no_grad()
    def observe(self, real: Tensor) -> None:
        """Take note of real values in training."""
        if self.training:
            least, most = real.detach().aminmax()
            torch.maximum(self.met, torch.maximum(-least, most).float(), out=self.met)

    @torch.no_grad()
    def update(self) -> None:
        """Take in what was met since the last update."""
        if not self.met:
            return
        if self.stream:
            self.peak.copy_(torch.maximum(self.peak * _FALL, self.met))
        elif self.peak:
            self.peak.lerp_(self.met, 1 - _MOMENTUM)
        else:
            self.peak.copy_(self.met)
        self.met.zero_()

    def scale(self, bits: int) -> Tensor:
        """Return the real value of code 1 where the range takes so many bits; float64."""
        top = (1 << (bits - 1)) - 1
        return self.peak.double().clamp_min(1e-6) / max(1, top)


class Ranged(nn.Module):
    """An operation whose result has so many bits, and a scale that follows from a range.

    Parameters
    ----------
    bits
        Of the result, 1 to 16.
    range_
        That of another module; one of its own where None.
    """

    def __init__(self, bits: int, range_: Range | None = None) -> None:
        super().__init__()
        self.bits = bits
        if range_ is None:
            range_ = self.own = Range()
        self._range = (range_,)  # in a tuple, lest a shared one becomes a part of many modules

    @property
    def range(self) -> Range:
        """What the scale follows from."""
        return self._range[0]

    @property
    def scale(self) -> Tensor:
        """Real value of code 1, float64."""
        return self.range.scale(self.bits) * (0.5 if self.bits == 1 else 1.0)


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


def bounds(bits: int) -> tuple[int, int]:
    """Return the least and the greatest code of so many bits; -1 and 1 of one."""
    return (-1, 1) if bits == 1 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


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


def straight(exact: Tensor, smooth: Tensor) -> Tensor:
    """Return ``exact``, with the gradient of ``smooth``."""
    result = _Straight.apply(exact, smooth)
    assert isinstance(result, Tensor)
    return result


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, exact: Tensor, _smooth: Tensor) -> Tensor:
        return exact.clone()

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        _ctx: Any, gradient: Tensor
    ) -> tuple[None, Tensor]:
        return None, gradient
