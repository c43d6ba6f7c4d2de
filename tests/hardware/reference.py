"""Blocks in a simulator, against their reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.hardware._block import Block, write_design
from lutra.tools.stream import Streamed, StreamSimulator, build_stream

PAUSES = [(0, 0), (30, 50), (60, 10)]


def build(blocks: Sequence[Block], folder: Path, optimise: bool = False) -> StreamSimulator:
    """Build a simulator of blocks in a row."""
    design = write_design(blocks, folder)
    widths = design.input_bits, design.output_bits
    return build_stream(folder, design.top, design.files, *widths, optimise=optimise)


def same(
    simulator: StreamSimulator,
    codes: NDArray[np.integer],
    expected: NDArray[np.integer],
    pauses: tuple[int, int] = (0, 0),
    signed: bool = True,
) -> Streamed:
    """Send codes and hold the beats that leave, (beats,) or (beats, lanes), against expected."""
    wanted = expected.reshape(len(expected), -1)
    found = simulator.run(
        codes.ravel(),
        len(wanted),
        lanes=wanted.shape[1],
        pauses=pauses,
        signed=signed,
        patience=100_000,
    )
    wrong = np.argwhere(found.words != wanted)
    assert not len(wrong), (
        f"{len(wrong)} of {wanted.size} differ, first {wrong[0]}: "
        f"{found.words[tuple(wrong[0])]}, not {wanted[tuple(wrong[0])]}"
    )
    return found
