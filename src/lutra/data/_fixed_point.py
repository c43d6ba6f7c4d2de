"""Fixed-point formats: real features as integers of a few bits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Format", "choose_format", "to_raw"]

_BLOCK = 4096


class Format(NamedTuple):
    """Words of ``width`` bits; feature = raw * scale + offset, arrays of shape (features,)."""

    width: int
    signed: bool
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]


def choose_format(parts: Sequence[NDArray], width: int, clip: float = 0) -> Format:
    """Choose the words for all ``parts``; only the first, the train part, decides their range.

    Whole numbers that fit ``width`` bits keep their values in the fewest bits. Otherwise each
    feature's least value becomes 0 and its greatest ``2**width - 1``; a share ``clip`` of its
    values at either end does not count.
    """
    low, high = parts[0].min(axis=0), parts[0].max(axis=0)
    if all(_whole(part) for part in parts):
        least, greatest = min(0, int(low.min())), max(0, int(high.max()))
        signed = least < 0
        bits = signed + max(1, greatest.bit_length(), (~least).bit_length())
        if bits <= width:
            return Format(bits, signed, np.ones(len(low)), np.zeros(len(low)))
    if clip:
        low, high = np.quantile(parts[0], (clip, 1 - clip), axis=0)
    low, high = low.astype(np.float64), high.astype(np.float64)
    scale = (high - low) / ((1 << width) - 1)
    return Format(width, False, np.where(scale > 0, scale, 1.0), low)


def to_raw(x: NDArray, form: Format) -> NDArray[np.integer]:
    """Return the nearest words; values outside the format's range are clipped.

    Returns
    -------
    Same shape, uint8 where the words are unsigned of at most 8 bits, else int32.
    """
    low = -(1 << (form.width - 1)) if form.signed else 0
    high = (1 << (form.width - form.signed)) - 1
    if x.dtype == np.uint8 and low == 0 and (form.scale == 1).all() and not form.offset.any():
        # Large sets of images are words already; doubles would take eight times their memory.
        words = np.minimum(x, np.uint8(min(high, 255)))
        return words if form.width <= 8 else words.astype(np.int32)
    raw = np.empty(x.shape, np.uint8 if form.width <= 8 and not form.signed else np.int32)
    with np.errstate(over="ignore"):
        for start in range(0, len(x), _BLOCK):
            block = x[start : start + _BLOCK].astype(np.float64)
            words = np.rint((block - form.offset) / form.scale)
            raw[start : start + _BLOCK] = words.clip(low, high)
    return raw


def _whole(x: NDArray) -> bool:
    return x.dtype.kind in "biu" or bool((x == np.rint(x)).all())
