"""Tables rewritten for the entries that samples read; NullaNet's use of a training set.

NullaNet (arXiv 2104.05421 and before) minimises every neuron as an incompletely specified
function: what no training sample asks for may be anything. Here each output bit first loses the
inputs that it can do without, then takes what is left apart as the Verilog writer does, in parts
of six inputs, and makes as many parts equal as the cares allow.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import LUT_INPUTS, Circuit, Lut

__all__ = ["specialise"]

Table = NDArray[np.bool_]
Words = NDArray[np.uint64]
_CHUNK = 1 << 22
"""Entries at a time."""
_LOW = [
    np.uint64(sum(1 << entry for entry in range(64) if not entry >> j & 1))
    for j in range(LUT_INPUTS)
]
"""Of the 64 entries of a part, those whose address bit j is 0."""


def specialise(circuit: Circuit, cares: Mapping[int, Table]) -> Circuit:
    """Return a circuit of smaller tables that agree with the given ones on the entries that matter.

    Every bit of a table operation becomes a table of its own, whose inputs come in another order
    and only as far as any table of the operation needs them. Bit numbers and names stay. Where no
    other entries are read, every bit is as it was; elsewhere the circuits differ. Tables of several
    bits that a LUT holds gain nothing apart, and stay.

    Parameters
    ----------
    circuit
        Whose tables; its stages stay.
    cares
        Operation number -> entries that matter, shape (tables, entries): those that samples read
        (`observe`), or any input can read (`reachable`), which changes no function.
    """
    ops = list(circuit.ops)
    for number, care in cares.items():
        op = ops[number]
        if isinstance(op, Lut) and care.size and (op.outputs == 1 or op.fan_in > LUT_INPUTS):
            ops[number] = _smaller(op, care)
    return replace(circuit, ops=tuple(ops))


def _smaller(op: Lut, care: Table) -> Lut:
    tables = op.entries().astype(bool).reshape(op.size, -1)
    wires, care = np.repeat(op.wires, op.outputs, axis=0), np.repeat(care, op.outputs, axis=0)
    orders, needed = np.empty_like(wires), np.empty(op.size, np.int64)
    step = max(1, _CHUNK >> op.fan_in)
    for start in range(0, op.size, step):
        rows = slice(start, start + step)
        kept = _reduce(tables[rows], care[rows])
        orders[rows] = _order(tables[rows], care[rows], kept)
        tables[rows], care[rows] = (_permute(of[rows], orders[rows]) for of in (tables, care))
        needed[rows] = kept.sum(axis=1)
        _share_parts(tables[rows], care[rows])
    fan_in = int(needed.max(initial=0))
    packed = np.packbits(tables[:, None, : 1 << fan_in], axis=2, bitorder="little")
    wires = np.take_along_axis(wires, orders, axis=1)[:, :fan_in]
    return replace(op, wires=np.ascontiguousarray(wires), table=packed)


def _halves(of: Table, j: int) -> tuple[Table, Table]:
    """Return views of the entries whose address bit j is 0, and 1. Shape (n, high, low)."""
    split = of.reshape(len(of), -1, 2, 1 << j)
    return split[:, :, 0], split[:, :, 1]


def _pairs(table: Table, care: Table, j: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many neighbours by address bit j both matter, and how many of them differ."""
    (zero, one), (first, second) = _halves(table, j), _halves(care, j)
    both = first & second
    return both.sum(axis=(1, 2)), (both & (zero ^ one)).sum(axis=(1, 2))


def _reduce(table: Table, care: Table) -> Table:
    """Free tables from inputs, in place, one by one, as long as no two cares fall together.

    The input whose halves have most cares in common goes first: it costs the fewest don't-cares.
    Returns which inputs stay. Shape (n, inputs).
    """
    inputs = table.shape[1].bit_length() - 1
    kept = np.ones((len(table), inputs), bool)
    rows = np.arange(len(table))
    while inputs and len(rows):
        common = np.full((len(rows), inputs), -1)
        part, cares = table[rows], care[rows]
        for j in range(inputs):
            both, differ = _pairs(part, cares, j)
            common[:, j] = np.where(kept[rows, j] & (differ == 0), both, -1)
        best = common.argmax(axis=1)
        able = common.max(axis=1, initial=-1) >= 0
        rows, best = rows[able], best[able]
        for j in np.unique(best):
            _merge(table, care, rows[best == j], int(j))
        kept[rows, best] = False
    return kept


