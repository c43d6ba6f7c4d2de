"""Multi-head self-attention, in floating point or in whole numbers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutra.nn.vision._linear import Linear
from lutra.nn.vision._nonlinear import Shiftmax
from lutra.nn.vision._requantise import Requantise
from lutra.nn.vision._values import EXACT, Values
from lutra.vit import Precision

__all__ = ["Attention"]


class Attention(nn.Module):
    """``softmax(Q K^T / sqrt(d)) V``, projected.

    Scores have 8 bits in front of Shiftmax, probabilities 16 behind it. The root is part of the
    scores' scale.

    Parameters
    ----------
    dim, heads
        Channels, and among how many heads they are divided.
    bias
        Whether Q, K and V have one.
    precision
        Bits of weights and activations.
    generator
        Source of the initial weights.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        bias: bool,
        precision: Precision,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        weights, activations = precision.weights, precision.activations
        self.qkv = Linear(dim, 3 * dim, weights, bias, activations, generator)
        self.qkv_codes = Requantise(activations)
        self.scores = Requantise(8)
        self.softmax = Shiftmax()
        self.mixed = Requantise(activations)
        self.projection = Linear(dim, dim, weights, True, activations, generator)
        self.wide = dim // heads << 2 * (activations - 1) >= EXACT

    def forward(self, values: Values) -> Values:
        """Mix tokens (batch, tokens, dim)."""
        batch, tokens, dim = values.x.shape
        qkv = self.qkv_codes(self.qkv(values))
        split = qkv.x.view(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = split
        root = (dim // self.heads) ** -0.5
        if qkv.scale is None and not self.training:
            mixed = F.scaled_dot_product_attention(q, k, v)
            return self.projection(self.mixed(Values(_joined(mixed))))
        if self.wide and qkv.scale is not None:
            q, k = q.double(), k.double()
        product = q @ k.transpose(2, 3)
        if qkv.scale is None:
            scores = Values(product * root)
            mixed_scale = None
        else:
            scores = Values(product, qkv.scale**2 * root)
            mixed_scale = qkv.scale
        p = self.softmax(self.scores(scores))
        if mixed_scale is not None:
            assert p.scale is not None
            mixed_scale = mixed_scale * p.scale
        return self.projection(self.mixed(Values(_joined(p.x @ v), mixed_scale)))


def _joined(x: Tensor) -> Tensor:
    """Return (batch, tokens, dim) of (batch, heads, tokens, dim / heads)."""
    return x.transpose(1, 2).flatten(2)
