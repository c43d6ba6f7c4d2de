"""Every operation as tables: what a prover of logic can read."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lutra.circuit import Argmax, Circuit, Compare, Encode, Lut, Op, Sum, Words
from lutra.passes._adders import Bit, Place, add_up, columns_of_sum, width_of_sum
from lutra.passes._tables import BUFFER, Table, tables_of, with_tables

__all__ = ["expand", "expanded_tables"]

_MUX = 0b11100100  # inputs: choice, what it is where that is 0, and where it is 1
_GREATER = 0b11010100  # inputs: low, high, whether high is greater as far as the bits below go
_SUM = 0b0110  # of two bits, without the carry

Bits = Sequence[int]


def expand(circuit: Circuit) -> Circuit:
    """Return a circuit of table operations alone that does the same.

    Encoders, sums, comparisons and the argmax become tables of at most six inputs, in their
    stage and under their name; the tables there are stay.
    """
    return with_tables(circuit, expanded_tables(circuit))


def expanded_tables(circuit: Circuit) -> dict[int, Table]:
    """Return the table of every bit that the expanded circuit makes.

    The bits of ``circuit`` keep their numbers; those within its operations come after them.
    """
    tables, free = tables_of(circuit), circuit.bits
    for number, (op, start) in enumerate(zip(circuit.ops, circuit.starts, strict=True)):
        if not isinstance(op, Lut):
            made = _Netlist(number, free)
            bits = _bits(made, op)
            tables |= made.tables
            tables |= {start + j: Table((bit,), BUFFER, number) for j, bit in enumerate(bits)}
            free = made.next
    return tables


@dataclass
class _Netlist:
    """The tables of one operation so far, equal ones once, and the number of the next bit."""

    op: int
    next: int
    tables: dict[int, Table] = field(default_factory=dict)
    known: dict[tuple[tuple[int, ...], int], int] = field(default_factory=dict)

    def add(self, value: int, *wires: int) -> int:
        """Return the bit of a table, which is new unless there is one like it."""
        bit = self.known.setdefault((wires, value), self.next)
        if bit == self.next:
            self.tables[bit] = Table(wires, value, self.op)
            self.next += 1
        return bit


def _bits(made: _Netlist, op: Op) -> list[int]:
    """Return the bits that an operation makes, in order."""
    match op:
        case Encode():
            bits = []
            for word, thresholds in zip(op.words.bits.tolist(), op.thresholds, strict=True):
                reached = [_reaches(made, word, op.words, int(of)) for of in thresholds]
                bits += reached if op.thermometer else _count(made, reached)
            return bits
        case Compare():
            rows = zip(op.words.bits.tolist(), op.thresholds.tolist(), strict=True)
            return [_reaches(made, word, op.words, of) for word, of in rows]
        case Sum():
            return [bit for row in range(len(op.wires)) for bit in _sum(made, op, row)]
        case Argmax():
            return _argmax(made, op.words.bits.tolist(), op.words.signed)
        case Lut():
            raise AssertionError("a table is a table")


def _reaches(made: _Netlist, word: Bits, words: Words, threshold: int) -> int:
    """Compare a word with a constant, five bits at a time, the lowest first."""
    if not words.low < threshold <= words.high:
        return made.add(int(threshold <= words.low))
    threshold -= words.low  # from here on, the word's top bit counts inverted where it is a sign
    reached: list[int] = []
    for j in range(0, len(word), 5):
        part = word[j : j + 5]
        size, flip = 1 << len(part), 0
        if words.signed and j + 5 >= len(word):
            flip = size >> 1
        digit, value = threshold >> j & (size - 1), 0
        for entry in range(size << len(reached)):
            have = (entry & (size - 1)) ^ flip
            lower = entry >> len(part) if reached else 1
            value |= (have > digit or (have == digit and lower)) << entry
        reached = [made.add(value, *part, *reached)]
    return reached[0]


def _count(made: _Netlist, reached: Bits) -> list[int]:
    """Return how many ascending thresholds are reached, there being ``2**b - 1``."""
    middle = len(reached) // 2
    top, below, above = reached[middle], reached[:middle], reached[middle + 1 :]
    rest = [made.add(_MUX, top, *pair) for pair in zip(below, above, strict=True)]
    return [*(_count(made, rest) if rest else []), top]


def _sum(made: _Netlist, op: Sum, row: int) -> list[int]:
    """Add up by the chains that the emitter writes."""
    wires, weights, bias = (of[row].tolist() for of in (op.wires, op.weights, op.bias))

    def drive(bit: Bit[int]) -> int:
        return bit.inputs[0] if bit.bare and bit.inputs else made.add(bit.table, *bit.inputs)

    def chain(places: Sequence[Place[int]], carry: Bit[int]) -> list[int]:
        sums, below = list[int](), drive(carry)
        for bit, carried in places:
            added = drive(bit)
            sums.append(made.add(_SUM, added, below))
            below = made.add(_MUX, added, drive(carried), below)
        return [*sums, below]

    terms = [(Bit((wire,), 2), weight) for wire, weight in zip(wires, weights, strict=True)]
    needed = min(op.width, width_of_sum(weights, bias, op.signed))
    found = [drive(bit) for bit in add_up(columns_of_sum(terms, bias, needed), chain)]
    return found + [found[-1] if op.signed else made.add(0)] * (op.width - needed)


def _argmax(made: _Netlist, words: Sequence[Bits], signed: bool) -> list[int]:
    """Let words meet in pairs, and the winners; a later word wins only where it is greater."""
    rivals: list[tuple[Bits, Bits]] = [(word, ()) for word in words]
    while len(rivals) > 1:
        winners = []
        for (first, low), (second, high) in zip(rivals[::2], rivals[1::2], strict=False):
            later = _greater(made, first, second, signed)
            word = [made.add(_MUX, later, *pair) for pair in zip(first, second, strict=True)]
            index = [made.add(_MUX, later, *pair) for pair in zip(low, high, strict=True)]
            winners.append((word, [*index, later]))
        if len(rivals) % 2:
            word, index = rivals[-1]
            winners.append((word, [*index, made.add(0)]))
        rivals = winners
    return list(rivals[0][1]) or [made.add(0)]


def _greater(made: _Netlist, first: Bits, second: Bits, signed: bool) -> int:
    """Return whether the second word is greater than the first, from the lowest bits on."""
    greater = made.add(0)
    for j, (low, high) in enumerate(zip(first, second, strict=True)):
        if signed and j + 1 == len(first):  # the sign counts the other way round
            low, high = high, low
        greater = made.add(_GREATER, low, high, greater)
    return greater
