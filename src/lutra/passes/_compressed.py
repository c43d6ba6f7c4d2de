"""One table in the form of CompressedLUT (FPGA 2024): what is stored, and what it stands for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.passes._cover import bit_length

__all__ = ["Compressed", "width_of"]

Codes = NDArray[np.uint32]


def width_of(values: NDArray[np.integer]) -> int:
    """Return how many bits the greatest of the values needs."""
    return int(bit_length(values.max()))


@dataclass(frozen=True, eq=False)
class Compressed:
    """A table of ``2**k`` codes, cut into parts that few unique sub-tables generate.

    With ``h`` the high address bits, which number the part, and ``l`` the others, the code is
    ``(((unique[index[h], l] >> shift[h]) + bias[h]) << low_width) + low[address]``, of which
    ``width`` bits stay.

    Parameters
    ----------
    width
        Bits per code.
    low_width
        Bits of a code that are stored as they are.
    low
        Those bits. Shape (2**k,).
    unique
        Unique sub-tables. Shape (u, length), length a power of two.
    index, shift
        Which sub-table generates a part, shifted right by how many places. Shape (parts,).
    bias
        What is added to each part, shape (parts,), or that table compressed in turn.
    """

    width: int
    low_width: int
    low: Codes
    unique: Codes
    index: NDArray[np.int32]
    shift: NDArray[np.int32]
    bias: "Codes | Compressed"

    @property
    def stored_bits(self) -> int:
        """Bits of all tables that are stored, each as wide as its greatest value needs."""
        if isinstance(self.bias, Compressed):
            bias = self.bias.stored_bits
        else:
            bias = len(self.bias) * width_of(self.bias)
        stored = (self.low, self.unique, self.shift)
        index = len(self.index) * (len(self.unique) - 1).bit_length()
        return sum(of.size * width_of(of) for of in stored) + index + bias

    def decompress(self) -> Codes:
        """Return the codes. Shape (2**k,)."""
        bias = self.bias.decompress() if isinstance(self.bias, Compressed) else self.bias
        parts = self.unique[self.index] >> self.shift[:, None].astype(np.uint32)
        high = (parts + bias[:, None]).reshape(-1) << np.uint32(self.low_width)
        return (high + self.low) & np.uint32((1 << self.width) - 1)
