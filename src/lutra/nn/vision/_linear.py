"""Linear maps whose weights are whole numbers per output channel."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutra.nn.vision._values import EXACT, STEPS, Values, bounds, straight

__all__ = ["BIAS_BITS", "Linear"]

BIAS_BITS = 23
"""Of a bias code, so that a sum of products and it stays a whole number in a float."""
_LEAST = 1e-9
"""Of a row's magnitude, lest a row of zeros has no scale."""


class Linear(nn.Module):
    """``y = W x + b``; in integers, ``q(W) q(x) + q(b)`` in units of both scales.

    The scale of a row of W is its greatest magnitude by ``2**(bits - 1) - 1``; with fewer than 8
    bits the one that loses least of normal weights of its mean magnitude, with one bit, where W are
    signs, this itself.

    Parameters
    ----------
    inputs, outputs
        Channels.
    bits
        Per weight, 1 to 8.
    bias
        Whether there is one.
    input_bits
        Of x.
    generator
        Source of the initial weights.
    one_scale
        Let all rows have the greatest row's scale, so that outputs compare by their codes.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bits: int,
        bias: bool = True,
        input_bits: int = 8,
        generator: torch.Generator | None = None,
        one_scale: bool = False,
    ) -> None:
        super().__init__()
        self.bits, self.one_scale = bits, one_scale
        weight = torch.empty(outputs, inputs)
        nn.init.trunc_normal_(weight, std=0.02, generator=generator)
        self.linear_weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        most = inputs * (1 << (input_bits - 1)) * max(1, (1 << (bits - 1)) - 1)
        self.wide = most + (1 << (BIAS_BITS - 1)) >= EXACT

    def forward(self, values: Values) -> Values:
        """Map the last axis."""
        if values.scale is None:
            return Values(F.linear(values.x, self.linear_weight, self.bias))
        codes, scale = self.codes()
        total = values.scale * scale
        bias = self.bias_codes(total)
        x = values.x.double() if self.wide else values.x
        y = F.linear(x, codes.to(x), None if bias is None else bias.to(x))
        return Values(y.to(values.x.dtype) if not self.wide else y, total)

    def codes(self) -> tuple[Tensor, Tensor]:
        """Return whole weights (outputs, inputs), with gradient, and each row's scale, float64."""
        weight = self.linear_weight
        size = weight.detach().double().abs()
        least, most = bounds(self.bits)
        if self.bits > len(STEPS):
            scale = size.amax(1) / most
        else:
            scale = size.mean(1) * STEPS[self.bits - 1] / STEPS[0]
        scale = scale.clamp_min(_LEAST / most)
        if self.one_scale:
            scale = scale.amax().expand_as(scale)
        if self.bits == 1:
            exact = torch.where(weight >= 0, 1.0, -1.0)
        else:
            exact = (weight.detach().double() / scale[:, None]).round().clamp(least, most)
        return straight(exact.to(weight), weight / scale[:, None].to(weight)), scale

    def bias_codes(self, scale: Tensor) -> Tensor | None:
        """Return the bias in whole units of ``scale`` (outputs,), with gradient."""
        if self.bias is None:
            return None
        top = (1 << (BIAS_BITS - 1)) - 1
        smooth = self.bias.double() / scale
        return straight(smooth.detach().round().clamp(-top, top), smooth)
