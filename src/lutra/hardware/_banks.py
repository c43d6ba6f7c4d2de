"""Constants of several banks, as one block's memories hold them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutra.errors import OutputError
from lutra.hardware._block import Memory
from lutra.hardware._rescale import common_shift
from lutra.vit import parts

__all__ = ["address_bits", "banked", "common_rescales", "same", "signed_bits"]


def address_bits(count: int) -> int:
    """Return the bits that number so many things, 0 for one."""
    return (count - 1).bit_length()


def signed_bits(values: Iterable[int]) -> int:
    """Return the bits of two's complement that hold all values."""
    return 1 + max((value if value >= 0 else ~value).bit_length() for value in values)


def same(block: str, what: str, of_banks: Iterable[int]) -> int:
    """Return what all banks agree in.

    Raises
    ------
    OutputError
        They do not, or there are none.
    """
    found = set(of_banks)
    if len(found) != 1:
        raise OutputError(f"block {block!r}: banks have to agree in {what}: {sorted(found)}")
    return found.pop()


def banked(banks: Sequence[NDArray[Any]], width: int) -> Memory:
    """Return a memory of the (words, lanes) of every bank, addressed by {bank, word}."""
    words, lanes = banks[0].shape
    space = 1 << max(1, address_bits(words))
    values = np.zeros((1 << address_bits(len(banks)), space, lanes), object)
    for bank, own in enumerate(banks):
        values[bank, :words] = own
    return Memory(values.reshape(-1, lanes), width)


def common_rescales(
    rescales: Sequence[parts.Rescale], channels: int
) -> tuple[list[NDArray[np.object_]], int]:
    """Return the multipliers of every bank, and the shift that all have, see `common_shift`."""
    found = [common_shift(rescale, channels) for rescale in rescales]
    shift = max(own for _, own, _ in found)
    return [multipliers << (shift - own) for multipliers, own, _ in found], shift
