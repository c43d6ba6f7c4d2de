"""Tables as AND and XOR of two inputs, equal ones once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from lutra.passes import Table

__all__ = ["Gate", "Gates", "gates"]


class Gate(NamedTuple):
    """``left & right``, or ``left ^ right`` where ``xor``. An odd signal is an inverted one."""

    xor: bool
    left: int
    right: int


class Gates(NamedTuple):
    """A network of gates.

    A signal is twice the number of a node, plus one where it is inverted. Node 0 is the constant
    0, then come the inputs, then the gates, each after what it reads.
    """

    inputs: int
    gates: list[Gate]
    outputs: list[int]
    """Signals."""


def gates(tables: Mapping[int, Table], inputs: Iterable[int], outputs: Iterable[int]) -> Gates:
    """Return the gates of the tables that the outputs need.

    Parameters
    ----------
    tables
        By the bit that each makes, in any order.
    inputs, outputs
        Bits, in order.
    """
    made = _Network(tables, list(inputs))
    outputs = list(outputs)
    for bit in _order(tables, outputs):
        made.add(bit)
    return Gates(made.inputs, made.gates, [made.signals[bit] for bit in outputs])


def _order(tables: Mapping[int, Table], outputs: Iterable[int]) -> Iterator[int]:
    """Yield the bits that outputs need, each soon before its first reader."""
    seen: set[int] = set()
    for output in outputs:
        stack = [(output, False)]
        while stack:
            bit, ready = stack.pop()
            if ready:
                yield bit
            elif bit in tables and bit not in seen:
                seen.add(bit)
                stack.append((bit, True))
                stack += [(wire, False) for wire in tables[bit].wires]


class _Network:
    def __init__(self, tables: Mapping[int, Table], inputs: list[int]) -> None:
        self.tables, self.inputs = tables, len(inputs)
        self.signals = {bit: 2 * node for node, bit in enumerate(inputs, 1)}
        self.gates: list[Gate] = []
        self._known: dict[Gate, int] = {}
        self._parts: dict[tuple[tuple[int, ...], int], int] = {}

    def add(self, bit: int) -> None:
        """Make what computes a bit, given its wires."""
        wires, value, _ = self.tables[bit]
        self.signals[bit] = self._part(wires, value)

    def _part(self, wires: tuple[int, ...], value: int) -> int:
        """Return the signal of a table, by its last input choosing between two halves."""
        size = 1 << len(wires)
        if value & 1:
            return self._part(wires, ~value & ((1 << size) - 1)) ^ 1
        if not value:
            return 0
        key = wires, value
        if key not in self._parts:
            low, high = value & ((1 << size // 2) - 1), value >> size // 2
            pair = (self._part(wires[:-1], half) for half in (low, high))
            self._parts[key] = self._choose(self.signals[wires[-1]], *pair)
        return self._parts[key]

    def _choose(self, which: int, low: int, high: int) -> int:
        if high < 2:  # a constant: low & ~which, low | which
            return self._and(low ^ high, which ^ 1) ^ high
        return self._xor(low, self._and(which, self._xor(low, high)))

    def _and(self, left: int, right: int) -> int:
        left, right = sorted((left, right))
        if left < 2:
            return right if left else 0
        if left ^ right < 2:
            return left if left == right else 0
        return self._gate(Gate(False, left, right))

    def _xor(self, left: int, right: int) -> int:
        inverted = (left ^ right) & 1
        left, right = sorted((left & ~1, right & ~1))
        if not left or left == right:
            return (right if not left else 0) ^ inverted
        return self._gate(Gate(True, left, right)) ^ inverted

    def _gate(self, gate: Gate) -> int:
        if gate not in self._known:
            self.gates.append(gate)
            self._known[gate] = 2 * (self.inputs + len(self.gates))
        return self._known[gate]
