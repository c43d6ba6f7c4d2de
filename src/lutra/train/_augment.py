"""Image augmentation before encoding: one warp shifts, turns, scales, mirrors and distorts; then
random operations, and erased boxes."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lutra.recipe import AugmentConfig
from lutra.train._rand_augment import rand_augment

__all__ = ["augment"]


def augment(
    raw: Tensor, image: tuple[int, int], config: AugmentConfig, generator: torch.Generator
) -> Tensor:
    """Distort every image in its own random way.

    Parameters
    ----------
    raw
        Pixels row by row, one colour plane after the other, unsigned; of 8 bits where there are
        random operations or erased boxes. Shape (batch, pixels).
    image
        (height, width).
    config
        Ranges of the distortion.
    generator
        Source of every draw, on the CPU wherever the images are.

    Returns
    -------
    The same shape and dtype; what a warp brings in from outside the image is 0.
    """
    images = raw.view(len(raw), -1, *image)
    if config.crop:
        images = _crop(images, config.crop, generator)
    if config.warps:
        images = _warp(images, config, generator)
    if config.rand_operations:
        images = rand_augment(images, config.rand_operations, config.rand_magnitude, generator)
    if config.erase:
        images = _erase(images, config.erase, generator)
    return images.reshape(raw.shape)


def _warp(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Move every image by its own random map and round back to integers."""
    batch, _, height, width = images.shape

    def draw(*shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=generator).to(images.device) * 2 - 1

    angle = draw() * math.radians(config.rotate)
    size = 1 + draw() * config.scale
    shift = draw(2) * config.shift * 2 / torch.tensor([width, height], device=images.device)
    # Coordinates run from -1 to 1 in both directions; a non-square image needs its aspect.
    cos, sin, aspect = angle.cos() * size, angle.sin() * size, width / height
    rows = [cos, -sin / aspect, shift[:, 0], sin * aspect, cos, shift[:, 1]]
    maps = torch.stack(rows, dim=1).view(batch, 2, 3)
    if config.mirror:
        maps[:, 0] *= draw(1).sign()
    grid = F.affine_grid(maps, [batch, 1, height, width], align_corners=False)
    if config.elastic:
        noise = torch.randn(batch, 2, height, width, generator=generator).to(images.device)
        smooth = _smooth(noise, config.elastic_smooth)
        smooth *= config.elastic / smooth.std()
        pixels = torch.tensor([2 / width, 2 / height], device=images.device)
        grid = grid + smooth.permute(0, 2, 3, 1) * pixels
    warped = F.grid_sample(images.float(), grid, align_corners=False)
    return warped.round().to(images.dtype)


def _erase(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Put noise into one box of some images (Zhong et al., arXiv 1708.04896).

    A box has 2 % to a third of the area, and sides of at most 10 : 3.
    """
    rows = (torch.rand(len(images), generator=generator) < share).nonzero()[:, 0]
    shape = len(rows), *images.shape[1:]
    area, aspect, down, along = torch.rand(4, len(rows), 1, generator=generator)
    area = 0.02 + area * (1 / 3 - 0.02)
    aspect = (0.3 ** (2 * aspect - 1)).sqrt()
    inside_rows = _inside(images.shape[2], area.sqrt() * aspect, down)
    inside_columns = _inside(images.shape[3], area.sqrt() / aspect, along)
    inside = (inside_rows[:, :, None] & inside_columns[:, None, :])[:, None].to(images.device)
    noise = torch.randint(256, shape, generator=generator, dtype=images.dtype).to(images.device)
    rows = rows.to(images.device)
    return images.index_copy(0, rows, torch.where(inside, noise, images[rows]))


def _inside(length: int, share: Tensor, place: Tensor) -> Tensor:
    """Return which of so many lines are in each box. Shape (boxes, length)."""
    size = (share * length).round().clamp(1, length)
    start = (place * (length - size + 1)).floor()
    lines = torch.arange(length)
    return (lines >= start) & (lines < start + size)


def _crop(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Shift every image by whole pixels, at most so many in either direction."""
    height, width = images.shape[2:]
    windows = F.pad(images, [most] * 4).unfold(2, height, 1).unfold(3, width, 1)
    places = torch.randint(2 * most + 1, (2, len(images), 1), generator=generator)
    top, left = places[:, :, 0].to(images.device)
    return windows[torch.arange(len(images), device=images.device), :, top, left]


def _smooth(field: Tensor, sigma: float) -> Tensor:
    radius = math.ceil(2 * sigma)
    line = torch.exp(-(torch.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    line = (line / line.sum()).to(field).expand(2, 1, 1, -1)
    field = F.conv2d(field, line, padding=(0, radius), groups=2)
    return F.conv2d(field, line.transpose(2, 3), padding=(radius, 0), groups=2)
