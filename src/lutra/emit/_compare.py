"""Words compared with constants as LUTs, what comparisons have in common once."""

from collections.abc import Iterator, Sequence

from lutra.circuit import LUT_INPUTS, SHARED_INPUTS
from lutra.emit._bit import drive_all, expression
from lutra.passes import Bit

__all__ = ["Comparisons", "decision"]

_DIGIT = LUT_INPUTS - 1
"""Bits of a word that a LUT decides, given what the bits below say."""


class Comparisons:
    """The comparisons of a module.

    A word is cut from the top into digits of five bits, so that the lowest one, for which there
    are few thresholds, is the shortest, and its LUTs serve many comparisons.
    """

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self._known: dict[tuple[tuple[str, ...], int], str] = {}
        self._driven: list[tuple[str, Bit[str]]] = []

    def at_least(self, word: Sequence[str], signed: bool, threshold: int) -> str:
        """Return the expression of a comparison.

        Parameters
        ----------
        word
            Expressions of its bits, LSB first.
        signed
            Whether the top bit is a sign.
        threshold
            Counted from the least value that the word holds.
        """
        if threshold <= 0 or threshold >> len(word):
            return f"1'b{int(threshold <= 0)}"
        return self._reaches(tuple(word), signed, threshold)

    def _reaches(self, word: tuple[str, ...], last: bool, threshold: int) -> str:
        """``last``: the top bit is a sign."""
        key = word, threshold
        if key not in self._known:
            end, low = len(word), (threshold & -threshold).bit_length() - 1
            inputs = word[low:]
            if end - low > LUT_INPUTS:
                low = end - _DIGIT
                inputs = *word[low:], self._reaches(word[:low], False, threshold % (1 << low))
            table = decision(threshold >> low, end - low, len(inputs) > end - low, last)
            bit = Bit(inputs, table)
            name = expression(bit) if bit.bare else f"{self._stem}{len(self._driven)}"
            if not bit.bare:
                self._driven.append((name, bit))
            self._known[key] = name
        return self._known[key]

    def lines(self) -> Iterator[str]:
        """Yield what makes the comparisons that were asked for."""
        if self._driven:
            yield f"wire {', '.join(name for name, _ in self._driven)};"
        small = [(name, bit) for name, bit in self._driven if len(bit.inputs) <= SHARED_INPUTS]
        small.sort(key=lambda driven: driven[1].inputs[::-1])  # neighbours compare one word
        large = [(name, bit) for name, bit in self._driven if len(bit.inputs) > SHARED_INPUTS]
        for kind, driven in (("s", small), ("l", large)):
            names, bits = [name for name, _ in driven], [bit for _, bit in driven]
            yield from drive_all(f"u{self._stem}{kind}", names, bits)


def decision(threshold: int, bits: int, lower: bool, sign: bool) -> int:
    """Return the table of one LUT: ``bits`` data bits, then whether the lower bits reach.

    ``sign``: the top bit is one, which counts the other way round.
    """
    size = 1 << bits
    first = threshold % size
    reaches = (1 << size) - (1 << first)
    exceeds = (1 << size) - (1 << first + 1)
    if sign:
        half = size // 2
        low = (1 << half) - 1
        reaches, exceeds = ((t & low) << half | t >> half for t in (reaches, exceeds))
    return exceeds | reaches << size if lower else reaches
