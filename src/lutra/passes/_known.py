"""What is known of a circuit's bits before any input: constants, equal bits, inverses, ranges."""

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Lut, Words
from lutra.passes._tables import INVERTER

__all__ = ["KnownBits"]

Ints = NDArray[np.int64]
Word = tuple[tuple[int, ...], bool]
"""Bits of one word without those on top that say nothing, and whether it is signed."""


class KnownBits:
    """Gathered operation by operation, in order."""

    def __init__(self, circuit: Circuit) -> None:
        self.zero, self.one = circuit.bits, circuit.bits + 1
        """Numbers that stand for constant bits."""
        self.now = np.arange(circuit.bits + 2)
        """What to read in the place of each: a constant, an equal bit made earlier, or itself."""
        self.inverse: dict[int, int] = {}
        """Bits that are the inverse of another."""
        self._tables: dict[tuple[int, tuple[int, ...], int], tuple[int, int]] = {}
        self._ranges: dict[Word, tuple[int, int]] = {}

    def note_tables(self, op: Lut, bits: Ints, stage: int) -> None:
        """Note constants, and bits that equal another one of the stage or its inverse."""
        wires = self.now[op.wires].repeat(op.outputs, axis=0).tolist()
        ones = (1 << (1 << op.fan_in)) - 1
        rows = op.table.reshape(op.size, op.table.shape[2])
        for bit, read, row in zip(bits.tolist(), wires, rows, strict=True):
            value = int.from_bytes(row.tobytes(), "little")
            if value in (0, ones):
                self.now[bit] = self.one if value else self.zero
            elif op.fan_in == 1:
                self._note(bit, read[0], inverted=value == INVERTER)
            else:
                key = stage, tuple(read), min(value, value ^ ones)
                first, least = self._tables.setdefault(key, (bit, value))
                if first != bit:
                    self._note(bit, first, inverted=value != least)

    def _note(self, bit: int, other: int, inverted: bool) -> None:
        """Note that a bit equals another one, or its inverse."""
        if not inverted:
            self.now[bit] = other
        elif other >= self.zero:
            self.now[bit] = self.zero + self.one - other
        elif other in self.inverse:
            self.now[bit] = self.inverse[other]
        else:
            self.inverse[bit] = other

    def note_range(self, word: Ints, signed: bool, low: int, high: int) -> None:
        """Note the range of a word whose bits an operation makes, and what follows for them."""
        if (low < 0) == (high < 0):
            for j in range((low ^ high).bit_length(), len(word)):
                self.now[word[j]] = self.zero + (low >> j & 1)
        else:
            sign = max(high.bit_length(), (~low).bit_length())
            self.now[word[sign:]] = word[sign]
        self._ranges[self._trimmed(word, signed)] = low, high

    def words(self, words: Words) -> Words:
        """Return the words without upper columns that say nothing."""
        rows = [self._trimmed(row, words.signed) for row in words.bits]
        signed = any(of for _, of in rows)
        width = max((len(word) + (signed and not of) for word, of in rows), default=1)
        filled = [
            word + (word[-1] if of else self.zero,) * (width - len(word)) for word, of in rows
        ]
        return Words(np.array(filled, np.int64).reshape(-1, width), signed)

    def bounds(self, words: Words) -> Ints:
        """Return the least and the greatest value that each word can have. Shape (n, 2)."""
        found = np.zeros((words.count, 2), np.int64)
        for i, row in enumerate(words.bits):
            bits, signed = word = self._trimmed(row, words.signed)
            weights = [1 << j for j in range(len(bits))]
            weights[-1] *= -1 if signed else 1
            fixed = sum(w for w, bit in zip(weights, bits, strict=True) if bit == self.one)
            free = [w for w, bit in zip(weights, bits, strict=True) if bit < self.zero]
            low = fixed + sum(w for w in free if w < 0)
            high = fixed + sum(w for w in free if w > 0)
            least, greatest = self._ranges.get(word, (low, high))
            found[i] = max(low, least), min(high, greatest)
        return found

    def _trimmed(self, row: Ints, signed: bool) -> Word:
        word = self.now[row].tolist()
        signed = signed and word[-1] != self.zero
        while len(word) > 1 and word[-1] == (word[-2] if signed else self.zero):
            word.pop()
        return tuple(word), signed
