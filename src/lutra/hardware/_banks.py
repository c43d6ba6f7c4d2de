"""Constants of several banks, as one block's memories hold them."""

from collections.abc import Iterable, Sequence

import numpy as np

from lutra.errors import OutputError
from lutra.hardware._block import Memory
from lutra.hardware._widths import Integers, index_bits

__all__ = ["banked", "same"]


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


def banked(banks: Sequence[Integers], width: int) -> Memory:
    """Return a memory of the (words, lanes) of every bank, addressed by {bank, word}."""
    words, lanes = banks[0].shape
    space = 1 << max(1, index_bits(words))
    values = np.zeros((1 << index_bits(len(banks)), space, lanes), object)
    for bank, own in enumerate(banks):
        values[bank, :words] = own
    return Memory(values.reshape(-1, lanes), width)
