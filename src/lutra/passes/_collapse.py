"""Networks of tables taken together again."""

from collections.abc import Mapping
from dataclasses import replace
from graphlib import TopologicalSorter

import numpy as np

from lutra.circuit import Circuit, Lut
from lutra.passes._tables import Table
from lutra.passes._truth import rewired, substitute

__all__ = ["collapse"]


def collapse(circuit: Circuit, tables: Mapping[int, Table]) -> Circuit:
    """Return the circuit with each bit of a table what other tables make of the same wires.

    Parameters
    ----------
    circuit
        Its operations, wires and bits stay; those of a table are all different.
    tables
        By bit: all that the circuit's tables make, and new numbers from ``circuit.bits`` on.
        Those of one operation read each other and what that operation reads in ``circuit``.
    """
    whole: dict[int, Table] = {}
    order = TopologicalSorter({bit: table.wires for bit, table in tables.items()})
    for bit in order.static_order():
        if bit in tables:
            table = tables[bit]
            own = {w: whole[w] for w in table.wires if w in whole and whole[w].op == table.op}
            whole[bit] = substitute(table, own)
    ops = list(circuit.ops)
    for number, (op, start) in enumerate(zip(circuit.ops, circuit.starts, strict=True)):
        if isinstance(op, Lut):
            wires = np.repeat(op.wires, op.outputs, axis=0).tolist()
            values = (rewired(whole[start + j], row).value for j, row in enumerate(wires))
            size = op.table.shape[2]
            data = b"".join(value.to_bytes(size, "little") for value in values)
            packed = np.frombuffer(data, np.uint8).reshape(op.table.shape)
            ops[number] = replace(op, table=packed.copy())
    return replace(circuit, ops=tuple(ops))
