"""I-LayerNorm in hardware against the integer reference."""

from pathlib import Path

import numpy as np
import pytest

from lutra.errors import OutputError
from lutra.hardware._norm import norm_block
from lutra.tools.stream import StreamSimulator
from lutra.vit import parts
from tests.hardware.streams import Codes, equal, field, simulator


def a_norm(rng: np.random.Generator, channels: int, bits: int, shift: int) -> parts.Norm:
    """Constants with which about a third of the codes saturate."""
    unit = 2.0**shift * 2 ** (bits - 1)
    multiplier = rng.normal(size=channels) * unit * np.sqrt(channels) / 2**30
    offset = rng.normal(size=channels) * unit / 4
    limit = (1 << 31) - 1
    return parts.Norm(
        multiplier.round().clip(-limit, limit).astype(np.int64),
        offset.round().clip(-(2.0**60), 2.0**60).astype(np.int64),
        shift,
        bits,
    )


def tokens(rng: np.random.Generator, count: int, channels: int) -> Codes:
    """Of every size, among them constant ones, extremes, and few different codes."""
    scale = 2.0 ** rng.uniform(0, 16, (count, 1))
    found = rng.normal(size=(count, channels)) * scale + rng.normal(size=(count, 1)) * scale
    found = found.round().astype(np.int64)
    kind = rng.integers(0, 12, count)
    found[kind == 0] = rng.choice([-32768, 32767], (int((kind == 0).sum()), channels))
    found[kind == 1] = rng.integers(-32768, 32768, (int((kind == 1).sum()), 1))
    found[kind == 2] = rng.integers(-1, 2, (int((kind == 2).sum()), channels))
    found[:4] = np.array([[-32768], [32767], [0], [-1]])
    return found.clip(-32768, 32767)


def check(
    built: StreamSimulator,
    norms: list[parts.Norm],
    again: list[parts.Rescale] | None,
    x: Codes,
    bank: Codes,
    pauses: tuple[int, int],
) -> Codes:
    """Compare with the reference, and return the clocks at which tokens' last codes left."""
    words = (bank[:, None] << 16 | x & 0xFFFF).reshape(-1)
    out = built.run(words, x.size, signed=False, pauses=pauses)
    stream, normal = x.copy(), np.zeros_like(x)
    for number, norm in enumerate(norms):
        own = bank == number
        normal[own] = norm(x[own])
        if again is not None:
            stream[own] = normal[own]
            normal[own] = again[number](normal[own])
    equal(field(out.words, 0, 8), normal, f"normal codes, pauses {pauses}")
    equal(field(out.words, 8, 16), stream, f"residual stream, pauses {pauses}")
    if len(norms) > 1:
        equal(field(out.words, 24, 8, False), np.repeat(bank, x.shape[1]), "banks")
    return out.left.reshape(len(x), -1)[:, -1]


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
    norms = [a_norm(rng, channels, bits, shift) for shift in shifts]
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
    built = simulator(tmp_path, norm_block("norm", norms, channels, afterwards))
    count = max(40, 12_000 // channels)
    for pauses in ((0, 0), (30, 50), (0, 60), (70, 0)):
        x = tokens(rng, count, channels)
        bank = rng.integers(0, len(norms), count)
        left = check(built, norms, afterwards, x, bank, pauses)
        if pauses == (0, 0):
            clocks = max(channels, 68 + (channels - 1).bit_length() // 2)
            assert (np.diff(left) == clocks).all(), np.diff(left)


def test_the_greatest_constants(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    top = np.array([-(1 << 31), 1 << 31, (1 << 31) - 1, 0, 1])
    most = (1 << 61) * np.array([1, -1, 1, -1, 0])
    norms = [parts.Norm(top, most, 62, 8), parts.Norm(top, -most, 30, 8)]
    built = simulator(tmp_path, norm_block("norm", norms, 5))
    x = tokens(rng, 1000, 5)
    check(built, norms, None, x, rng.integers(0, 2, 1000), (0, 0))


def test_banks_of_different_bits_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(OutputError, match="agree in the bits"):
        norm_block("norm", [a_norm(rng, 4, bits, 20) for bits in (7, 8)], 4)
