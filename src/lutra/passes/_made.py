"""Operations made for a circuit anew: tables, shifts and sums, those of a shape together."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Lut, Op, Sum, pack_tables
from lutra.passes._compressed import width_of

__all__ = ["ZERO", "Bits", "Made"]

Bits = list[int]
"""Bit numbers of a word, LSB first."""
ZERO = -1
"""Stands for a bit that is always 0."""


@dataclass
class Made:
    """The operations so far, and the number of the next bit."""

    next: int
    ops: list[Op] = field(default_factory=list)

    def add(self, op: Op) -> NDArray[np.int64]:
        bits = np.arange(self.next, self.next + op.size)
        self.ops.append(op)
        self.next += op.size
        return bits

    def tables(self, wires: list[Bits], entries: list[NDArray[np.integer]], name: str) -> Bits:
        """Add one-bit tables, one operation for all of a fan-in. Returns their bits."""
        bits = np.empty(len(wires), np.int64)
        fan_in = np.asarray([len(row) for row in wires], np.int64)
        for k in np.unique(fan_in):
            rows = np.flatnonzero(fan_in == k)
            table = pack_tables(np.stack([entries[i] for i in rows]), 1)
            read = np.asarray([wires[i] for i in rows], np.int64).reshape(len(rows), k)
            bits[rows] = self.add(Lut(read, table, name))
        return bits.tolist()

    def words(self, wires: list[Bits], values: list[NDArray[np.integer]], name: str) -> list[Bits]:
        """Add tables of words, each as wide as its greatest value needs."""
        widths = [width_of(of) for of in values]
        pairs = [(i, j) for i, width in enumerate(widths) for j in range(width)]
        bits = iter(
            self.tables([wires[i] for i, _ in pairs], [values[i] >> j & 1 for i, j in pairs], name)
        )
        return [[next(bits) for _ in range(width)] for width in widths]

    def shifted(self, words: list[Bits], shifts: list[Bits], name: str) -> list[Bits]:
        """Shift words right by 0 to 3 places: a table of at most six inputs per bit."""
        wires, entries = [], []
        for word, shift in zip(words, shifts, strict=True):
            for j in range(len(word) if shift else 0):
                read = word[j : j + (1 << len(shift))]
                address = np.arange(1 << (len(shift) + len(read)))
                wires.append(shift + read)
                entries.append(address >> len(shift) >> (address & ((1 << len(shift)) - 1)) & 1)
        bits = iter(self.tables(wires, entries, name))
        return [
            [next(bits) for _ in word] if shift else word
            for word, shift in zip(words, shifts, strict=True)
        ]

    def sums(self, left: list[Bits], right: list[Bits], name: str) -> list[Bits]:
        """Add words in pairs, one operation for all sums of a width; an empty word is 0."""
        result = [a or b for a, b in zip(left, right, strict=True)]
        groups: dict[int, dict[int, list[tuple[int, int]]]] = {}
        for i, pair in enumerate(zip(left, right, strict=True)):
            if all(pair):
                terms = [
                    (bit, 1 << j) for word in pair for j, bit in enumerate(word) if bit != ZERO
                ]
                width = sum(weight for _, weight in terms).bit_length()
                groups.setdefault(width, {})[i] = terms
        for width, group in sorted(groups.items()):
            most = max(map(len, group.values()))
            # A term of weight 0 is padding.
            padded = [terms + [(terms[0][0], 0)] * (most - len(terms)) for terms in group.values()]
            wires, weights = np.moveaxis(np.asarray(padded, np.int64), 2, 0)
            bits = self.add(Sum(wires, weights, np.zeros(len(group), np.int64), width, False, name))
            for i, word in zip(group, bits.reshape(-1, width).tolist(), strict=True):
                result[i] = word
        return result
