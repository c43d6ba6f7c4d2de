"""Image augmentation before encoding: one warp shifts, turns, scales, mirrors and distorts."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lutra.recipe import AugmentConfig

__all__ = ["augment"]


def augment(
    raw: Tensor, image: tuple[int, int], config: AugmentConfig, generator: torch.Generator
) -> Tensor:
    """Warp every image by its own random map and round back to raw integers.

    Parameters
    ----------
    raw
        Pixels row by row, one colour plane after the other, unsigned. Shape (batch, pixels).
    image
        (height, width).
    config
        Ranges of the distortion.
    generator
        Source of every draw.

    Returns
    -------
    The same shape and dtype; what enters from outside the image is 0.
    """
    if config.crop:
        raw = _crop(raw, image, config.crop, generator)
    if not (config.mirror or max(config.shift, config.rotate, config.scale, config.elastic)):
        return raw
    height, width = image
    batch = len(raw)

    def draw(*shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=generator) * 2 - 1

    angle = draw() * math.radians(config.rotate)
    size = 1 + draw() * config.scale
    shift = draw(2) * config.shift * 2 / torch.tensor([width, height])
    # Coordinates run from -1 to 1 in both directions; a non-square image needs its aspect.
    cos, sin, aspect = angle.cos() * size, angle.sin() * size, width / height
    rows = [cos, -sin / aspect, shift[:, 0], sin * aspect, cos, shift[:, 1]]
    maps = torch.stack(rows, dim=1).view(batch, 2, 3)
    if config.mirror:
        maps[:, 0] *= draw(1).sign()
    grid = F.affine_grid(maps, [batch, 1, height, width], align_corners=False)
    if config.elastic:
        noise = torch.randn(batch, 2, height, width, generator=generator)
        smooth = _smooth(noise, config.elastic_smooth)
        smooth *= config.elastic / smooth.std()
        pixels = torch.tensor([2 / width, 2 / height])
        grid = grid + smooth.permute(0, 2, 3, 1) * pixels
    images = raw.view(batch, -1, height, width).float()
    warped = F.grid_sample(images, grid, align_corners=False)
    return warped.round().to(raw.dtype).view(batch, -1)


def _crop(raw: Tensor, image: tuple[int, int], most: int, generator: torch.Generator) -> Tensor:
    """Shift every image by whole pixels, at most so many in either direction."""
    height, width = image
    padded = F.pad(raw.view(len(raw), -1, height, width), [most] * 4)
    top, left = torch.randint(2 * most + 1, (2, len(raw), 1), generator=generator)
    rows, columns = top + torch.arange(height), left + torch.arange(width)
    sample = torch.arange(len(raw))[:, None, None]
    found = padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None]]
    return found.permute(0, 3, 1, 2).reshape(raw.shape)


def _smooth(field: Tensor, sigma: float) -> Tensor:
    radius = math.ceil(2 * sigma)
    line = torch.exp(-(torch.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    line = (line / line.sum()).expand(2, 1, 1, -1)
    field = F.conv2d(field, line, padding=(0, radius), groups=2)
    return F.conv2d(field, line.transpose(2, 3), padding=(radius, 0), groups=2)
