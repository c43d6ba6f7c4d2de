"""Constants of blocks with an array, as their memories hold them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.hardware._block import Memory
from lutra.hardware._rescale import common_shift
from lutra.hardware._widths import Integers
from lutra.vit import parts

__all__ = ["constant_pairs", "one_shift", "padded", "weight_words"]


def weight_words(weight: NDArray[np.int64], tiles: int, side: int) -> NDArray[np.int64]:
    """Return words of (outputs, inputs), by tile of outputs, then by input; a lane per output."""
    whole = padded(weight.T, tiles * side).T
    return whole.reshape(tiles, side, -1).swapaxes(1, 2).reshape(-1, side)


def padded(x: Integers, columns: int) -> Integers:
    return np.pad(x, ((0, 0), (0, columns - x.shape[1])))


def one_shift(
    rescales: Sequence[tuple[parts.Rescale, int]],
) -> tuple[list[NDArray[np.object_]], int]:
    """Return the multipliers of several rescalings, so many each, for one shift of all.

    A single bit is the sign of the sum, so that the sum itself is what matters.
    """
    found = [common_shift(rescale, count) for rescale, count in rescales]
    shift = max(shift for _, shift, _ in found)
    return [
        np.full(count, 1 << shift, object) if rescale.bits == 1 else m << (shift - own)
        for (m, own, _), (rescale, count) in zip(found, rescales, strict=True)
    ], shift


def constant_pairs(pairs: Integers, multiplier_bits: int, bias_bits: int) -> Memory:
    """Return words of (multiplier, bias) pairs, the multiplier in the lowest bits of each lane."""
    multiplier, bias = pairs[..., 0].astype(object), pairs[..., 1].astype(object)
    words = multiplier | (bias & ((1 << bias_bits) - 1)) << multiplier_bits
    return Memory(words.reshape(len(words), -1), multiplier_bits + bias_bits)
