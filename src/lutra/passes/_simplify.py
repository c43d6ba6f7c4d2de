"""Exact simplification: no function that anything reads changes."""

from lutra.circuit import LUT_INPUTS, Circuit, Lut, operands
from lutra.passes._narrow import narrow
from lutra.passes._tables import BUFFER, INVERTER, Table, tables_of, with_tables
from lutra.passes._truth import substitute
from lutra.passes._unread import without_unread

__all__ = ["read_by_others", "simplify"]


def simplify(circuit: Circuit) -> Circuit:
    """Return a circuit that does the same with fewer and smaller tables.

    Tables lose inputs that they do not depend on, are constant or come twice; tables that are
    constant, an input or its inverse are absorbed by the tables that read them; of tables that are
    equal, or equal up to inversion, one stays; a table goes into all those of its stage that read
    it where none of them needs more than six inputs then; sums and the words that are compared
    are narrowed (`narrow`); and what nothing reads is left out. Every output and every stage stays
    what it was.
    """
    smaller = _simplified(circuit)
    while _size(smaller) < _size(circuit):
        circuit, smaller = smaller, _simplified(smaller)
    return smaller


def _simplified(circuit: Circuit) -> Circuit:
    """Do everything once."""
    circuit = narrow(with_tables(circuit, *_distinct(circuit)))
    return without_unread(with_tables(circuit, _merged(circuit)))


def _size(circuit: Circuit) -> int:
    return circuit.bits + sum(operands(op).size for op in circuit.ops)


def _distinct(circuit: Circuit) -> tuple[dict[int, Table], dict[int, int]]:
    """Return the tables without what they can do without, and which bits equal an earlier one."""
    tables = tables_of(circuit)
    order = sorted(tables, key=lambda bit: circuit.stages[tables[bit].op])  # never read a later one
    simple: dict[int, Table] = {}
    same: dict[int, int] = {}
    first: dict[tuple[tuple[int, ...], int], int] = {}
    for bit in order:
        table = tables[bit] = substitute(tables[bit], simple)
        wires, value = table.wires, table.value
        if len(wires) < 2:
            simple[bit] = table
            if wires and value == BUFFER:
                same[bit] = wires[0]
            continue
        inverse = ~value & ((1 << (1 << len(wires))) - 1)
        key = wires, min(value, inverse)
        original = first.setdefault(key, bit)
        if original != bit:
            equal = tables[original].value == value
            simple[bit] = table._replace(wires=(original,), value=BUFFER if equal else INVERTER)
            if equal:
                same[bit] = original
    return tables, same


def _merged(circuit: Circuit) -> dict[int, Table]:
    """Return the tables after merging those that all their readers can take in."""
    tables = tables_of(circuit)
    fixed = read_by_others(circuit)
    readers: dict[int, set[int]] = {bit: set() for bit in tables}
    for bit, table in tables.items():
        for wire in readers.keys() & set(table.wires):
            readers[wire].add(bit)
    for bit in list(tables):
        table, reading = tables[bit], readers[bit]
        stage = circuit.stages[table.op]
        if bit in fixed or any(
            circuit.stages[tables[reader].op] != stage
            or len(set(tables[reader].wires) - {bit} | set(table.wires)) > LUT_INPUTS
            for reader in reading
        ):
            continue
        for reader in reading:
            tables[reader] = substitute(tables[reader], {bit: table})
        for wire in readers.keys() & set(table.wires):
            readers[wire] = readers[wire] - {bit} | reading
        del tables[bit]
    return tables


def read_by_others(circuit: Circuit) -> set[int]:
    """Return the bits that outputs and operations without tables read."""
    read = [operands(op) for op in circuit.ops if not isinstance(op, Lut)]
    read += [output.words.bits.reshape(-1) for output in circuit.outputs]
    return {bit for bits in read for bit in bits.tolist()}
