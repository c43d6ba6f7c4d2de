"""A dense network to distil from: convolutions on images, a plain MLP on other features."""

import torch
from torch import Tensor, nn

from lutra.nn._noise import BitFlips

__all__ = ["Teacher"]

_CHANNELS = (16, 32, 64)
_HIDDEN = (256, 256)
_BATCH = 512


class Teacher(nn.Module):
    """Logits of raw features by an ordinary float network, which never reaches hardware.

    Parameters
    ----------
    features, classes
        Inputs and outputs.
    image
        (height, width) where the features are pixels, row by row, one colour plane after the other.
    """

    def __init__(self, features: int, classes: int, image: tuple[int, int] | None) -> None:
        super().__init__()
        self.image, self.classes = image, classes
        self.network = (
            _mlp(features, classes) if image is None else _convolutions(features, image, classes)
        )

    def forward(self, raw: Tensor, noise: BitFlips | None = None) -> Tensor:
        """Return logits (batch, classes); there are no codes that noise could change."""
        del noise
        x = raw.float()
        return self.network(x if self.image is None else x.unflatten(1, (-1, *self.image)))

    @torch.no_grad()
    def codes(self, raw: Tensor) -> Tensor:
        """Return the logits in evaluation mode: what stands for a LUT network's output codes."""
        training = self.training
        self.train(False)
        # Small results between large buffers would keep the allocator from giving memory back.
        result = torch.empty(len(raw), self.classes)
        try:
            for part, rows in zip(raw.split(_BATCH), result.split(_BATCH), strict=True):
                rows.copy_(self(part))
        finally:
            self.train(training)
        return result


def _mlp(features: int, classes: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.BatchNorm1d(features)]
    for width in _HIDDEN:
        layers += [nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU()]
        features = width
    return nn.Sequential(*layers, nn.Linear(features, classes))


def _convolutions(features: int, image: tuple[int, int], classes: int) -> nn.Sequential:
    height, width = image
    before = features // (height * width)
    layers: list[nn.Module] = [nn.BatchNorm2d(before)]
    for number, channels in enumerate(_CHANNELS):
        if number and min(height, width) > 1:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        layers += [nn.Conv2d(before, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
        before = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * height * width, classes))
