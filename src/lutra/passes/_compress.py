"""Tables compressed as CompressedLUT (FPGA 2024) and ReducedLUT (FPGA 2025) publish it.

Written from the publications. Differences: the unique sub-tables are the fewest possible, not a
greedy choice; with don't-cares, bias and widths follow the entries that matter alone, any
sub-table may be derived from any other, and no entry that matters ever changes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.errors import VerifyError
from lutra.passes._compressed import Compressed
from lutra.passes._cover import MAX_SHIFT, bit_length, cover

__all__ = ["MAX_CODE_WIDTH", "compress_tables"]

MAX_CODE_WIDTH = 31
"""Most bits of a code, so that a sum of two fits 32 bits."""
_LEAST_WIDTH = 2
"""Address bits of the smallest sub-tables."""
_CHUNK = 1 << 22
"""Entries at a time."""

Codes = NDArray[np.uint32]
Cares = NDArray[np.bool_]
Ints = NDArray[np.int64]


def compress_tables(
    codes: NDArray[np.integer],
    width: int,
    cares: Cares | None = None,
    *,
    multilevel: bool = False,
    exiguity: int | None = None,
) -> list[Compressed | None]:
    """Return each table compressed, None where that would not take fewer bits than the table.

    Parameters
    ----------
    codes
        Code of each table at each address. Shape (n, 2**k).
    width
        Bits per code.
    cares
        Entries that must stay as they are, of the shape of ``codes``; all without. Don't-cares
        never cost bits.
    multilevel
        Compress the biases in turn, where that takes fewer bits. Longer paths, though.
    exiguity
        ReducedLUT's option: a sub-table that generates more than so many others as it is stays,
        and so do they, but for the bits that are stored plainly. Any may change without it.

    Raises
    ------
    ValueError
        The arrays do not fit each other or the width, or exiguity is negative.
    """
    _check(codes, width, cares, exiguity)
    found: list[Compressed | None] = []
    step = max(1, _CHUNK // codes.shape[1])
    for start in range(0, len(codes), step):
        chunk = codes[start : start + step].astype(np.uint32)
        care = np.ones(chunk.shape, bool)
        best = _Best.plain(chunk, np.full(len(chunk), width))
        _search(chunk, care, best, multilevel, None)
        if cares is not None:
            care = cares[start : start + step]
            _search(chunk, care, best, multilevel, exiguity)
        for table, kept, form in zip(chunk, care, best.forms, strict=True):
            if form is not None and np.any(kept & (form.decompress() != table)):
                raise VerifyError("an entry that matters changed: a fault of lutra itself")
        found += best.forms
    return found


@dataclass(frozen=True, eq=False)
class _Best:
    """The smallest forms of n tables so far, and their bits; None is the table as it is."""

    widths: Ints
    bits: Ints
    forms: list[Compressed | None]

    @classmethod
    def plain(cls, codes: Codes, widths: Ints) -> "_Best":
        return cls(widths, codes.shape[1] * widths, [None] * len(codes))


def _search(
    codes: Codes, cares: Cares, best: _Best, multilevel: bool, exiguity: int | None
) -> None:
    """Try every split of codes and addresses; put what takes fewer bits into ``best``."""
    address_bits = codes.shape[1].bit_length() - 1
    for low_width in range(best.widths.max(initial=0)):
        low = np.where(cares, codes & np.uint32((1 << low_width) - 1), np.uint32(0))
        low_bits = codes.shape[1] * bit_length(low.max(axis=1))
        for sub_width in range(_LEAST_WIDTH, address_bits):
            rows = np.flatnonzero(low_bits < best.bits)
            shape = (len(rows), codes.shape[1] >> sub_width, 1 << sub_width)
            high = (codes[rows] >> np.uint32(low_width)).reshape(shape)
            care = cares[rows].reshape(shape)
            if exiguity is not None:
                care = care | _generated(high, exiguity)
            known = np.logical_or.reduce(care, axis=2)
            bias = np.where(care, high, ~np.uint32(0)).min(axis=2) * known
            values = np.where(care, high - bias[:, :, None], np.uint32(0))
            covers = [cover(values, care, shift) for shift in (0, 1, MAX_SHIFT)]
            costs = np.stack([of.stored_bits() for of in covers])
            biases = _Best.plain(bias, bit_length(bias.max(axis=1)))
            bits = low_bits[rows] + costs.min(axis=0)
            if multilevel:
                some = np.flatnonzero(bits < best.bits[rows])
                inner = _Best.plain(bias[some], biases.widths[some])
                _search(bias[some], known[some], inner, multilevel, exiguity)
                biases.bits[some] = inner.bits
                for i, form in zip(some, inner.forms, strict=True):
                    biases.forms[i] = form
            bits += biases.bits
            for i in np.flatnonzero(bits < best.bits[rows]):
                row, found = rows[i], covers[int(costs[:, i].argmin())]
                best.bits[row] = bits[i]
                best.forms[row] = Compressed(
                    int(best.widths[row]),
                    low_width,
                    low[row],
                    found.unique[i, : found.count[i]].copy(),  # not all of the batch
                    found.owner[i],
                    found.shift[i],
                    biases.forms[i] or bias[i],
                )


def _generated(high: Codes, exiguity: int) -> Cares:
    """Return which sub-tables more than ``exiguity`` others go with as they are. (n, parts, 1)."""
    values = high - high.min(axis=2, keepdims=True)
    owner = cover(values, np.ones(high.shape, bool), MAX_SHIFT).owner
    owner = owner + np.arange(len(owner))[:, None] * owner.shape[1]
    dependents = np.bincount(owner.reshape(-1), minlength=owner.size)[owner] - 1
    return (dependents > exiguity)[:, :, None]


def _check(
    codes: NDArray[np.integer], width: int, cares: Cares | None, exiguity: int | None
) -> None:
    if codes.dtype.kind not in "biu" or codes.ndim != 2 or codes.shape[1].bit_count() != 1:
        found = f"{codes.dtype} of shape {codes.shape}"
        raise ValueError(f"codes are {found}; expected integers of shape (n, power of two)")
    if not 1 <= width <= MAX_CODE_WIDTH:
        raise ValueError(f"codes of {width} bits; expected 1..{MAX_CODE_WIDTH}")
    if codes.size and (codes.min() < 0 or int(codes.max()) >> width):
        raise ValueError(f"codes lie in {codes.min()}..{codes.max()}, beyond {width} bits")
    if cares is not None and (cares.dtype != bool or cares.shape != codes.shape):
        found = f"{cares.dtype} of shape {cares.shape}"
        raise ValueError(f"cares are {found}; expected bool of shape {codes.shape}")
    if exiguity is not None and exiguity < 0:
        raise ValueError(f"exiguity is {exiguity}; expected 0 or more")
