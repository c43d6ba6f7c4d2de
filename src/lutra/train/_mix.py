"""Training on two images at once: mixup (Zhang et al., arXiv 1710.09412) and CutMix (Yun et al.,
arXiv 1905.04899), and smoothed labels."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lutra.recipe import MixConfig

__all__ = ["mix"]


def mix(
    x: Tensor,
    labels: Tensor,
    classes: int,
    config: MixConfig,
    smoothing: float,
    image: tuple[int, int] | None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Mix every row with another one of the batch, by one share for all.

    Parameters
    ----------
    x
        Raw integers. Shape (batch, features).
    labels
        Class indices. Shape (batch,).
    classes
        Their number.
    config
        What is mixed; where both ways are on, either is drawn half the time.
    smoothing
        Share of a target that is spread over all classes.
    image
        (height, width), which CutMix needs.
    generator
        Source of every draw.

    Returns
    -------
    Raw integers of the same shape and dtype, and targets of sum 1, shape (batch, classes).
    """
    targets = F.one_hot(labels, classes).float() * (1 - smoothing) + smoothing / classes
    if not config.active:
        return x, targets
    # Torch's beta distribution draws from no generator of ours.
    draw = np.random.default_rng(int(torch.randint(1 << 62, (), generator=generator)))
    cuts = draw.random() < 0.5 if config.mixup and config.cutmix else config.cutmix > 0
    alpha = config.cutmix if cuts else config.mixup
    share = float(draw.beta(alpha, alpha))
    # Batches are drawn at random, so that any fixed partner is a random one.
    other = x.flip(0)
    if cuts:
        assert image is not None
        x, share = _cut(x, other, share, image, draw)
    else:
        x = torch.lerp(other.float(), x.float(), share).round().to(x.dtype)
    return x, torch.lerp(targets.flip(0), targets, share)


def _cut(
    x: Tensor, other: Tensor, share: float, image: tuple[int, int], draw: np.random.Generator
) -> tuple[Tensor, float]:
    """Replace one box of all images; return what share of them is kept, which the edges raise."""
    height, width = image
    side = math.sqrt(1 - share)
    top, bottom = _span(height, side, draw)
    left, right = _span(width, side, draw)
    mixed = x.view(len(x), -1, height, width).clone()
    mixed[:, :, top:bottom, left:right] = other.view_as(mixed)[:, :, top:bottom, left:right]
    return mixed.view_as(x), 1 - (bottom - top) * (right - left) / (height * width)


def _span(length: int, share: float, draw: np.random.Generator) -> tuple[int, int]:
    size, middle = int(length * share), int(draw.integers(length))
    start = middle - size // 2
    return max(start, 0), min(start + size, length)
