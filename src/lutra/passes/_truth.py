"""Rewriting one table: other inputs, fewer inputs, another order of inputs."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.passes._tables import Table

__all__ = ["address_of", "columns_of", "entries_of", "rewired", "substitute", "value_of"]

Bits = NDArray[np.uint8]


def entries_of(table: Table) -> Bits:
    """Return the value at each address. Shape (2**k,)."""
    inputs = len(table.wires)
    data = np.frombuffer(table.value.to_bytes(max(1, (1 << inputs) // 8), "little"), np.uint8)
    return np.unpackbits(data, count=1 << inputs, bitorder="little")


def value_of(entries: Bits) -> int:
    """Return the values at all addresses as a number."""
    return int.from_bytes(np.packbits(entries, bitorder="little").tobytes(), "little")


def rewired(table: Table, wires: Sequence[int]) -> Table:
    """Return the same function of ``wires``, which name all that it depends on, in any order."""
    columns = columns_of(wires)
    found = entries_of(table)[address_of(table, columns)]
    return table._replace(wires=tuple(wires), value=value_of(found))


def substitute(table: Table, inner: Mapping[int, Table]) -> Table:
    """Return a table with the tables ``inner`` in the place of the bits that they stand for.

    Its inputs ascend, each is there once, and the function depends on every one of them.
    """
    read = {wire for bit in table.wires for wire in (inner[bit].wires if bit in inner else (bit,))}
    wires = sorted(read)
    columns = columns_of(wires)
    for bit in table.wires:
        if bit in inner:
            columns[bit] = entries_of(inner[bit])[address_of(inner[bit], columns)].astype(np.int64)
    found = entries_of(table)[address_of(table, columns)]
    for j in reversed(range(len(wires))):
        halves = found.reshape(-1, 2, 1 << j)
        if np.array_equal(halves[:, 0], halves[:, 1]):
            found = halves[:, 0].reshape(-1)
            del wires[j]
    return table._replace(wires=tuple(wires), value=value_of(found))


def columns_of(wires: Sequence[int]) -> dict[int, NDArray[np.int64]]:
    """Return what each input is at every address."""
    entries = np.arange(1 << len(wires))
    return {wire: entries >> j & 1 for j, wire in enumerate(wires)}


def address_of(table: Table, columns: Mapping[int, NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the address that a table reads where its inputs are ``columns``."""
    size = len(next(iter(columns.values()))) if columns else 1
    address = np.zeros(size, np.int64)
    for j, wire in enumerate(table.wires):
        address += columns[wire] << j
    return address
