"""Random blocks with constants that use the range of their codes, and their simulation."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.hardware._block import Block, write_design
from lutra.tools import Streamed, StreamSimulator, build_stream
from lutra.vit import parts

PAUSES = [(0, 0), (30, 50)]


def simulator(block: Block, folder: Path) -> StreamSimulator:
    design = write_design([block], folder)
    return build_stream(
        design.folder,
        design.top,
        design.files,
        design.input_bits,
        design.output_bits,
        optimise=True,
    )


def rescale_of(
    rng: np.random.Generator, q: NDArray[np.int64], bits: int, channels: int = 0
) -> parts.Rescale:
    """Bring sums to codes that fill their range and now and then leave it."""
    spread = np.exp(rng.normal(0, 0.3, channels) if channels else 0.0)
    ratio = (1 << (bits - 1)) / (2.5 * max(1.0, float(q.std()))) * spread
    mantissa, exponent = np.frexp(ratio)
    multiplier = np.floor(mantissa * 2**31 + 0.5).astype(np.int64)
    return parts.Rescale(np.asarray(multiplier), np.asarray(31 - exponent).astype(np.int64), bits)


def linear_of(rng: np.random.Generator, inputs: int, outputs: int) -> parts.Linear:
    weight = rng.integers(-128, 128, (outputs, inputs))
    return parts.Linear(weight, rng.integers(-4000, 4000, outputs))


def pairs_of(stream: NDArray[np.int64], normal: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return {stream, normalised code}, beat by beat."""
    return ((stream & 0xFFFF) << 8 | (normal & 0xFF)).reshape(-1)


def assert_same(expected: NDArray[np.int64], found: Streamed) -> None:
    """Name the first code that differs, as (image, token, channel) or whatever the axes are."""
    got = found.words.reshape(expected.shape)
    wrong = np.argwhere(got != expected)
    first = tuple(wrong[0]) if len(wrong) else ()
    assert not len(wrong), f"{len(wrong)} wrong, first {first}: {got[first]}, not {expected[first]}"


def intervals(found: Streamed, images: int) -> NDArray[np.int64]:
    """Return the clocks from the first code of an image to that of the next."""
    return np.diff(found.left.reshape(images, -1)[:, 0])
