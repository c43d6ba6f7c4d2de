"""The channel mixer that every transformer has."""

import torch
from torch import nn

from lutra.nn.vision._linear import Linear
from lutra.nn.vision._nonlinear import ShiftGelu
from lutra.nn.vision._range import Range
from lutra.nn.vision._requantise import Requantise
from lutra.nn.vision._values import Values
from lutra.vit import STREAM_BITS, MlpMixer, Precision

__all__ = ["MlpChannelMixer"]


class MlpChannelMixer(nn.Module):
    """``x + W2 gelu(W1 x + b1) + b2``, token by token.

    Parameters
    ----------
    config
        Its hidden width.
    dim
        Channels.
    precision
        Bits of weights and activations.
    stream
        Range of the residual stream.
    generator
        Source of the initial weights.
    """

    def __init__(
        self,
        config: MlpMixer,
        dim: int,
        precision: Precision,
        stream: Range,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        hidden = config.hidden(dim)
        weights, activations = precision.weights, precision.activations
        self.up = Linear(dim, hidden, weights, True, activations, generator)
        self.hidden = Requantise(8)
        self.gelu = ShiftGelu()
        self.activated = Requantise(activations)
        self.down = Linear(hidden, dim, weights, True, activations, generator)
        self.added = Requantise(STREAM_BITS, stream)

    def forward(self, values: Values, residual: Values, kept: torch.Tensor | None) -> Values:
        """Mix the channels of (batch, tokens, dim) and add them to the residual stream.

        ``kept`` are factors (batch, 1, 1) of the branch.
        """
        hidden = self.activated(self.gelu(self.hidden(self.up(values))))
        branch = self.down(hidden)
        if kept is not None:
            branch = Values(branch.x * kept, branch.scale)
        return self.added(branch, residual)
