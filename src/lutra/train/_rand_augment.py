"""RandAugment (Cubuk et al., arXiv 1909.13719), with the ranges that DeiT was trained with."""

from collections.abc import Callable

import torch
from torch import Tensor

from lutra.train import _image_ops as ops

__all__ = ["rand_augment"]


def _factor(strength: Tensor) -> Tensor:
    return (1 + 0.9 * strength).clamp(min=0.1)


_OPERATIONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda x, _: ops.autocontrast(x),
    lambda x, _: ops.equalize(x),
    lambda x, _: ops.invert(x),
    lambda x, s: ops.rotate(x, 30 * s),
    lambda x, s: ops.posterize(x, 4 - (4 * s.abs()).long()),
    lambda x, s: ops.solarize(x, 256 - (256 * s.abs()).long()),
    lambda x, s: ops.solarize_add(x, (110 * s.abs()).long()),
    lambda x, s: ops.colour(x, _factor(s)),
    lambda x, s: ops.contrast(x, _factor(s)),
    lambda x, s: ops.brightness(x, _factor(s)),
    lambda x, s: ops.sharpness(x, _factor(s)),
    lambda x, s: ops.shear_x(x, 0.3 * s),
    lambda x, s: ops.shear_y(x, 0.3 * s),
    lambda x, s: ops.translate_x(x, 0.45 * s),
    lambda x, s: ops.translate_y(x, 0.45 * s),
)
"""Each takes images and strengths of -1 to 1; where it has one direction, the sign is nothing."""
_SKIPPED = 0.5
"""Share of the drawn operations that are left out."""
_SPREAD = 0.5
"""Standard deviation of the magnitudes."""


def rand_augment(
    images: Tensor, operations: int, magnitude: float, generator: torch.Generator
) -> Tensor:
    """Change every image by some random operations, one after the other.

    Parameters
    ----------
    images
        uint8. Shape (batch, planes, height, width); one plane, or red, green and blue.
    operations
        How many are drawn for an image; each is left out half the time.
    magnitude
        Mean strength, 0 to 10, of a normal distribution of deviation 0.5.
    generator
        Source of every draw, on the CPU.
    """
    batch = len(images)
    images = images.clone()
    for _ in range(operations):
        choice = torch.randint(len(_OPERATIONS), (batch,), generator=generator)
        kept = torch.rand(batch, generator=generator) >= _SKIPPED
        strength = torch.randn(batch, generator=generator) * _SPREAD + magnitude
        sign = torch.randint(2, (batch,), generator=generator) * 2 - 1
        strength = sign * strength.clamp(0, 10) / 10
        for number, operation in enumerate(_OPERATIONS):
            rows = ((choice == number) & kept).nonzero()[:, 0]
            if len(rows):
                own, rows = strength[rows].to(images.device), rows.to(images.device)
                images[rows] = operation(images[rows], own)
    return images
