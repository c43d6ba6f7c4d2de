"""Attention in hardware: bit-exact, and as many clocks as its tiles have products."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lutra.hardware._attention import attention_block, attention_program
from lutra.hardware._program import cycles
from lutra.vit import parts
from lutra.vit._arithmetic import clamp, matmul, shiftmax
from tests.hardware.blocks import (
    PAUSES,
    assert_same,
    intervals,
    linear_of,
    pairs_of,
    rescale_of,
    simulator,
)


def attention_of(
    rng: np.random.Generator, x: NDArray[np.int64], heads: int, bits: int = 8
) -> tuple[parts.Attention, parts.Rescale]:
    samples, tokens, dim = x.shape
    qkv = linear_of(rng, dim, 3 * dim)
    qkv_codes = rescale_of(rng, qkv(x), bits, 3 * dim)
    split = qkv_codes(qkv(x)).reshape(samples, tokens, 3, heads, -1)
    query, key, value = split.transpose(2, 0, 3, 1, 4)
    scores = rescale_of(rng, matmul(query, key), 8)
    unit = int(rng.integers(8, 40))
    p = shiftmax(scores(matmul(query, key)), unit)
    sums = matmul(p, value.swapaxes(2, 3)).transpose(0, 2, 1, 3).reshape(samples, tokens, dim)
    mixed = rescale_of(rng, sums, bits, dim)
    projection = linear_of(rng, dim, dim)
    added = rescale_of(rng, projection(mixed(sums)), 16, dim)
    return parts.Attention(heads, qkv, qkv_codes, scores, unit, mixed, projection), added


@pytest.mark.parametrize(
    ("tokens", "dim", "heads", "side", "images", "bits", "clocks"),
    [
        (17, 64, 2, 8, 50, 8, 7128),
        (10, 16, 2, 4, 100, 8, None),  # too few products to hide requantisation behind
        (17, 24, 3, 8, 60, 4, None),
        (5, 12, 1, 16, 100, 8, None),  # one tile, wider than the tokens and the channels
        (5, 12, 2, 4, 100, 1, None),
        (64, 128, 2, 16, 3, 8, 20480),
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
    sim = simulator(attention_block("attention", attention, added, tokens, side), tmp_path)
    least = cycles(attention_program(tokens, dim, heads, side), side)
    for pauses in PAUSES:
        found = sim.run(pairs_of(stream, x), expected.size, pauses=pauses, patience=100_000)
        assert_same(expected, found)
        if pauses == (0, 0):
            assert (intervals(found, images)[1:] >= least).all()
            if clocks:
                assert least == clocks
                assert (intervals(found, images)[1:] == clocks).all()
