"""Few sub-tables that generate all others; the self-similarity of CompressedLUT (FPGA 2024)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra._kernels import native

__all__ = ["MAX_SHIFT", "Cover", "bit_length", "cover"]

MAX_SHIFT = 3
"""Most places by which a sub-table is shifted to generate another."""

Codes = NDArray[np.uint32]
Ints = NDArray[np.int32]


def bit_length(values: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how many bits each unsigned value needs; 0 needs none."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


@dataclass(frozen=True, eq=False)
class Cover:
    """Unique sub-tables of n tables; part p is ``unique[owner[p]] >> shift[p]`` where it matters.

    Shapes: ``unique`` (n, parts, length), whose first ``count[i]`` rows of table i are in use;
    ``owner`` and ``shift`` (n, parts); ``count`` (n,).
    """

    unique: Codes
    owner: Ints
    shift: Ints
    count: Ints

    def stored_bits(self) -> NDArray[np.int64]:
        """Return the bits of the unique sub-tables, their numbers and the shifts. Shape (n,)."""
        _, parts, length = self.unique.shape
        width = bit_length(self.unique.max(axis=(1, 2)))
        per_part = bit_length(self.count - 1) + bit_length(self.shift.max(axis=1))
        return self.count * length * width + parts * per_part


def cover(values: Codes, cares: NDArray[np.bool_], max_shift: int) -> Cover:
    """Cover the sub-tables of every table by few unique ones.

    First fit, the widest sub-tables first, then those with most cares. Where everything matters
    no other choice needs fewer: only a wider sub-table, or an equal one, generates a sub-table.

    Parameters
    ----------
    values
        Sub-tables, 0 where nothing cares. Shape (n, parts, length).
    cares
        Which entries matter, of the same shape.
    max_shift
        Most places to shift by.
    """
    n, parts, length = values.shape
    found = Cover(
        np.zeros(values.shape, np.uint32),
        np.zeros((n, parts), np.int32),
        np.zeros((n, parts), np.int32),
        np.zeros(n, np.int32),
    )
    if native is None:
        for table in range(n):
            _first_fit(values, cares, max_shift, found, table)
        return found
    values, cares = np.ascontiguousarray(values, np.uint32), np.ascontiguousarray(cares, bool)
    native.cover(
        *(values.ctypes.data, cares.ctypes.data, n, parts, length, max_shift),
        *(of.ctypes.data for of in (found.unique, found.owner, found.shift, found.count)),
    )
    return found


def _first_fit(
    values: Codes, cares: NDArray[np.bool_], max_shift: int, found: Cover, table: int
) -> None:
    """Do what the kernel does for one table, in plain numpy."""
    unique, known = found.unique[table], np.zeros_like(found.unique[table])
    widths, heard = bit_length(values[table].max(axis=1)), cares[table].sum(axis=1)
    count = 0
    for part in np.lexsort((-heard, -widths)):
        owner, shift = count, 0  # a place of its own, unless it fits
        for t in range(min(max_shift, int(widths.max() - widths[part])) + 1):
            moved = values[table, part] << np.uint32(t)
            mask = np.where(cares[table, part], ~np.uint32(0) << np.uint32(t), np.uint32(0))
            fits = ~((moved ^ unique[:count]) & known[:count] & mask).any(axis=1)
            if fits.any():
                owner, shift = int(fits.argmax()), t
                break
        mask = np.where(cares[table, part], ~np.uint32(0) << np.uint32(shift), np.uint32(0))
        unique[owner] |= values[table, part] << np.uint32(shift)
        known[owner] |= mask
        found.owner[table, part], found.shift[table, part] = owner, shift
        count = max(count, owner + 1)
    found.count[table] = count
