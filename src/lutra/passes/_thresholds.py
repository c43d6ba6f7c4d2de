"""Thresholds as comparators see them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Compare, Encode

__all__ = ["takes_top_bits", "thresholds_from_least"]


def thresholds_from_least(op: Encode | Compare) -> NDArray[np.int64]:
    """Return the thresholds counted from the least value that a word holds."""
    return op.thresholds.clip(op.words.low, op.words.high + 1) - op.words.low


def takes_top_bits(op: Encode, row: Sequence[int]) -> bool:
    """Tell whether a code is its word's upper bits: evenly spaced thresholds, counted so."""
    rest = op.words.width - op.code_width
    even = list(range(1 << rest, 1 << op.words.width, 1 << rest)) if rest >= 0 else None
    return not op.thermometer and row == even
