"""Every operation does what Pillow's does, on photographs and on digits."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance, ImageOps

from lutra.data import Dataset, _cifar10
from lutra.train import _image_ops as ops

from ..conftest import local

Peer = Callable[[Image.Image, float], Image.Image]


def filled(change: Callable[..., Image.Image]) -> Peer:
    """Fill what enters with the image's mean colour, as ours do."""

    def peer(image: Image.Image, number: float) -> Image.Image:
        mean = np.asarray(image, np.float64).mean((0, 1)).round().astype(int)
        fill = tuple(mean.tolist()) if mean.ndim else int(mean)
        return change(image, number, fill)

    return peer


def affine(image: Image.Image, numbers: tuple[float, ...], fill: object) -> Image.Image:
    kind, smooth = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    return image.transform(image.size, kind, numbers, smooth, fillcolor=fill)


def lighter(image: Image.Image, number: float) -> Image.Image:
    curve = [min(255, i + int(number)) if i < 128 else i for i in range(256)]
    return image.point(curve * len(image.getbands()))


PEERS: dict[str, tuple[Peer, list[float], int]] = {
    "autocontrast": (lambda image, _: ImageOps.autocontrast(image), [0], 1),
    "equalize": (lambda image, _: ImageOps.equalize(image), [0], 0),
    "invert": (lambda image, _: ImageOps.invert(image), [0], 0),
    "posterize": (lambda image, n: ImageOps.posterize(image, int(n)), [1, 3, 8], 0),
    "solarize": (lambda image, n: ImageOps.solarize(image, int(n)), [0, 26, 128, 256], 0),
    "solarize_add": (lighter, [0, 60, 110], 0),
    "colour": (lambda image, n: ImageEnhance.Color(image).enhance(n), [0.1, 1, 1.9], 1),
    "contrast": (lambda image, n: ImageEnhance.Contrast(image).enhance(n), [0.1, 1, 1.9], 1),
    "brightness": (lambda image, n: ImageEnhance.Brightness(image).enhance(n), [0.1, 1, 1.9], 1),
    "sharpness": (lambda image, n: ImageEnhance.Sharpness(image).enhance(n), [0.1, 1, 1.9], 1),
    "rotate": (
        filled(lambda i, n, fill: i.rotate(n, Image.Resampling.BILINEAR, fillcolor=fill)),
        [0, 27, -13],
        1,
    ),
    "shear_x": (filled(lambda i, n, fill: affine(i, (1, n, 0, 0, 1, 0), fill)), [0.27, -0.1], 1),
    "shear_y": (filled(lambda i, n, fill: affine(i, (1, 0, 0, n, 1, 0), fill)), [0.27, -0.1], 1),
    "translate_x": (
        filled(lambda i, n, fill: affine(i, (1, 0, n * i.width, 0, 1, 0), fill)),
        [0.4, -0.1],
        1,
    ),
    "translate_y": (
        filled(lambda i, n, fill: affine(i, (1, 0, 0, 0, 1, n * i.height), fill)),
        [0.4, -0.1],
        1,
    ),
}
"""By name: Pillow's, arguments to try, and by how much a pixel may be rounded otherwise."""
ALONE = ("autocontrast", "equalize", "invert")
"""Those of no argument."""


def apply(name: str, images: torch.Tensor, number: float) -> torch.Tensor:
    if name in ALONE:
        return getattr(ops, name)(images)
    numbers = torch.full((len(images),), number)
    whole = name in ("posterize", "solarize", "solarize_add")
    return getattr(ops, name)(images, numbers.long() if whole else numbers)


def check(name: str, images: np.ndarray) -> None:
    """Compare on images (batch, planes, height, width)."""
    peer, numbers, slack = PEERS[name]
    for number in numbers:
        found = apply(name, torch.from_numpy(images), number)
        assert found.dtype == torch.uint8 and found.shape == images.shape
        for image, ours in zip(images, found.numpy(), strict=True):
            shown = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
            theirs = np.asarray(peer(shown, number))
            theirs = theirs[None] if len(image) == 1 else theirs.transpose(2, 0, 1)
            assert np.abs(ours.astype(int) - theirs).max() <= slack, number


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    name = local("cifar10")
    sheet = Path(os.environ["LUTRA_DATA"]) / name / "cifar10_5.webp"
    return _cifar10._sheet(sheet)[:32].reshape(-1, 3, 32, 32)


@pytest.mark.parametrize("name", PEERS)
def test_photographs(name: str, photographs: np.ndarray) -> None:
    check(name, photographs)


@pytest.mark.parametrize("name", PEERS)
def test_digits(name: str, small_mnist: Dataset) -> None:
    check(name, small_mnist.test.x[:16].reshape(-1, 1, 28, 28))


IMAGES = st.tuples(st.integers(1, 3), st.sampled_from([1, 3]), *[st.integers(3, 9)] * 2).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


@pytest.mark.parametrize("name", [name for name in PEERS if PEERS[name][2] == 0])
@given(images=IMAGES)
def test_any_image(name: str, images: np.ndarray) -> None:
    check(name, images)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 9), (9, 2)])
def test_narrow_images_are_all_border(shape: tuple[int, int]) -> None:
    images = torch.randint(256, (4, 3, *shape), dtype=torch.uint8).numpy()
    check("sharpness", images)
    for name in PEERS:
        assert apply(name, torch.from_numpy(images), PEERS[name][1][0]).shape == images.shape


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("level", [0, 255])
def test_an_even_image_stays_even(name: str, planes: int, level: int) -> None:
    images = torch.full((2, planes, 5, 7), level, dtype=torch.uint8)
    for number in PEERS[name][1]:
        assert len(apply(name, images, number).unique()) == 1


def test_every_image_has_its_own_number() -> None:
    images = torch.randint(256, (2, 3, 8, 8), dtype=torch.uint8)
    numbers = torch.tensor([0.0, 20.0])
    found = ops.rotate(images, numbers)
    assert torch.equal(found[0], images[0])
    assert torch.equal(found[1:], ops.rotate(images[1:], numbers[1:]))