def _merge(table: Table, care: Table, rows: NDArray[np.int64], j: int) -> None:
    part, cares = table[rows], care[rows]
    (zero, one), (first, second) = _halves(part, j), _halves(cares, j)
    zero[:] = np.where(first, zero, one)
    one[:] = zero
    first |= second
    second[:] = first
    table[rows], care[rows] = part, cares


def _order(table: Table, care: Table, kept: Table) -> NDArray[np.int64]:
    """Return the inputs of each table, the least influential first, those not kept last.

    A table cut by its most influential inputs falls into parts that are constant or equal.
    """
    influence = np.zeros(kept.shape)
    for j in range(kept.shape[1]):
        both, differ = _pairs(table, care, j)
        influence[:, j] = differ / np.maximum(both, 1)
    return np.where(kept, influence, 2.0).argsort(axis=1, kind="stable")


def _permute(of: Table, order: NDArray[np.int64]) -> Table:
    """Return tables whose address bit i is what was bit ``order[:, i]``."""
    new = np.arange(of.shape[1])
    old = np.zeros(of.shape, np.int64)
    for i in range(order.shape[1]):
        old += (new >> i & 1) << order[:, i, None]
    return np.take_along_axis(of, old, axis=1)


def _share_parts(table: Table, care: Table) -> None:
    """Fill don't-cares, in place, so that few parts of 64 entries are left, and simple ones.

    Parts that can be constant are; others that agree where both matter become one, the fullest
    first; one that nothing reads follows a neighbour. Then each part follows its cares across
    its don't-cares.
    """
    size = table.shape[1]
    value, known = (_pack(of) for of in (table & care, care))
    rows, parts = np.arange(len(value)), value.shape[1]
    values, cares = (np.zeros((len(value), parts + 2), np.uint64) for _ in range(2))
    values[:, 1] = cares[:, 0] = cares[:, 1] = ~np.uint64(0)
    owner = np.empty(value.shape, np.int64)
    for part in np.bitwise_count(known).argsort(axis=1, kind="stable")[:, ::-1].T:
        bits, mask = value[rows, part], known[rows, part]
        clash = (values ^ bits[:, None]) & cares & mask[:, None]
        fits = (clash == 0).argmax(axis=1)  # a place that is free yet always does
        owner[rows, part] = fits
        values[rows, fits] |= bits
        cares[rows, fits] |= mask
    unread = known == 0
    for j in range(parts.bit_length() - 1):
        near = np.arange(parts) ^ (1 << j)
        owner = np.where(unread & ~unread[:, near], owner[:, near], owner)
        unread &= unread[:, near]
    table[:] = _unpack(np.take_along_axis(_fill(values, cares), owner, axis=1), size)


def _fill(value: Words, care: Words) -> Words:
    """Return parts whose don't-cares agree with a neighbour wherever one is known."""
    for j in reversed(range(LUT_INPUTS)):
        low, distance = _LOW[j], np.uint64(1 << j)
        zero, one = value & low, value >> distance & low
        first, second = care & low, care >> distance & low
        joined = zero | one
        both = joined | joined << distance
        agree = ((zero ^ one) & first & second) == 0
        value = np.where(agree, both, value)
        care = np.where(agree, first | second | (first | second) << distance, care)
    for j in range(LUT_INPUTS):
        low, distance = _LOW[j], np.uint64(1 << j)
        down, up = value >> distance & low, (value & low) << distance
        near, there = down | up, (care >> distance & low) | (care & low) << distance
        value = value | near & ~care
        care = care | there
    return value


def _pack(of: Table) -> Words:
    """Return the entries as words of 64, repeated where there are fewer. Shape (n, parts)."""
    if of.shape[1] < 64:
        of = np.tile(of, 64 // of.shape[1])
    return np.packbits(of, axis=1, bitorder="little").view("<u8")


def _unpack(words: Words, size: int) -> Table:
    entries = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    return entries[:, :size].astype(bool)
