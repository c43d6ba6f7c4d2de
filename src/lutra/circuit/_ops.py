"""The operations of a circuit: plain frozen data, one class per operation.

Bits are numbered. The circuit's input words hold the first bits; every operation takes the
numbers of earlier bits and makes new ones, contiguous, in the order stated with each class.
``docs/circuit.md`` is the specification.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Argmax", "Code", "Compare", "Encode", "Lut", "Op", "Sum", "Words"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Code:
    """What the output bits of an operation mean to people; no evaluator reads it.

    The bits form words of ``width``; the unsigned word c stands for ``scale * (c + offset)``.
    """

    width: int
    offset: int = 0
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Words:
    """n integers read from bits, two's complement where ``signed``.

    ``bits[i, j]`` is the number of the bit with weight ``2**j`` of word i. Shape (n, width).
    """

    bits: Ints
    signed: bool = False

    @property
    def count(self) -> int:
        """Number of words."""
        return self.bits.shape[0]

    @property
    def width(self) -> int:
        """Bits per word."""
        return self.bits.shape[1]

    @property
    def low(self) -> int:
        """Least value that a word can hold."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Greatest value that a word can hold."""
        return (1 << (self.width - 1 if self.signed else self.width)) - 1


@dataclass(frozen=True, eq=False)
class Encode:
    """Fixed-point words -> codes, by counting thresholds: ``code = #{t: word >= threshold[t]}``.

    ``thresholds`` has shape (n, T), each row ascending; a threshold above the word's range is
    never reached. Output bits: binary, ``T = 2**b - 1``: n codes of b bits, LSB first;
    thermometer: n rows of T bits, bit t is ``word >= threshold[t]``.
    """

    words: Words
    thresholds: Ints
    thermometer: bool = False
    name: str = ""
    code: Code | None = None

    @property
    def code_width(self) -> int:
        """Output bits per word."""
        count = self.thresholds.shape[1]
        return count if self.thermometer else (count + 1).bit_length() - 1

    @property
    def size(self) -> int:
        """Number of output bits."""
        return self.words.count * self.code_width


@dataclass(frozen=True, eq=False)
class Lut:
    """n truth tables of k address bits and m output bits each.

    ``wires[i, j]`` is the bit that drives address bit j (weight ``2**j``) of table i, shape
    (n, k). ``table[i, o]`` holds the 2**k entries of output bit o, packed eight to a byte,
    entry e in byte ``e // 8`` at bit ``e % 8``; shape (n, m, max(1, 2**k // 8)), dtype uint8.
    Output bits: table by table, bit o = 0 first.
    """

    wires: Ints
    table: NDArray[np.uint8]
    name: str = ""
    code: Code | None = None

    @property
    def fan_in(self) -> int:
        """Address bits k."""
        return self.wires.shape[1]

    @property
    def outputs(self) -> int:
        """Output bits m per table."""
        return self.table.shape[1]

    @property
    def size(self) -> int:
        """Number of output bits, n * m."""
        return self.table.shape[0] * self.table.shape[1]

    def entries(self) -> NDArray[np.uint8]:
        """Return the tables unpacked to one byte per entry. Shape (n, m, 2**k)."""
        unpacked = np.unpackbits(self.table, axis=-1, bitorder="little")
        return unpacked[..., : 1 << self.fan_in]


@dataclass(frozen=True, eq=False)
class Sum:
    """n integer sums of weighted bits: ``sum_j weights[i, j] * bit[wires[i, j]] + bias[i]``.

    ``wires`` and ``weights`` have shape (n, t), ``bias`` (n,). A term of weight 0 is padding.
    Output bits: n words of ``width`` bits, LSB first, two's complement where ``signed``;
    the width holds every value that the sum can take.
    """

    wires: Ints
    weights: Ints
    bias: Ints
    width: int
    signed: bool
    name: str = ""
    code: Code | None = None

    @property
    def size(self) -> int:
        """Number of output bits, n * width."""
        return self.wires.shape[0] * self.width


@dataclass(frozen=True, eq=False)
class Compare:
    """n comparisons with constants, one bit each: ``word >= threshold``. ``thresholds``: (n,)."""

    words: Words
    thresholds: Ints
    name: str = ""
    code: Code | None = None

    @property
    def size(self) -> int:
        """Number of output bits, n."""
        return self.words.count


@dataclass(frozen=True, eq=False)
class Argmax:
    """Index of the greatest word; the lowest index wins ties. One word, LSB first."""

    words: Words
    name: str = ""
    code: Code | None = None

    @property
    def size(self) -> int:
        """Number of output bits, ``max(1, ceil(log2(n)))``."""
        return max(1, (self.words.count - 1).bit_length())


Op = Encode | Lut | Sum | Compare | Argmax
