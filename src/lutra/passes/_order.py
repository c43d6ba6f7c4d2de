"""The order of a table's inputs, on which the size of its tree of multiplexers depends."""

from collections.abc import Mapping

import numpy as np

from lutra.circuit import LUT_INPUTS
from lutra.passes._tables import Table
from lutra.passes._truth import entries_of, rewired

__all__ = ["by_influence"]


def by_influence(tables: Mapping[int, Table]) -> dict[int, Table]:
    """Return the same tables, the inputs of large ones from the least influential to the most.

    Influence is the share of entries whose value changes with the input. Tables of one address
    keep one address.
    """
    neurons: dict[tuple[int, ...], list[int]] = {}
    for bit, table in tables.items():
        if len(table.wires) > LUT_INPUTS:
            neurons.setdefault(table.wires, []).append(bit)
    found = dict(tables)
    for wires, bits in neurons.items():
        entries = np.stack([entries_of(tables[bit]) for bit in bits])
        halves = [entries.reshape(len(bits), -1, 2, 1 << j) for j in range(len(wires))]
        influence = [np.count_nonzero(half[:, :, 0] != half[:, :, 1]) for half in halves]
        order = [wires[j] for j in np.argsort(influence, kind="stable")]
        found |= {bit: rewired(tables[bit], order) for bit in bits}
    return found
