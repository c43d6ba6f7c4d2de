"""A circuit's tables one by one, each output bit a function of its own: what rewriting works on."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Lut, Op, operands, renumber
from lutra.passes._assemble import Placed, assemble

__all__ = ["BUFFER", "INVERTER", "Table", "tables_of", "with_tables"]

BUFFER, INVERTER = 0b10, 0b01
"""Values of tables of one input that are that input, and its inverse."""

Ints = NDArray[np.int64]


class Table(NamedTuple):
    """One bit as a function of others: bit e of ``value`` is its value at address e, LSB first."""

    wires: tuple[int, ...]
    value: int
    op: int
    """Number of the operation in whose place it stands: its stage and name."""


def tables_of(circuit: Circuit) -> dict[int, Table]:
    """Return the table of every bit that a table operation makes, by bit number."""
    tables: dict[int, Table] = {}
    for number, (op, start) in enumerate(zip(circuit.ops, circuit.starts, strict=True)):
        if isinstance(op, Lut):
            wires = [tuple(row) for row in op.wires.tolist()]
            rows = op.table.reshape(op.size, op.table.shape[2])
            for bit, row in enumerate(rows):
                value = int.from_bytes(row.tobytes(), "little")
                tables[start + bit] = Table(wires[bit // op.outputs], value, number)
    return tables


def with_tables(
    circuit: Circuit, tables: Mapping[int, Table], same: Mapping[int, int] | None = None
) -> Circuit:
    """Return the circuit with other tables in the place of its own.

    Parameters
    ----------
    circuit
        Its outputs and the stages stay, and those of its other operations whose bits are not all
        among ``tables``.
    tables
        By bit: a bit of ``circuit``, or a new number from ``circuit.bits`` on. They read input
        bits, each other, and bits of other operations. Those of one operation, at one depth and
        with one fan-in, become an operation; bits that have their address in common stay
        together.
    same
        Bits that other operations and outputs read -> bits that they shall read instead.
    """
    now = np.arange(max(circuit.bits, max(tables, default=0) + 1))
    for bit, other in (same or {}).items():
        now[bit] = other
    others = {
        number: renumber(op, now)
        for number, (op, start) in enumerate(zip(circuit.ops, circuit.starts, strict=True))
        if not isinstance(op, Lut) and not tables.keys() >= set(range(start, start + op.size))
    }
    depth = _depths(circuit, tables, others)
    placed: list[tuple[tuple[int, ...], Op, Ints]] = []
    for number, op in others.items():
        bits = np.arange(circuit.starts[number], circuit.starts[number] + op.size)
        placed.append(((circuit.stages[number], depth[-1 - number], number), op, bits))

    def key(row: list[int]) -> tuple[int, ...]:
        table = tables[row[0]]
        return circuit.stages[table.op], depth[row[0]], table.op, len(table.wires), len(row)

    for place, rows in groupby(sorted(_rows(tables), key=key), key):
        bits = np.array(list(rows), np.int64)
        op = _operation(circuit.ops[place[2]].name, [[tables[bit] for bit in row] for row in bits])
        placed.append((place, op, bits.reshape(-1)))
    placed.sort(key=lambda entry: entry[0])
    return assemble(circuit, [Placed(op, bits, place[0]) for place, op, bits in placed], now)


def _depths(
    circuit: Circuit, tables: Mapping[int, Table], others: Mapping[int, Op]
) -> dict[int, int]:
    """Return the depth of every table by its bit, and of every other operation by -1 - number."""
    source = circuit.sources(np.arange(circuit.bits)).tolist()

    def made(bits: Iterable[int]) -> set[int]:
        inner = (bit for bit in bits if bit in tables or source[bit] >= 0)
        return {bit if bit in tables else -1 - source[bit] for bit in inner}

    reads = {bit: made(table.wires) for bit, table in tables.items()}
    reads |= {-1 - number: made(operands(op).tolist()) for number, op in others.items()}
    depth: dict[int, int] = {}
    for bit in TopologicalSorter(reads).static_order():
        depth[bit] = 1 + max((depth[read] for read in reads[bit]), default=-1)
    return depth


def _rows(tables: Mapping[int, Table]) -> list[list[int]]:
    """Return bits in rows: those of one operation with one address together."""
    rows: dict[Hashable, list[int]] = {}
    for bit, table in sorted(tables.items()):
        rows.setdefault((table.op, table.wires), []).append(bit)
    return list(rows.values())


def _operation(name: str, rows: Sequence[Sequence[Table]]) -> Lut:
    wires = np.array([row[0].wires for row in rows], np.int64).reshape(len(rows), -1)
    size = max(1, (1 << wires.shape[1]) // 8)
    data = b"".join(table.value.to_bytes(size, "little") for row in rows for table in row)
    packed = np.frombuffer(data, np.uint8).reshape(len(rows), -1, size)
    return Lut(wires, packed.copy(), name)
