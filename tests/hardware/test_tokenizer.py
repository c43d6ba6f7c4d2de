"""Patches and convolutions against the integer reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._tokenizer import tokenizer_blocks
from lutra.vit import IntegerTransformer, parts
from tests.hardware.random_parts import Draw
from tests.hardware.reference import PAUSES, build, same


def transformer(
    shape: tuple[int, int, int],
    tokenizer: parts.Patches | tuple[parts.Convolution, ...],
    embedded: parts.Rescale,
    tokens: int,
    dim: int,
    draw: Draw,
    class_token: bool,
) -> IntegerTransformer:
    """Return a model of which nothing but the tokenizer is used."""
    linear = draw.linear(dim, 1)
    pooling = parts.Pooling(linear, embedded, 1, embedded)
    ones = np.ones(dim, np.int64)
    return IntegerTransformer(
        shape=shape,
        tokenizer=tokenizer,
        embedded=embedded,
        positions=draw.whole(20000, tokens + class_token, dim),
        encoders=(),
        norm=parts.Norm(ones, ones, 30, 8),
        pooling=None if class_token else pooling,
        head=linear,
    )


def patches(
    shape: tuple[int, int, int], side: int, dim: int, class_token: bool, seed: int = 0, **more: int
) -> IntegerTransformer:
    draw = Draw(seed)
    linear = draw.linear(shape[0] * side**2, dim, **more)
    embedded = draw.rescale(linear, 16, scalar=seed % 2 == 1)
    tokens = shape[1] // side * (shape[2] // side)
    tokenizer = parts.Patches(side, linear)
    return transformer(shape, tokenizer, embedded, tokens, dim, draw, class_token)


def convolutions(
    shape: tuple[int, int, int], channels: Sequence[int], seed: int = 0, bits: int = 8
) -> IntegerTransformer:
    draw = Draw(seed)
    planes, height, width = shape
    layers, before = [], None
    for count in channels:
        linear = draw.linear(9 * planes, count)
        layers.append(parts.Convolution(before, linear))
        planes, before = count, draw.rescale(linear, bits, scalar=seed % 2 == 1, room=2)
        height, width = (height + 1) // 2, (width + 1) // 2
    embedded = draw.rescale(layers[-1].kernel, 16)
    tokens = height * width
    return transformer(shape, tuple(layers), embedded, tokens, channels[-1], draw, False)


def pixels(model: IntegerTransformer, images: int, seed: int = 0) -> np.ndarray:
    """Return random images; some are uniform, at either end."""
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 256, (images, int(np.prod(model.shape))))
    raw[1::5] = rng.choice([0, 255], raw[1::5].shape)
    raw[2::10], raw[3::10] = 0, 255
    return raw


def interval(left: np.ndarray, images: int) -> np.ndarray:
    """Return the clocks from image to image where all of the pipeline is full."""
    return np.diff(left.reshape(images, -1)[:, -1])[3:-3]


@pytest.mark.parametrize(
    ("model", "lanes", "images"),
    [
        (patches((3, 8, 12), 4, 12, class_token=True, seed=0), None, 300),
        (patches((3, 8, 12), 4, 20, class_token=False, seed=1), 7, 300),
        (patches((2, 9, 6), 3, 13, class_token=True, seed=2, bits=4), 5, 300),
        (patches((1, 2, 2), 2, 5, class_token=True, seed=3, bias=1 << 30), 1, 500),
    ],
)
def test_patches(model: IntegerTransformer, lanes: int | None, images: int, tmp_path: Path) -> None:
    assert isinstance(model.tokenizer, parts.Patches)
    simulator = build(tokenizer_blocks(model, lanes), tmp_path)
    raw = pixels(model, images)
    expected = model.embed(raw)
    for pauses in PAUSES:
        left = same(simulator, raw, expected.reshape(-1), pauses).left
        if pauses == (0, 0):
            outputs, inputs = model.tokenizer.projection.weight.shape
            tokens = len(model.positions) - (model.pooling is None)
            used = lanes or outputs
            clocks = tokens * -(-outputs // used) * max(inputs, used + 1)
            assert (interval(left, images) == clocks).all()


@pytest.mark.parametrize(
    ("model", "lanes", "images"),
    [
        (convolutions((3, 7, 9), [6], seed=0), None, 200),
        (convolutions((3, 7, 9), [12, 20], seed=1), 8, 60),
        (convolutions((1, 6, 5), [1, 3], seed=2, bits=3), 2, 600),
        (convolutions((2, 9, 4), [5, 4], seed=3, bits=1), None, 300),
        (convolutions((1, 1, 3), [2, 1, 2], seed=4), None, 600),
    ],
)
def test_convolutions(
    model: IntegerTransformer, lanes: int | None, images: int, tmp_path: Path
) -> None:
    assert not isinstance(model.tokenizer, parts.Patches)
    simulator = build(tokenizer_blocks(model, lanes), tmp_path)
    raw = pixels(model, images)
    expected = model.embed(raw)
    for pauses in PAUSES:
        left = same(simulator, raw, expected.reshape(-1), pauses).left
        if pauses == (0, 0):
            clocks = 0
            _, height, width = model.shape
            for layer in model.tokenizer:
                outputs, inputs = layer.kernel.weight.shape
                used = min(lanes or outputs, outputs)
                passes = -(-outputs // used)
                clocks = max(clocks, height * width * passes * max(inputs, used + 1))
                height, width = (height + 1) // 2, (width + 1) // 2
            assert (interval(left, images) == clocks).all()


@pytest.mark.parametrize(
    ("model", "lanes", "clocks"),
    [
        (convolutions((3, 32, 32), [64, 128]), None, 256 * 576),
        (patches((3, 32, 32), 8, 192, class_token=True), 96, 16 * 2 * 192),
    ],
)
def test_sizes_in_use(
    model: IntegerTransformer, lanes: int | None, clocks: int, tmp_path: Path
) -> None:
    simulator = build(tokenizer_blocks(model, lanes), tmp_path, optimise=True)
    raw = pixels(model, 3)
    left = same(simulator, raw, model.embed(raw).reshape(-1)).left
    more = 0 if model.pooling else model.positions.shape[1]
    assert clocks <= np.diff(left.reshape(3, -1)[:, -1])[1] <= clocks + more
