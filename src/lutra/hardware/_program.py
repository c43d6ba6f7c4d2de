"""Programs of tiles: what an array of processing elements does for one image, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lutra.hardware._block import Memory

__all__ = ["Tile", "address_bits", "cycles", "program"]

_LAGS = 7
"""Most tiles under way behind the one that starts: the length of the sequencer's queue, less 1."""


@dataclass(frozen=True)
class Tile:
    """A tile of sums of products, see ``lutra_sequencer.sv``."""

    kind: int
    a_from: int
    a: int
    b_from: int
    b: int
    depth: int
    columns: int
    """That are used, of as many as the array has."""
    out: int
    constant: int
    needs: Sequence[int] = field(default=())
    """Numbers of the tiles of this image that must be written before."""
    begins: bool = False
    """Whether it waits for input, an image or a part of one."""
    claims: bool = False
    """Whether it waits for space for results."""
    ends: bool = False
    """Whether it is the last of what it claimed."""
    wanted: bool = False
    """Whether an operand is made by another unit, in ``slot``."""
    slot: int = 0


def cycles(tiles: Sequence[Tile], side: int) -> int:
    """Return the clocks that an array takes for one image if it never waits."""
    return sum(max(tile.depth, side) for tile in tiles)


def address_bits(tiles: Sequence[Tile], side: int, *counts: int) -> int:
    """Return the bits of the widest number in a program, or of what else is counted."""
    most = max(max(t.a, t.b, t.out, t.constant) + max(t.depth, side) for t in tiles)
    return max(most, len(tiles), *counts).bit_length()


def program(tiles: Sequence[Tile], side: int, address: int) -> Memory:
    """Return the sequencer's memory, with numbers of ``address`` bits."""
    widths = [1, 1, 1, 1, 1, 3, 2, 2, 4, side.bit_length(), *[address] * 5]
    words = []
    for number, tile in enumerate(tiles):
        lag = min([_LAGS, *(number - 1 - need for need in tile.needs)])
        fields = (
            tile.begins,
            tile.claims,
            tile.ends,
            tile.wanted,
            tile.slot,
            tile.kind,
            tile.a_from,
            tile.b_from,
            lag,
            tile.columns - 1,
            tile.depth - 1,
            tile.a,
            tile.b,
            tile.out,
            tile.constant,
        )
        word = 0
        for value, width in zip(fields, widths, strict=True):
            word = word << width | int(value)
        words.append([word])
    return Memory(np.array(words, object), sum(widths))
