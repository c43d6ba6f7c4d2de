"""What tests of blocks share."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.hardware._block import Block, Design, write_design
from lutra.tools.stream import StreamSimulator, build_stream

Codes = NDArray[np.int64]


def simulator(folder: Path, *blocks: Block) -> StreamSimulator:
    design: Design = write_design(blocks, folder)
    return build_stream(
        folder, design.top, design.files, design.input_bits, design.output_bits, optimise=True
    )


def field(words: Codes, low: int, bits: int, signed: bool = True) -> Codes:
    """The number that some bits of every word are."""
    found = words.reshape(-1) >> low & ((1 << bits) - 1)
    return found - ((found >> (bits - 1) & 1) << bits) if signed else found


def equal(found: Codes, wanted: Codes, what: str) -> None:
    """Fail at the first code that differs."""
    found, wanted = found.reshape(-1), wanted.reshape(-1)
    assert found.shape == wanted.shape, what
    wrong = np.flatnonzero(found != wanted)
    if len(wrong):
        i = wrong[0]
        raise AssertionError(
            f"{what}: {len(wrong)} of {len(found)} differ, from {i} on: {found[i]}, not {wanted[i]}"
        )
