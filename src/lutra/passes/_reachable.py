"""Which entries of a circuit's tables any input can read: the rest are exact don't-cares."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Compare, Encode, Lut, Words
from lutra.passes._tables import tables_of
from lutra.passes._truth import address_of, columns_of, entries_of

__all__ = ["reachable"]

Bits = tuple[int, ...]
Patterns = NDArray[np.bool_]
"""Which values bits can have together, the first of them lowest. Shape (2**bits,)."""
_MOST_BITS = 16
"""That decide over others and are enumerated together."""
_MOST_LEVELS = 64
"""That dependencies are followed up."""


def reachable(circuit: Circuit) -> dict[int, NDArray[np.bool_]]:
    """Return, for every table operation by its number, which entries an input may read.

    What is False is read by no input at all: thermometer bits ascend, a neuron may use some of its
    codes only, and neurons that share inputs, or whose inputs do, need not have all their codes
    together. Dependencies are followed as long as 16 bits decide; beyond that, bits are taken to
    be independent, so that an entry may be True though no input reads it.

    Returns
    -------
    Operation number -> shape (tables, entries).
    """
    reach = _Reach(circuit)
    found = {}
    for number, op in enumerate(circuit.ops):
        if isinstance(op, Lut):
            found[number] = np.ones((len(op.wires), 1 << op.fan_in), bool)
            for row, wires in enumerate(op.wires.tolist()):
                found[number][row] = reach.address(wires)
    return found


class _Reach:
    """What sets of a circuit's bits can be; each set is worked out once."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit, self.tables = circuit, tables_of(circuit)
        self.sources = circuit.sources(np.arange(circuit.bits)).tolist()
        self.known = dict[Bits, Patterns]()
        self.roots = dict[int, frozenset[Hashable]]()
        """The words and other bits without tables that decide over a bit in the end."""
        for bit in range(circuit.bits):
            if bit in self.tables:
                roots = (self.roots[wire] for wire in self.tables[bit].wires)
                self.roots[bit] = frozenset[Hashable]().union(*roots)
            else:
                self.roots[bit] = frozenset([self._word(bit) or bit])

    def address(self, wires: Sequence[int]) -> Patterns:
        """Return the addresses that can occur; a wire may be there twice."""
        bits = tuple(sorted(set(wires)))
        entries = np.arange(1 << len(wires))
        column = {wire: entries >> j & 1 for j, wire in enumerate(wires)}  # the last one of each
        found = self.together(bits)[_number(column[bit] for bit in bits)]
        for j, wire in enumerate(wires):
            found = found & (column[wire] == entries >> j & 1)
        return found

    def together(self, bits: Bits, levels: int = _MOST_LEVELS) -> Patterns:
        """Return what ascending bits can be."""
        if bits not in self.known:
            columns = columns_of(bits)
            found = np.ones(1 << len(bits), bool)
            for group in self._groups(bits) if levels else ():
                found &= self._image(group, levels)[_number(columns[bit] for bit in group)]
            self.known[bits] = found
        return self.known[bits]

    def _image(self, group: Bits, levels: int) -> Patterns:
        """Return what bits can be that are decided together."""
        support = self._support(group)
        if support == group:  # no tables among them
            values = self._encoded(group)
        else:
            columns = columns_of(support)
            for bit in set(group) - set(support):
                table = self.tables[bit]
                columns[bit] = entries_of(table)[address_of(table, columns)].astype(np.int64)
            values = _number(columns[bit] for bit in group)[self.together(support, levels - 1)]
        found = np.zeros(1 << len(group), bool)
        found[values] = True
        return found

    def _encoded(self, group: Bits) -> NDArray[np.int64]:
        """Return the values that bits of one encoded word have, or a bit of any other kind."""
        if self._word(group[0]) is None:
            return np.arange(1 << len(group))
        told = [self._thresholds(bit) for bit in group]
        words, _, _ = told[0]
        ends = np.concatenate([[words.low], *(thresholds for _, thresholds, _ in told)])
        ends = ends[(ends >= words.low) & (ends <= words.high)]
        counts = [(ends[:, None] >= thresholds).sum(axis=1) for _, thresholds, _ in told]
        return _number(count >> j & 1 for count, (_, _, j) in zip(counts, told, strict=True))

    def _place(self, bit: int) -> tuple[Encode | Compare, int, int] | None:
        """Return the encoder or comparison that makes a bit, its word, its place in the code."""
        number = self.sources[bit]
        op = self.circuit.ops[number] if number >= 0 else None
        if not isinstance(op, Encode | Compare):
            return None
        width = op.code_width if isinstance(op, Encode) else 1
        return op, *divmod(bit - self.circuit.starts[number], width)

    def _word(self, bit: int) -> Hashable:
        """Return what names the word that a bit tells about, if it is an encoded one."""
        place = self._place(bit)
        return place and (place[0].words.signed, "word", *place[0].words.bits[place[1]].tolist())

    def _thresholds(self, bit: int) -> tuple[Words, NDArray[np.int64], int]:
        """Return the words, the thresholds that are counted, and which bit of the count it is."""
        place = self._place(bit)
        assert place is not None
        op, word, column = place
        if isinstance(op, Encode) and not op.thermometer:
            return op.words, op.thresholds[word], column
        return op.words, op.thresholds.reshape(op.words.count, -1)[word, column : column + 1], 0

    def _support(self, group: Iterable[int]) -> Bits:
        """Return the bits that decide over bits, one level of tables further up."""
        reads = [self.tables[bit].wires if bit in self.tables else (bit,) for bit in group]
        return tuple(sorted({wire for wires in reads for wire in wires}))

    def _groups(self, bits: Bits) -> Iterator[Bits]:
        """Yield bits that may depend on each other together, as far as few enough bits decide."""
        parts: list[tuple[frozenset[Hashable], list[int]]] = []
        for bit in bits:
            roots, members = self.roots[bit], [bit]
            related = [part for part in parts if part[0] & roots]
            parts = [part for part in parts if not part[0] & roots]
            for others, bits_of in related:
                roots, members = roots | others, members + bits_of
            parts.append((roots, members))
        for _, members in parts:
            yield from self._pieces(members)

    def _pieces(self, members: Sequence[int]) -> Iterator[Bits]:
        pieces: dict[Hashable, list[int]] = {}
        for bit in sorted(members):
            own = self.tables[bit].wires if bit in self.tables else self._word(bit) or bit
            pieces.setdefault(own, []).append(bit)
        pile: list[list[int]] = []
        for piece in pieces.values():
            if pile and len(self._support(chain(piece, *pile))) > _MOST_BITS:
                yield from self._joined(pile)
                pile = []
            pile.append(piece)
        yield from self._joined(pile)

    def _joined(self, pile: Sequence[list[int]]) -> Iterator[Bits]:
        """Yield pieces as one, but words without a table to relate them each alone."""
        if any(piece[0] in self.tables for piece in pile):
            yield tuple(sorted(chain(*pile)))
        else:
            yield from map(tuple, pile)


def _number(bits: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the numbers whose bits these are, the lowest first."""
    found = np.zeros(1, np.int64)
    for j, bit in enumerate(bits):
        found = found + (bit << j)
    return found
