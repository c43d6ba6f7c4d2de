"""Sums that a prover can compare: their terms in one form, whatever the circuit around them is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Lut, Op, Sum, operands
from lutra.emit import blif
from lutra.passes import BUFFER, INVERTER, Table, expanded_tables
from lutra.tools import read_blif, run_abc
from lutra.verify._miter import netlist_of, output_bits

__all__ = ["Merged", "merged_sums"]

Ints = NDArray[np.int64]
Netlist = Mapping[int, tuple[tuple[int, ...], int]]
Tables = dict[int, Table]


class Merged(NamedTuple):
    """Circuits whose sums can be compared, and what is left if sums are taken out."""

    circuits: list[Circuit]
    """These do the same as those given, with the same numbers of bits."""
    cut: list[str]
    """BLIF of each, in which the bits of sums are inputs, the same ones where the same is added:
    where these are equivalent, the circuits are."""
    inputs: int
    """Of ``cut``, in bits."""


def merged_sums(circuits: Sequence[Circuit], timeout: float) -> Merged:
    """Let every sum add a function of the inputs once, in an order that all circuits share.

    Adders of many terms are beyond a prover unless both circuits have the same ones. So ABC is
    asked first which of the added bits it can prove constant, equal or inverse, within a circuit
    and between circuits of the same inputs. Those of a sum become one term or part of the bias.
    Sums whose terms depend on sums come after these, whose bits count as inputs by then: what
    holds for all inputs, holds for sums.

    Raises
    ------
    ToolError
        ABC is missing or fails.
    """
    inputs = free = circuits[0].input_bits
    tables, shifts = Tables(), list[int]()  # of all circuits, each with numbers of its own
    for circuit in circuits:
        shifts.append(free - inputs)
        for bit, table in expanded_tables(_without_sums(circuit)).items():
            wires = tuple(wire + shifts[-1] * (wire >= inputs) for wire in table.wires)
            tables[bit + shifts[-1]] = table._replace(wires=wires)
        free = max(tables, default=free) + 1
    first, found = free, [[*circuit.ops] for circuit in circuits]
    for sums in _by_depth(circuits):
        named = [op.wires + shifts[of] * (op.wires >= inputs) for of, _, op in sums]
        added = tables.keys() & {bit for names in named for bit in names.reshape(-1).tolist()}
        entering = [*range(inputs), *range(first, free)]
        netlist = _proven(tables, added, entering, free, timeout)
        words = dict[_Terms, int]()
        for (of, number, op), names in zip(sums, named, strict=True):
            found[of][number], rows = _merged(op, names, netlist)
            start = circuits[of].starts[number] + shifts[of]
            for bit, terms in zip(range(start, start + op.size, op.width), rows, strict=True):
                if terms not in words:
                    words[terms] = free
                    free += op.width
                word = terms.word(words[terms], op.width)
                tables |= zip(range(bit, bit + op.width), word, strict=True)
    entering = [*range(inputs), *range(first, free)]
    cut = list[str]()
    for circuit, shift in zip(circuits, shifts, strict=True):
        leaving = [bit + shift * (bit >= inputs) for bit in output_bits(circuit)]
        cut.append(netlist_of(_cone(tables, leaving), [(bit,) for bit in leaving], entering, free))
    merged = [replace(of, ops=tuple(ops)) for of, ops in zip(circuits, found, strict=True)]
    return Merged(merged, cut, len(entering))


class _Terms(NamedTuple):
    """What a sum adds, ascending by the numbers of functions: (number, weight)."""

    bias: int
    weights: tuple[tuple[int, int], ...]

    def word(self, first: int, width: int) -> list[Table]:
        """Return the bits of the sum as far as its range leaves them open, as inputs."""
        low = self.bias + sum(weight for _, weight in self.weights if weight < 0)
        high = self.bias + sum(weight for _, weight in self.weights if weight > 0)
        signs = low < 0 <= high
        open_ = max(high, ~low).bit_length() + 1 if signs else (low ^ high).bit_length()
        bits = [Table((first + j,), BUFFER, 0) for j in range(open_)]
        above = (bits[-1] if signs else Table((), low >> j & 1, 0) for j in range(open_, width))
        return [*bits, *above]


def _without_sums(circuit: Circuit) -> Circuit:
    def constant(op: Op) -> Op:
        wires, zero = np.zeros((op.size, 0), np.int64), np.zeros((op.size, 1, 1), np.uint8)
        return Lut(wires, zero) if isinstance(op, Sum) else op

    return replace(circuit, ops=tuple(map(constant, circuit.ops)))


def _by_depth(circuits: Sequence[Circuit]) -> Iterable[list[tuple[int, int, Sum]]]:
    """Return all sums, with their circuits' and their own numbers: those without sums before first.

    Those of one list have equally many sums before them, one behind the other.
    """
    found: dict[int, list[tuple[int, int, Sum]]] = {}
    for of, circuit in enumerate(circuits):
        depths = np.zeros(len(circuit.ops) + 1, np.int64)  # the last one is the inputs'
        for number, op in enumerate(circuit.ops):
            depths[number] = depths[circuit.sources(operands(op))].max(initial=0)
            if isinstance(op, Sum):
                found.setdefault(int(depths[number]), []).append((of, number, op))
                depths[number] += 1
    return [found[depth] for depth in sorted(found)]


def _proven(
    tables: Tables, bits: Collection[int], inputs: Sequence[int], free: int, timeout: float
) -> Netlist:
    """Return a netlist in which bits that ABC proves equal or inverse are made of one."""
    if not bits:
        return {}
    commands = ["read_blif sums.blif", "strash", "fraig", "write_blif sums.blif"]
    files = {"sums.blif": blif(_cone(tables, bits), sorted(bits), inputs)}
    return read_blif(run_abc(commands, files, [*files], timeout)["sums.blif"], free)


def _cone(tables: Tables, bits: Iterable[int]) -> Tables:
    """Return the tables that lead to some bits."""
    found, front = Tables(), tables.keys() & set(bits)
    while front:
        found |= {bit: tables[bit] for bit in front}
        read = {wire for bit in front for wire in tables[bit].wires}
        front = (read & tables.keys()) - found.keys()
    return found


class _Function(NamedTuple):
    """What a bit is, or is the inverse of: what ABC calls by this number; None is constant 0."""

    number: int | None
    inverted: bool


def _function(netlist: Netlist, bit: int) -> _Function:
    inverted = False
    while bit in netlist and len(netlist[bit][0]) < 2:
        wires, value = netlist[bit]
        if not wires:
            return _Function(None, inverted ^ bool(value))
        inverted ^= value == INVERTER
        bit = wires[0]
    return _Function(bit, inverted)


def _merged(op: Sum, names: Ints, netlist: Netlist) -> tuple[Sum, list[_Terms]]:
    """Return sums that add each function once, and their terms; ``names``: wires in the netlist."""
    wires, weights, bias = op.wires.copy(), np.zeros_like(op.weights), op.bias.copy()
    rows: list[_Terms] = []
    for i, (row, added) in enumerate(zip(names.tolist(), op.weights.tolist(), strict=True)):
        bits, total = dict[int, tuple[int, bool]](), dict[int, int]()
        for name, bit, weight in zip(row, op.wires[i].tolist(), added, strict=True):
            number, inverted = _function(netlist, name)
            if inverted:  # w (1 - f) = w - w f
                bias[i] += weight
            if number is not None:
                bits.setdefault(number, (bit, inverted))
                total[number] = total.get(number, 0) + (-weight if inverted else weight)
        left = sorted((number, weight) for number, weight in total.items() if weight)
        rows.append(_Terms(int(bias[i]), tuple(left)))
        for j, (number, weight) in enumerate(left):
            bit, inverted = bits[number]
            wires[i, j], weights[i, j] = bit, -weight if inverted else weight
            if inverted:  # w f = w - w (1 - f)
                bias[i] += weight
    return replace(op, wires=wires, weights=weights, bias=bias), rows
