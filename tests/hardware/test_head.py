"""Pooling and classification against the integer reference."""

from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._head import head_blocks, pooling_block
from tests.hardware.random_parts import linear_of, pooling_of
from tests.hardware.simulation import PAUSES, build, intervals, pairs, run_equal


def sent(codes: np.ndarray, bits: int) -> np.ndarray:
    """Put noise above codes of 8 bits."""
    noise = np.random.default_rng(1).integers(0, 1 << 16, codes.shape)
    return pairs(noise, codes) if bits > 8 else codes


def codes_of(images: int, tokens: int, dim: int) -> np.ndarray:
    """Return random codes; some images have a single code all over, some the two extremes."""
    codes = np.random.default_rng(5).integers(-128, 128, (images, tokens, dim))
    codes[1::5] = np.where(codes[1::5] < 0, -128, 127)
    codes[2::10], codes[3::10] = -128, 127
    return codes


@pytest.mark.parametrize(
    ("dim", "classes", "tokens", "bits", "lanes"),
    [
        (12, 10, 5, 24, None),
        (9, 13, 1, 24, 5),
        (3, 2, 4, 8, 1),
        (192, 100, 17, 24, 8),
    ],
)
def test_head(
    dim: int, classes: int, tokens: int, bits: int, lanes: int | None, tmp_path: Path
) -> None:
    linear = linear_of(np.random.default_rng(dim), dim, classes, bias=1 << 30)
    simulator = build(tmp_path, *head_blocks("head", linear, tokens, bits, lanes))
    images = 30_000 // (tokens * dim) + 60
    codes = codes_of(images, tokens, dim)
    expected = linear(codes[:, 0])
    for pauses in PAUSES:
        found = run_equal(simulator, sent(codes, bits), expected, pauses)
        if pauses == (0, 0):
            used = lanes or -(-classes // tokens)
            clocks = max(tokens * dim, -(-classes // used) * max(dim, used + 1))
            assert (intervals(found, images)[3:-3] == clocks).all()


@pytest.mark.parametrize(
    ("dim", "tokens", "unit", "score_bits", "bits", "scalar", "input_bits"),
    [
        (12, 6, 20, 8, 8, True, 24),
        (5, 1, 1, 8, 8, False, 8),
        (1, 17, 300, 3, 4, False, 8),
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
    images = max(12, 40_000 // (tokens * dim))
    codes = codes_of(images, tokens, dim)
    rng = np.random.default_rng(dim)
    pooling = pooling_of(rng, codes, unit, score_bits, bits, scalar)
    block = pooling_block("pooling", pooling, tokens, dim, input_bits)
    simulator = build(tmp_path, block)
    expected = pooling(codes)
    assert len(np.unique(expected)) > min(50, (1 << bits) // 2)
    for pauses in PAUSES:
        found = run_equal(simulator, sent(codes, input_bits), expected, pauses)
        if pauses == (0, 0):
            clocks = tokens * (dim + 1) + int(block.parameters["Q_BITS"]) + 6
            assert (intervals(found, images)[3:-3] == clocks).all()
