"""Attention in hardware: bit-exact, and as many clocks as its tiles have products."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._attention import attention_block, attention_program
from lutra.hardware._program import cycles
from lutra.vit import clamp
from tests.hardware.random_parts import attention_of
from tests.hardware.simulation import PAUSES, build, intervals, pairs, run_equal


@pytest.mark.parametrize(
    ("tokens", "dim", "heads", "side", "images", "bits", "clocks"),
    [
        (17, 64, 2, 8, 20, 8, 7128),
        (10, 16, 2, 4, 100, 8, None),  # too few products to hide requantisation behind
        (17, 24, 3, 8, 60, 4, None),
        (3, 5, 1, 8, 400, 8, None),  # one tile, wider than the tokens and the channels
        (5, 12, 2, 4, 100, 1, None),
        pytest.param(64, 128, 2, 16, 3, 8, 20480, marks=pytest.mark.slow),
    ],
)
def test_equals_the_reference(
    tokens: int,
    dim: int,
    heads: int,
    side: int,
    images: int,
    bits: int,
    clocks: int | None,
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(tokens * dim)
    x = rng.integers(-128, 128, (images, tokens, dim))
    stream = rng.integers(-32768, 32768, (images, tokens, dim))
    attention, added = attention_of(rng, x, heads, bits)
    expected = clamp(stream + added(attention(x)), 16)
    built = build(tmp_path, attention_block("attention", attention, added, tokens, side))
    least = cycles(attention_program(tokens, dim, heads, side), side)
    for pauses in PAUSES:
        found = run_equal(built, pairs(stream, x), expected, pauses)
        if pauses == (0, 0):
            assert (intervals(found, images)[1:] >= least).all()
            if clocks:
                assert least == clocks
                assert (intervals(found, images)[1:] == clocks).all()


@pytest.mark.parametrize(("tokens", "dim", "unit"), [(260, 4, 1 << 16), (3, 1, 1)])
def test_ends_of_ranges(tokens: int, dim: int, unit: int, tmp_path: Path) -> None:
    """Sums of exponentials beyond 25 bits; a single channel."""
    rng = np.random.default_rng(tokens)
    x = rng.integers(-128, 128, (4, tokens, dim))
    stream = rng.integers(-32768, 32768, x.shape)
    attention, added = attention_of(rng, x, 1)
    attention = replace(attention, unit=unit)
    built = build(tmp_path, attention_block("attention", attention, added, tokens, 4))
    run_equal(built, pairs(stream, x), clamp(stream + added(attention(x)), 16))
