"""From the pixels of a batch to its tokens."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from lutra.nn.vision._linear import Linear
from lutra.nn.vision._requantise import Requantise
from lutra.nn.vision._values import Values
from lutra.vit import Cct, Vit

__all__ = ["ConvTokenizer", "PatchTokenizer"]


class PatchTokenizer(nn.Module):
    """One token per patch, projected linearly; its weights have 8 bits.

    Patches are rows (plane, row, column) of pixels, as a convolution's weights would have them.

    Parameters
    ----------
    config
        Patch and token width.
    planes
        Of the image.
    generator
        Source of the initial weights.
    """

    def __init__(self, config: Vit, planes: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.patch = config.patch
        self.projection = Linear(planes * config.patch**2, config.dim, 8, generator=generator)

    def forward(self, values: Values) -> Values:
        """Map (batch, planes, height, width) to (batch, tokens, dim)."""
        rows = F.unfold(values.x, self.patch, stride=self.patch).transpose(1, 2)
        return self.projection(Values(rows, values.scale))


class ConvTokenizer(nn.Module):
    """Convolutions of 3 x 3, ReLU and max pooling of 3 x 3 at every second pixel.

    The first convolution's weights have 8 bits. What the others read has two at least: after a
    ReLU every sign is the same, but two bits leave 0 and 1.

    Parameters
    ----------
    config
        How many, and the precision.
    planes
        Of the image.
    generator
        Source of the initial weights.
    """

    def __init__(self, config: Cct, planes: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        channels = [planes, *[64] * (config.convolutions - 1), config.dim]
        self.convolutions, self.between = nn.ModuleList(), nn.ModuleList()
        activations = max(2, config.precision.activations)
        for number in range(config.convolutions):
            bits, given = (config.precision.weights, activations) if number else (8, 8)
            fan_in = channels[number] * 9
            layer = Linear(fan_in, channels[number + 1], bits, False, given, generator)
            with torch.no_grad():
                layer.linear_weight.normal_(std=math.sqrt(2 / fan_in), generator=generator)
            self.convolutions.append(layer)
            if number:
                self.between.append(Requantise(activations))

    def forward(self, values: Values) -> Values:
        """Map (batch, planes, height, width) to (batch, tokens, dim)."""
        x = values.x.contiguous(memory_format=torch.channels_last)  # pools in a fifth of the time
        values = Values(x, values.scale)
        for number, layer in enumerate(self.convolutions):
            assert isinstance(layer, Linear)
            if number:
                values = _channels_first(self.between[number - 1](_channels_last(values)))
            values = _convolve(layer, values)
            # A maximum of rectified numbers is the rectified maximum.
            values = Values(F.max_pool2d(values.x, 3, 2, 1).relu(), values.scale)
        return Values(values.x.flatten(2).transpose(1, 2), values.scale)


def _convolve(layer: Linear, values: Values) -> Values:
    """Convolve 3 x 3 with a border of zeros; channels stay the second axis."""
    channels, height, width = values.x.shape[1:]
    if values.scale is None:
        weight = layer.linear_weight.view(-1, channels, 3, 3)
        return Values(F.conv2d(values.x, weight, padding=1))
    # A convolution proper may transform its weights (Winograd), which is not exact.
    rows = F.unfold(values.x, 3, padding=1).transpose(1, 2)
    found = layer(Values(rows, values.scale))
    pixels = found.x.unflatten(1, (height, width))
    return Values(pixels.movedim(-1, 1), found.scale)


def _channels_last(values: Values) -> Values:
    return Values(values.x.movedim(1, -1), values.scale)


def _channels_first(values: Values) -> Values:
    return Values(values.x.movedim(-1, 1), values.scale)
