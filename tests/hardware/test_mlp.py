"""An MLP in hardware: bit-exact, and as many clocks as its tiles have products."""

from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._mlp import mlp_block, mlp_program
from lutra.hardware._program import cycles
from tests.hardware.random_parts import mlp_of
from tests.hardware.simulation import PAUSES, build, intervals, pairs, run_equal


@pytest.mark.parametrize(
    ("tokens", "dim", "hidden", "side", "images", "bits", "unit"),
    [
        pytest.param(17, 24, 96, 8, 30, 8, 30, marks=pytest.mark.slow),
        (10, 16, 32, 4, 150, 8, 1),
        (17, 24, 50, 8, 60, 4, 300),
        (5, 12, 7, 6, 100, 1, 5),
        (150, 4, 4, 8, 8, 8, 30),  # more tokens than any address
        pytest.param(64, 128, 256, 16, 3, 8, 60, marks=pytest.mark.slow),
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
    built = build(tmp_path, mlp_block("mlp", mlp, tokens, side))
    least = cycles(mlp_program(tokens, dim, hidden, side), side)
    for pauses in PAUSES:
        found = run_equal(built, pairs(stream, x), expected, pauses)
        if pauses == (0, 0):
            mean = intervals(found, images)[1:].mean()
            assert mean >= least
            if side == 16 and dim == 128:  # GELU of an image's last tile of tokens shows
                assert mean <= 1.02 * least
