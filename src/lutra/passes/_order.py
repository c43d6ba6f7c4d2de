"""The order of a table's inputs, on which the size of its tree of multiplexers depends."""

from collections.abc import Mapping

import numpy as np

from lutra.circuit import LUT_INPUTS
from lutra.passes._tables import Table
from lutra.passes._truth import entries_of, rewired

__all__ = ["neurons"]


def neurons(tables: Mapping[int, Table]) -> list[dict[int, Table]]:
    """Return the tables of more than six inputs, those of a neuron together, with one address.

    A neuron is what one operation computes from one set of bits, or parts of it. The inputs come
    in the order of their influence, the least first: the share of entries, over all tables of the
    neuron, whose value changes with the input.
    """
    found: list[tuple[int, set[int], list[int]]] = []
    large = [bit for bit, table in tables.items() if len(table.wires) > LUT_INPUTS]
    for bit in sorted(large, key=lambda bit: (-len(tables[bit].wires), bit)):
        table = tables[bit]
        for op, wires, bits in found:
            if op == table.op and wires.issuperset(table.wires):
                bits.append(bit)
                break
        else:
            found.append((table.op, set(table.wires), [bit]))
    return [_ordered({bit: tables[bit] for bit in bits}, wires) for _, wires, bits in found]


def _ordered(tables: Mapping[int, Table], wires: set[int]) -> dict[int, Table]:
    whole = {bit: rewired(table, sorted(wires)) for bit, table in tables.items()}
    entries = np.stack([entries_of(table) for table in whole.values()])
    halves = [entries.reshape(len(tables), -1, 2, 1 << j) for j in range(len(wires))]
    influence = [np.count_nonzero(half[:, :, 0] != half[:, :, 1]) for half in halves]
    order = [sorted(wires)[j] for j in np.argsort(influence, kind="stable")]
    return {bit: rewired(table, order) for bit, table in whole.items()}
