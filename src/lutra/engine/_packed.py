"""Samples packed into words, one bit each."""

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import pack_words

__all__ = ["pack_samples"]


def pack_samples(inputs: NDArray[np.integer], width: int = 1) -> NDArray[np.uint64]:
    """Return the bits of input words as `Program.run_packed` reads them.

    Parameters
    ----------
    inputs
        Fixed-point input words. Shape (samples, words).
    width
        Bits per word; those above are left out.

    Returns
    -------
    Bit ``s % 64`` of ``[i * width + j, s // 64]`` is bit j of word i of sample s; bits beyond the
    last sample are 0. Shape (words * width, ceil(samples / 64)).
    """
    samples, words = inputs.shape
    count = -(-samples // 64)
    bits = np.zeros((words * width, count * 64), np.uint8)
    bits[:, :samples] = pack_words(inputs.T, width)
    packed = np.packbits(bits, axis=1, bitorder="little")
    return packed.reshape(-1).view("<u8").astype(np.uint64).reshape(words * width, count)
