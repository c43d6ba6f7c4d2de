import numpy as np

from lutra.circuit import Builder, Lut, pack_tables
from lutra.passes import collapse, tables_of


def test_bits_that_help_each_other_become_tables_of_the_same_wires() -> None:
    b = Builder(6, 1)
    r = np.random.default_rng(0)
    wires = np.array([[0, 1, 2], [3, 4, 5]])
    first = b.add(Lut(wires, pack_tables(r.integers(0, 4, (2, 8)), 2), "first"), 1)
    b.output(
        "y", b.add(Lut(first.bits.reshape(1, 4), pack_tables(r.integers(0, 2, (1, 16)), 1)), 1)
    )
    circuit = b.build("two levels")
    tables = tables_of(circuit)
    low, high = circuit.input_bits, circuit.input_bits + 1  # of the first table
    inverse = tables[low].value ^ 0xFF
    tables[20] = tables[low]._replace(value=inverse)
    tables[low] = tables[low]._replace(wires=(20,), value=0b01)
    sibling = tables[high].value ^ tables_of(circuit)[low].value
    tables[21] = tables[high]._replace(value=sibling)
    tables[high] = tables[high]._replace(wires=(low, 21), value=0b0110)
    found = collapse(circuit, tables)
    for op, own in zip(found.ops, circuit.ops, strict=True):
        assert isinstance(op, Lut) and isinstance(own, Lut)
        assert np.array_equal(op.table, own.table) and np.array_equal(op.wires, own.wires)
