"""I-LayerNorm in hardware against the integer reference."""

from pathlib import Path

import numpy as np
import pytest

from lutra.errors import OutputError
from lutra.hardware._norm import norm_block, norm_clocks
from lutra.tools import Streamed, StreamSimulator
from lutra.vit import parts
from tests.hardware.random_parts import norm_of, tokens_of
from tests.hardware.simulation import Codes, build, intervals, pairs, run_equal, words


def check(
    built: StreamSimulator,
    norms: list[parts.Norm],
    again: list[parts.Rescale] | None,
    x: Codes,
    bank: Codes,
    pauses: tuple[int, int],
) -> Streamed:
    stream, normal = x.copy(), np.zeros_like(x)
    for number, norm in enumerate(norms):
        own = bank == number
        normal[own] = norm(x[own])
        if again is not None:
            stream[own] = normal[own]
            normal[own] = again[number](normal[own])
    return run_equal(built, words(x, bank), pairs(stream, normal, bank), pauses, signed=False)


@pytest.mark.parametrize(
    ("channels", "bits", "shifts", "again"),
    [
        (192, 8, (30,), False),
        (37, 5, (22,), False),
        (1, 8, (20,), False),
        (64, 1, (30,), False),
        (50, 8, (1, 40, 62), False),  # narrow ones become as wide as the widest
        (128, 16, (18, 24), True),
        (3, 9, (30,), True),
    ],
)
def test_a_norm_equals_the_reference_and_keeps_its_pace(
    channels: int, bits: int, shifts: tuple[int, ...], again: bool, tmp_path: Path
) -> None:
    rng = np.random.default_rng(channels)
    norms = [norm_of(rng, channels, bits, shift) for shift in shifts]
    afterwards = None
    if again:
        afterwards = [
            parts.Rescale(
                rng.integers(1 << 30, 1 << 31, channels),
                rng.integers(30, 34, channels) + bits - 8,
                7,
            )
            for _ in shifts
        ]
    built = build(tmp_path, norm_block("norm", norms, channels, afterwards))
    count = min(3000, 12_000 // channels)
    for pauses in ((0, 0), (30, 50), (0, 60), (70, 0)):
        x = tokens_of(rng, count, channels)
        bank = rng.integers(0, len(norms), count)
        found = check(built, norms, afterwards, x, bank, pauses)
        if pauses == (0, 0):
            clocks = norm_clocks(channels)
            assert (intervals(found, count) == clocks).all()


def test_the_greatest_constants(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    top = np.array([-(1 << 31), 1 << 31, (1 << 31) - 1, 0, 1])
    most = (1 << 61) * np.array([1, -1, 1, -1, 0])
    norms = [parts.Norm(top, most, 62, 8), parts.Norm(top, -most, 30, 8)]
    built = build(tmp_path, norm_block("norm", norms, 5))
    x = tokens_of(rng, 1000, 5)
    check(built, norms, None, x, rng.integers(0, 2, 1000), (0, 0))


def test_banks_of_different_bits_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(OutputError, match="agree in the bits"):
        norm_block("norm", [norm_of(rng, 4, bits, 20) for bits in (7, 8)], 4)
