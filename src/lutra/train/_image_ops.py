"""RandAugment's operations on batches of images, each as Pillow does it.

Images have shape (batch, planes, height, width), uint8, one plane or three; a second argument holds
one number per image, shape (batch,). What enters from outside an image has its mean colour.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "autocontrast",
    "brightness",
    "colour",
    "contrast",
    "equalize",
    "invert",
    "posterize",
    "rotate",
    "sharpness",
    "shear_x",
    "shear_y",
    "solarize",
    "solarize_add",
    "translate_x",
    "translate_y",
]


def autocontrast(images: Tensor) -> Tensor:
    """Stretch every plane from 0 to 255."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    span = (high - low).int()
    stretched = (images - low).int() * 255 // span.clamp(min=1)
    return torch.where(span > 0, stretched, images).to(torch.uint8)


def equalize(images: Tensor) -> Tensor:
    """Flatten the histogram of every plane."""
    planes = images.flatten(0, 1).flatten(1).long()
    first = 256 * torch.arange(len(planes), device=images.device)[:, None]
    counts = torch.bincount((planes + first).flatten(), minlength=256 * len(planes)).view(-1, 256)
    last = counts.gather(1, planes.amax(1, keepdim=True))
    step = (counts.sum(1, keepdim=True) - last) // 255
    curve = (step // 2 + counts.cumsum(1) - counts) // step.clamp(min=1)
    same = torch.arange(256, device=images.device)
    curve = torch.where(step > 0, curve.clamp(max=255), same)
    return curve.gather(1, planes).to(torch.uint8).view_as(images)


def invert(images: Tensor) -> Tensor:
    """Turn light into dark."""
    return 255 - images


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep so many of the highest bits."""
    low = (1 << (8 - bits)) - 1
    return images & (255 - low).to(torch.uint8)[:, None, None, None]


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert what is not below the threshold."""
    return torch.where(images < threshold[:, None, None, None], images, 255 - images)


def solarize_add(images: Tensor, addend: Tensor) -> Tensor:
    """Lighten the darker half."""
    lighter = (images + addend[:, None, None, None]).clamp(max=255).to(torch.uint8)
    return torch.where(images < 128, lighter, images)


def colour(images: Tensor, factor: Tensor) -> Tensor:
    """Go from shades of grey, at factor 0, through the image, at 1, and beyond."""
    return _blend(_grey(images), images, factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Go from the mean grey, at factor 0, through the image, at 1, and beyond."""
    mean = (_grey(images).double().mean((1, 2, 3), keepdim=True) + 0.5).floor()
    return _blend(mean, images, factor)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Go from black, at factor 0, through the image, at 1, and beyond."""
    return _blend(torch.zeros(()), images, factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Go from a smoothed image, at factor 0, through the image, at 1, and beyond."""
    smooth = images.float()
    if min(images.shape[2:]) > 2:  # else all is border, which stays as it is
        sums = F.avg_pool2d(smooth, 3, stride=1, divisor_override=1)
        inner = smooth[:, :, 1:-1, 1:-1]
        inner.copy_(((sums + 4 * inner) / 13 + 0.5).floor())
    return _blend(smooth, images, factor)


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Turn about the centre, counter-clockwise."""
    angle = degrees.deg2rad()
    return _warp(images, xx=angle.cos(), xy=-angle.sin(), yx=angle.sin(), yy=angle.cos())


def shear_x(images: Tensor, slope: Tensor) -> Tensor:
    """Shift every row to the left in proportion to its distance from the top."""
    return _warp(images, xy=slope, x=slope * images.shape[2] / 2)


def shear_y(images: Tensor, slope: Tensor) -> Tensor:
    """Shift every column up in proportion to its distance from the left."""
    return _warp(images, yx=slope, y=slope * images.shape[3] / 2)


def translate_x(images: Tensor, share: Tensor) -> Tensor:
    """Shift to the left by a share of the width."""
    return _warp(images, x=share * images.shape[3])


def translate_y(images: Tensor, share: Tensor) -> Tensor:
    """Shift up by a share of the height."""
    return _warp(images, y=share * images.shape[2])


def _grey(images: Tensor) -> Tensor:
    """Return the luma of ITU-R 601 in whole numbers, one plane."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.int().split(1, dim=1)
    return (19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16


def _blend(base: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    start = base.float()
    mixed = start + factor[:, None, None, None] * (images.float() - start)
    return mixed.clamp(0, 255).to(torch.uint8)


def _warp(
    images: Tensor,
    *,
    xx: Tensor | float = 1.0,
    xy: Tensor | float = 0.0,
    x: Tensor | float = 0.0,
    yx: Tensor | float = 0.0,
    yy: Tensor | float = 1.0,
    y: Tensor | float = 0.0,
) -> Tensor:
    """Read the pixel at (px, py) from (xx px + xy py + x, yx px + yy py + y), from the centre."""
    batch, _, height, width = images.shape
    aspect = width / height
    maps = torch.empty(batch, 2, 3, device=images.device)
    # Torch's coordinates run from -1 to 1 in both directions.
    rows = ((xx, xy / aspect, x * 2 / width), (yx * aspect, yy, y * 2 / height))
    for row, numbers in enumerate(rows):
        for column, number in enumerate(numbers):
            maps[:, row, column] = number
    grid = F.affine_grid(maps, [batch, 1, height, width], align_corners=False)
    pixels = images.float()
    warped = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    inside = (grid.abs() <= 1).all(3)[:, None]
    warped = torch.where(inside, warped, pixels.mean((2, 3), keepdim=True))
    return warped.round().to(torch.uint8)
