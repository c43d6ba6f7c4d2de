"""Pooling and classification against the integer reference."""

from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._head import head_blocks, pooling_block
from lutra.vit import parts
from tests.hardware.random_parts import Draw
from tests.hardware.reference import PAUSES, build, same


def pairs(codes: np.ndarray) -> np.ndarray:
    """Put noise above codes of 8 bits."""
    return codes & 255 | np.random.default_rng(1).integers(0, 1 << 16, codes.shape) << 8


def codes_of(images: int, tokens: int, dim: int) -> np.ndarray:
    """Return random codes; some images have a single code all over, some the two extremes."""
    codes = Draw(5).whole(127, images, tokens, dim)
    codes[1::5] = np.where(codes[1::5] < 0, -128, 127)
    codes[2::10], codes[3::10] = -128, 127
    return codes


def interval(left: np.ndarray, images: int) -> np.ndarray:
    return np.diff(left.reshape(images, -1)[:, -1])[3:-3]


@pytest.mark.parametrize(
    ("dim", "classes", "tokens", "bits", "lanes"),
    [
        (12, 10, 5, 24, None),
        (20, 7, 1, 8, 3),
        (9, 13, 1, 24, 5),
        (3, 2, 4, 8, 1),
        (192, 100, 17, 24, 8),
    ],
)
def test_head(
    dim: int, classes: int, tokens: int, bits: int, lanes: int | None, tmp_path: Path
) -> None:
    linear = Draw(dim).linear(dim, classes, bias=1 << 30)
    simulator = build(head_blocks("head", linear, tokens, bits, lanes), tmp_path)
    images = 30_000 // (tokens * dim) + 60
    codes = codes_of(images, tokens, dim)
    expected = linear(codes[:, 0]).reshape(-1)
    for pauses in PAUSES:
        left = same(simulator, pairs(codes) if bits > 8 else codes, expected, pauses).left
        if pauses == (0, 0):
            used = lanes or -(-classes // tokens)
            clocks = max(tokens * dim, -(-classes // used) * max(dim, used + 1))
            assert (interval(left, images) == clocks).all()


@pytest.mark.parametrize(
    ("dim", "tokens", "unit", "score_bits", "bits", "scalar", "input_bits"),
    [
        (12, 6, 20, 8, 8, True, 24),
        (20, 9, 300, 8, 8, False, 8),
        (5, 1, 1, 8, 8, False, 8),
        (1, 17, 7, 3, 4, False, 8),
        (13, 3, 1 << 16, 1, 1, True, 8),
        (128, 64, 25, 8, 8, False, 24),
    ],
)
def test_pooling(
    dim: int,
    tokens: int,
    unit: int,
    score_bits: int,
    bits: int,
    scalar: bool,
    input_bits: int,
    tmp_path: Path,
) -> None:
    draw = Draw(dim)
    importance = draw.linear(dim, 1)
    shape = () if scalar else (dim,)
    multiplier = draw.rng.integers(1 << 29, 1 << 31, shape)
    pooled = parts.Rescale(multiplier, draw.rng.integers(52 - bits, 54 - bits, shape), bits)
    pooling = parts.Pooling(importance, draw.rescale(importance, score_bits), unit, pooled)
    block = pooling_block("pooling", pooling, tokens, dim, input_bits)
    simulator = build([block], tmp_path)
    images = max(12, 40_000 // (tokens * dim))
    codes = codes_of(images, tokens, dim)
    expected = pooling(codes).reshape(-1)
    assert len(np.unique(expected)) > min(50, (1 << bits) - 1)
    for pauses in PAUSES:
        sent = pairs(codes) if input_bits > 8 else codes
        left = same(simulator, sent, expected, pauses).left
        if pauses == (0, 0):
            clocks = tokens * (dim + 1) + int(block.parameters["Q_BITS"]) + 6
            assert (interval(left, images) == clocks).all()
