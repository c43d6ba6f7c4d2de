"""Rescaling with one shift for all channels, as the hardware does it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.hardware._widths import unsigned_bits
from lutra.vit import parts

__all__ = ["common_shift", "one_shift"]


def common_shift(rescale: parts.Rescale, channels: int) -> tuple[NDArray[np.object_], int, int]:
    """Return multipliers of so many channels, their common shift, and the bits of the widest.

    ``(q M + 2**(s - 1)) >> s`` is the same with ``M 2**d`` and ``s + d``. A single bit is a sign,
    of which the multiplier does not matter.
    """
    if rescale.bits == 1:
        return np.full(channels, 1, object), 1, 1
    shift = int(rescale.shift.max())
    wide = rescale.multiplier.astype(object) << (shift - rescale.shift).astype(object)
    found = np.broadcast_to(wide, (channels,)).astype(object)
    return found, shift, unsigned_bits(found)


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
