"""Blocks in a simulator, against their reference."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.hardware._block import Block, write_design
from lutra.tools import Streamed, StreamSimulator, build_stream

Codes = NDArray[np.int64]
PAUSES = [(0, 0), (30, 50)]


def build(folder: Path, *blocks: Block, optimise: bool = False) -> StreamSimulator:
    """Build a simulator of blocks in a row."""
    design = write_design(blocks, folder)
    widths = design.input_bits, design.output_bits
    return build_stream(folder, design.top, design.files, *widths, optimise=optimise)


def run_equal(
    simulator: StreamSimulator,
    sent: Codes,
    expected: Codes,
    pauses: tuple[int, int] = (0, 0),
    *,
    lanes: int = 1,
    signed: bool = True,
    seed: int = 0,
    reset: int = 0,
) -> Streamed:
    """Send words, and hold what leaves against codes of any shape, lanes last."""
    found = simulator.run(
        sent.reshape(-1),
        expected.size // lanes,
        lanes=lanes,
        signed=signed,
        pauses=pauses,
        seed=seed,
        reset=reset,
        patience=100_000,
    )
    equal(found.words, expected, f"pauses {pauses}, reset {reset}")
    return found


def equal(found: Codes, expected: Codes, what: str) -> None:
    """Name the first code that differs, as (image, token, channel) or whatever the axes are."""
    found = found.reshape(expected.shape)
    wrong = np.argwhere(found != expected)
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise AssertionError(
            f"{what}: {len(wrong)} of {found.size} differ, first {at}: "
            f"{found[at]:#x}, not {expected[at]:#x}"
        )


def intervals(found: Streamed, count: int) -> Codes:
    """Return the clocks from the last code of an image, or of a token, to that of the next."""
    return np.diff(found.left.reshape(count, -1)[:, -1])


def words(stream: Codes, bank: Codes | int = 0) -> Codes:
    """Return {bank, stream}, of (tokens, channels) and (tokens,)."""
    return np.reshape(bank, (-1, 1)) << 16 | stream & 0xFFFF


def pairs(stream: Codes, normal: Codes, bank: Codes | int = 0) -> Codes:
    """Return {bank, stream, normalised code}."""
    return words(stream, bank) << 8 | normal & 0xFF
