"""Tables of one node merged: the sum of several small ones is one table of all their bits."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import SHARED_INPUTS

__all__ = ["Table", "merged", "pack"]


class Table(NamedTuple):
    """A table of whole numbers from 0 on, ``values[address] * step``."""

    wires: NDArray[np.int64]
    """Address bits, the lowest first."""
    values: NDArray[np.int64]
    step: int

    @property
    def bits(self) -> int:
        """Width of its values."""
        return int(self.values.max()).bit_length()


def pack(sizes: Sequence[int], capacity: int = SHARED_INPUTS) -> list[list[int]]:
    """Share items out to bins, first fit decreasing; an item above the capacity has its own.

    Returns
    -------
    The items' numbers, bin by bin.
    """
    bins: list[list[int]] = []
    room: list[int] = []
    for item in sorted(range(len(sizes)), key=lambda item: -sizes[item]):
        at = next((b for b, left in enumerate(room) if sizes[item] <= left), len(bins))
        if at == len(bins):
            bins.append([])
            room.append(max(capacity, sizes[item]))
        bins[at].append(item)
        room[at] -= sizes[item]
    return bins


def merged(tables: Iterable[Table]) -> Table:
    """Return one table of the sum of all; its address is theirs, the first one's bits lowest."""
    wires, sums = np.zeros(0, np.int64), np.zeros(1, np.int64)
    for table in tables:
        wires = np.concatenate([wires, table.wires])
        sums = (sums + table.values[:, None] * table.step).ravel()
    step = int(np.gcd.reduce(sums)) or 1
    step &= -step  # the power of two in it
    return Table(wires, sums // step, step)
