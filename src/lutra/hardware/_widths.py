"""Widths of words, in bits."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CODE_BITS", "index_bits", "signed_bits", "sum_bits", "unsigned_bits"]

CODE_BITS = 8
"""Of what is multiplied."""

Integers = NDArray[Any]
"""Of NumPy or, where 64 bits are too few, of Python."""


def index_bits(count: int) -> int:
    """Return the bits that number so many things, 0 for one."""
    return (count - 1).bit_length()


def unsigned_bits(*arrays: Integers) -> int:
    """Return the least width, 1 or more, of unsigned words that hold all values."""
    return max(1, *(int(x.max()).bit_length() for x in arrays))


def signed_bits(*arrays: Integers) -> int:
    """Return the least width of signed words that hold all values."""
    ends = [int(end) for x in arrays for end in (x.min(), x.max())]
    return 1 + max((end if end >= 0 else ~end).bit_length() for end in ends)


def sum_bits(weight: NDArray[np.int64], bias: NDArray[np.int64] | int = 0) -> int:
    """Return the width of all sums of (outputs, inputs) there may be, whatever the codes."""
    least, most = -(1 << (CODE_BITS - 1)), (1 << (CODE_BITS - 1)) - 1
    ends = weight * least, weight * most
    return signed_bits(np.minimum(*ends).sum(1) + bias, np.maximum(*ends).sum(1) + bias)
