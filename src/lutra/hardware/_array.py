"""Constants of blocks with an array, as their memories hold them."""

import numpy as np
from numpy.typing import NDArray

from lutra.hardware._block import Memory
from lutra.hardware._widths import Integers

__all__ = ["constant_pairs", "padded", "weight_words"]


def weight_words(weight: NDArray[np.int64], tiles: int, side: int) -> NDArray[np.int64]:
    """Return words of (outputs, inputs), by tile of outputs, then by input; a lane per output."""
    whole = padded(weight.T, tiles * side).T
    return whole.reshape(tiles, side, -1).swapaxes(1, 2).reshape(-1, side)


def padded(x: Integers, columns: int) -> Integers:
    return np.pad(x, ((0, 0), (0, columns - x.shape[1])))


def constant_pairs(pairs: Integers, multiplier_bits: int, bias_bits: int) -> Memory:
    """Return words of (multiplier, bias) pairs, the multiplier in the lowest bits of each lane."""
    multiplier, bias = pairs[..., 0].astype(object), pairs[..., 1].astype(object)
    words = multiplier | (bias & ((1 << bias_bits) - 1)) << multiplier_bits
    return Memory(words.reshape(len(words), -1), multiplier_bits + bias_bits)
