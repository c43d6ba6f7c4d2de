"""Patches and convolutions against the integer reference."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._tokenizer import tokenizer_blocks
from lutra.vit import IntegerTransformer, parts
from tests.hardware.random_parts import (
    convolutions_of,
    embedding_of,
    halved,
    patches_of,
    pixels_of,
)
from tests.hardware.simulation import PAUSES, build, intervals, run_equal

Shape = tuple[int, int, int]


def of_patches(
    shape: Shape, side: int, dim: int, class_token: bool, seed: int = 0, **more: int
) -> IntegerTransformer:
    rng = np.random.default_rng(seed)
    found = patches_of(rng, shape, side, dim, scalar=seed % 2 == 1, **more)
    tokens = shape[1] // side * (shape[2] // side)
    return embedding_of(rng, shape, *found, tokens, class_token)


def of_convolutions(
    shape: Shape, channels: Sequence[int], seed: int = 0, bits: int = 8
) -> IntegerTransformer:
    rng = np.random.default_rng(seed)
    found = convolutions_of(rng, shape, channels, bits, scalar=seed % 2 == 1)
    return embedding_of(rng, shape, *found, halved(shape, len(channels)), False)


@pytest.mark.parametrize(
    ("shape", "side", "dim", "class_token", "seed", "more", "lanes", "images"),
    [
        ((3, 8, 12), 4, 20, False, 1, {}, 7, 300),
        ((2, 9, 6), 3, 13, True, 2, {"bits": 4}, 5, 300),
        ((1, 2, 2), 2, 5, True, 3, {"bias": 1 << 30}, 1, 500),
    ],
)
def test_patches(
    shape: Shape,
    side: int,
    dim: int,
    class_token: bool,
    seed: int,
    more: dict[str, int],
    lanes: int | None,
    images: int,
    tmp_path: Path,
) -> None:
    model = of_patches(shape, side, dim, class_token, seed, **more)
    simulator = build(tmp_path, *tokenizer_blocks(model, lanes))
    raw = pixels_of(np.random.default_rng(seed), images, shape)
    for pauses in PAUSES:
        found = run_equal(simulator, raw, model.embed(raw), pauses)
        if pauses == (0, 0):
            tokens = shape[1] // side * (shape[2] // side)
            inputs, used = shape[0] * side**2, lanes or dim
            clocks = tokens * -(-dim // used) * max(inputs, used + 1)
            assert (intervals(found, images)[3:-3] == clocks).all()


@pytest.mark.parametrize(
    ("shape", "channels", "seed", "bits", "lanes", "images"),
    [
        ((3, 7, 9), [6], 0, 8, None, 260),
        ((3, 7, 9), [12, 20], 1, 8, 8, 60),
        ((1, 6, 5), [1, 3], 2, 3, 2, 600),
        ((2, 9, 4), [5, 4], 3, 1, None, 300),
        ((1, 1, 3), [2, 1, 2], 4, 8, None, 600),
    ],
)
def test_convolutions(
    shape: Shape,
    channels: list[int],
    seed: int,
    bits: int,
    lanes: int | None,
    images: int,
    tmp_path: Path,
) -> None:
    model = of_convolutions(shape, channels, seed, bits)
    assert not isinstance(model.tokenizer, parts.Patches)
    simulator = build(tmp_path, *tokenizer_blocks(model, lanes))
    raw = pixels_of(np.random.default_rng(seed), images, shape)
    for pauses in PAUSES:
        found = run_equal(simulator, raw, model.embed(raw), pauses)
        if pauses == (0, 0):
            clocks, (_, height, width) = 0, shape
            for layer in model.tokenizer:
                outputs, inputs = layer.kernel.weight.shape
                used = min(lanes or outputs, outputs)
                passes = -(-outputs // used)
                clocks = max(clocks, height * width * passes * max(inputs, used + 1))
                height, width = (height + 1) // 2, (width + 1) // 2
            assert (intervals(found, images)[3:-3] == clocks).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "lanes", "clocks"),
    [
        (lambda: of_convolutions((3, 32, 32), [64, 128]), None, 256 * 576),
        (lambda: of_patches((3, 32, 32), 8, 192, class_token=True), 96, 16 * 2 * 192),
    ],
)
def test_sizes_in_use(
    model: Callable[[], IntegerTransformer], lanes: int | None, clocks: int, tmp_path: Path
) -> None:
    found = model()
    simulator = build(tmp_path, *tokenizer_blocks(found, lanes), optimise=True)
    raw = pixels_of(np.random.default_rng(0), 3, found.shape)
    run = run_equal(simulator, raw, found.embed(raw))
    more = 0 if found.pooling else found.positions.shape[1]
    assert clocks <= intervals(run, 3)[1] <= clocks + more
