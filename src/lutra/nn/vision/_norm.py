"""I-LayerNorm: normalisation by whole numbers alone."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutra.nn.vision._range import Range, Ranged
from lutra.nn.vision._values import Values, bounds, straight
from lutra.vit import MULTIPLIER_BITS, NORM_BITS

__all__ = ["LayerNorm"]


class LayerNorm(Ranged):
    """Normalise the last axis, scale and shift every channel, quantise.

    In integers as in I-ViT (arXiv 2207.01405): with y = x - mean(x), ``k = isqrt(sum y**2)``,
    ``z = y * ((2**31 - 1) // k) >> 1``; then ``(z M_c + B_c) >> shift`` per channel, rounded. The
    square root is exact, where the published ten Newton steps may not have arrived; the affine map
    is one dyadic product, where the published quotient of shift and scale needs a scale other
    than 0.

    Parameters
    ----------
    channels
        Of the last axis.
    bits, range_
        Of the result, see `Ranged`.
    epsilon
        Added to the variance in floating point; integers have none.
    """

    def __init__(
        self, channels: int, bits: int, range_: Range | None = None, epsilon: float = 1e-6
    ) -> None:
        super().__init__(bits, range_)
        self.epsilon = epsilon
        self.gain = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, values: Values) -> Values:
        """Normalise."""
        real = values.real
        smooth = F.layer_norm(real, self.gain.shape, self.gain, self.bias, self.epsilon)
        self.range.observe(smooth)
        if values.scale is None:
            return Values(smooth)
        least, most = bounds(self.bits)
        with torch.no_grad():
            multiplier, offset, shift = self.constants()
            product = _normalise(values.x.long()) * multiplier + offset
            codes = (product + (1 << (shift - 1))) >> shift
            if self.bits == 1:
                codes = torch.where(product >= 0, 1, -1)
            codes = codes.clamp(least, most).to(values.x.dtype)
        inside = smooth / self.scale.to(smooth)
        return Values(straight(codes, inside.clamp(least, most)), self.scale)

    def constants(self) -> tuple[Tensor, Tensor, int]:
        """Return M_c and B_c (channels,), int64, and the shift that all channels share."""
        unit = math.sqrt(len(self.gain)) / 2.0**NORM_BITS / self.scale
        ratio = self.gain.detach().double() * unit
        exponent = int(torch.frexp(ratio.abs().amax())[1])
        room = 2 * MULTIPLIER_BITS - max(8, self.bits)  # for an offset of as many bits
        shift = min(max(MULTIPLIER_BITS - exponent, 1), room)
        most, top = 2.0**MULTIPLIER_BITS, 2.0 ** (2 * MULTIPLIER_BITS - 1)
        multiplier = (ratio * 2.0**shift).round().clamp(-most, most)
        offset = (self.bias.detach().double() / self.scale * 2.0**shift).round()
        return multiplier.long(), offset.clamp(-top, top).long(), shift


def _normalise(x: Tensor) -> Tensor:
    """Return z, whose standard deviation is ``2**30 / sqrt(channels)``; int64."""
    count = x.shape[-1]
    mean = (2 * x.sum(-1, keepdim=True) + count).div(2 * count, rounding_mode="floor")
    y = x - mean
    square = (y * y).sum(-1, keepdim=True)
    root = square.double().sqrt().floor().long()  # below 2**52, at most one off
    root = root - (root * root > square).long()
    root = (root + ((root + 1) ** 2 <= square).long()).clamp_min(1)
    inverse = torch.full_like(root, (1 << 31) - 1).div(root, rounding_mode="floor")
    return (y * inverse) >> 1
