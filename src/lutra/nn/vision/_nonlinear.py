"""Shiftmax and ShiftGELU of I-ViT (arXiv 2207.01405): exponentials by shifts."""

import math

import torch
from torch import Tensor, nn

from lutra.errors import ModelError
from lutra.nn.vision._values import Values, straight
from lutra.vit import (
    GELU_BITS,
    GELU_SLOPE,
    SHIFTMAX_BITS,
    SOFTMAX_BITS,
    exponential_bits,
)

__all__ = ["ShiftGelu", "Shiftmax", "whole_unit"]

_TOP = (1 << 31) - 1
_UNIT = 1 << 16
"""Greatest code of 1, so that exponentials of thousands of tokens add up in 31 bits.

Codes of 8 bits are next to 0 in such a unit, as in a greater one.
"""


class Shiftmax(nn.Module):
    """Softmax over the last axis; the result has `SOFTMAX_BITS` bits, its greatest value is 1."""

    def forward(self, values: Values) -> Values:
        """Return probabilities."""
        smooth = values.real.softmax(-1)
        if values.scale is None:
            return Values(smooth)
        scale = 2.0 ** (1 - SOFTMAX_BITS)
        with torch.no_grad():
            x = values.x.long()
            x = x - x.amax(-1, keepdim=True)
            unit = whole_unit(values.scale)
            exp = _exponential(x, unit, exponential_bits(SHIFTMAX_BITS, unit * x.shape[-1]))
            total = exp.sum(-1, keepdim=True)
            exact = exp * (torch.full_like(total, _TOP) // total) >> (32 - SOFTMAX_BITS)
        codes = straight(exact.to(values.x.dtype), smooth / scale)
        return Values(codes, values.scale.new_tensor(scale))


class ShiftGelu(nn.Module):
    """``x * sigmoid(1.702 x)``; the sigmoid has as many bits as x, 8."""

    def forward(self, values: Values) -> Values:
        """Return activations."""
        real = values.real
        smooth = real * (GELU_SLOPE * real).sigmoid()
        if values.scale is None:
            return Values(smooth)
        scale = values.scale * 2.0**-7
        with torch.no_grad():
            x = values.x.long()
            most = x.amax(-1, keepdim=True).clamp_min(0)
            unit = whole_unit(values.scale * GELU_SLOPE)
            bits = exponential_bits(GELU_BITS, 2 * unit)
            exp = _exponential(x - most, unit, bits)
            total = exp + _exponential(-most, unit, bits)
            sigmoid = exp * (torch.full_like(total, _TOP) // total) >> 24
            exact = x * sigmoid
        return Values(straight(exact.to(values.x.dtype), smooth / scale.to(smooth)), scale)


def whole_unit(scale: Tensor) -> int:
    """Return how many codes of such a scale make up 1: a whole number from 1 to 2**16.

    Raises
    ------
    ModelError
        The scale is none.
    """
    codes = float((1 / scale).ceil())
    if math.isnan(codes):
        raise ModelError("a range of the model is not finite: its weights are damaged")
    return int(min(max(1.0, codes), _UNIT))


def _exponential(x: Tensor, unit: int, bits: int) -> Tensor:
    """Return ``2**bits * unit * exp(x / unit)`` or less, for whole x; int64.

    ``x (1 + 1/2 - 1/16)`` is about ``x log2(e)``; its whole part shifts, the rest is linear.
    """
    x = (x + (x >> 1) - (x >> 4)).clamp_min(-bits * unit)
    whole = (-x).div(unit, rounding_mode="floor")
    rest = x + unit * whole
    return ((rest + 2 * unit) << (bits - whole)) >> 1
