"""An MLP in hardware: bit-exact, and as many clocks as its tiles have products."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lutra.hardware._mlp import mlp_block, mlp_program
from lutra.hardware._program import cycles
from lutra.vit import parts
from lutra.vit._arithmetic import shift_gelu
from tests.hardware.blocks import (
    PAUSES,
    assert_same,
    intervals,
    linear_of,
    pairs_of,
    rescale_of,
    simulator,
)


def mlp_of(
    rng: np.random.Generator, x: NDArray[np.int64], hidden: int, bits: int = 8, unit: int = 30
) -> parts.MlpChannelMixer:
    dim = x.shape[-1]
    up, down = linear_of(rng, dim, hidden), linear_of(rng, hidden, dim)
    codes = rescale_of(rng, up(x), bits, hidden)
    gelu = shift_gelu(codes(up(x)), unit)
    activated = rescale_of(rng, gelu, bits)
    added = rescale_of(rng, down(activated(gelu)), 16, dim)
    return parts.MlpChannelMixer(up, codes, unit, activated, down, added)


@pytest.mark.parametrize(
    ("tokens", "dim", "hidden", "side", "images", "bits", "unit"),
    [
        (17, 24, 96, 8, 120, 8, 30),
        (10, 16, 32, 4, 100, 8, 1),
        (17, 24, 50, 8, 60, 4, 300),
        (5, 12, 7, 16, 100, 1, 5),
        (64, 128, 256, 16, 3, 8, 60),
    ],
)
def test_equals_the_reference(
    tokens: int, dim: int, hidden: int, side: int, images: int, bits: int, unit: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(tokens * dim)
    x = rng.integers(-128, 128, (images, tokens, dim))
    stream = rng.integers(-32768, 32768, (images, tokens, dim))
    mlp = mlp_of(rng, x, hidden, bits, unit)
    expected = mlp(x, stream)
    sim = simulator(mlp_block("mlp", mlp, tokens, side), tmp_path)
    least = cycles(mlp_program(tokens, dim, hidden, side), side)
    for pauses in PAUSES:
        found = sim.run(pairs_of(stream, x), expected.size, pauses=pauses, patience=100_000)
        assert_same(expected, found)
        if pauses == (0, 0):
            mean = intervals(found, images)[1:].mean()
            assert mean >= least
            if side == 16 and dim == 128:  # GELU of an image's last tile of tokens shows
                assert mean <= 1.02 * least
