"""LUT6 that tables need once they are mapped, told from their entries, without any tool."""

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import LUT_INPUTS, Circuit, Lut, lut6_worst_case
from lutra.passes._compress import MAX_CODE_WIDTH
from lutra.passes._cover import MAX_SHIFT, bit_length, cover

__all__ = ["estimate_lut6"]

_LUT6_PER_BIT = 1.1 / 64
"""LUT6 that a stored bit takes, its share of what reads it included: fitted on one network."""
_SUB_WIDTHS = (3, 4)
"""Address bits of sub-tables; others change the estimate little and take most of the time."""
_CHUNK = 1 << 22
"""Entries at a time."""
_WORST = np.array([lut6_worst_case(inputs) for inputs in range(17)])

Bits = NDArray[np.uint8]
Codes = NDArray[np.uint32]
Ints = NDArray[np.int64]


def estimate_lut6(circuit: Circuit) -> NDArray[np.float64]:
    """Return how many LUT6 the tables of each operation need after `lutra.tools.map_luts`.

    A table that depends on two to six of its inputs takes one LUT, on fewer none. The others of a
    neuron, whose output bits share an address, take one per output bit and 1.1 per 64 bits that
    they store in the form of CompressedLUT (FPGA 2024; see `compress_tables`), the inputs of
    least influence within the sub-tables; never more than any function of so many inputs needs.
    Neurons stand alone: what their inputs never are, and what levels could share, is not looked
    for. `lutra bench estimate` measures the error; tables of random bits take a sixth more.

    Returns
    -------
    NDArray
        LUT6 per operation, 0 for those without tables. Shape (operations,).
    """
    return np.array([_tables(op) if isinstance(op, Lut) else 0.0 for op in circuit.ops])


def _tables(op: Lut) -> float:
    step = max(1, _CHUNK // (op.outputs << op.fan_in))
    total = 0.0
    for start in range(0, len(op.wires), step):
        part = Lut(op.wires[start : start + step], op.table[start : start + step], op.name)
        entries = part.entries()
        for bit in range(0, op.outputs, MAX_CODE_WIDTH):
            total += _neurons(entries[:, bit : bit + MAX_CODE_WIDTH])
    return total


def _neurons(entries: Bits) -> float:
    """Return the LUT6 of tables in all. Shape (n, m, 2**k)."""
    changes = _changes(entries)
    inputs = np.count_nonzero(changes, axis=2)
    large = inputs > LUT_INPUTS
    total = float(np.count_nonzero((inputs > 1) & ~large))
    rows = np.flatnonzero(large.any(axis=1))
    entries, changes, inputs, large = entries[rows], changes[rows], inputs[rows], large[rows]
    influence = (changes * large[:, :, None]).sum(axis=1)
    codes = _ordered(_codes(entries, large), np.argsort(influence, axis=1, kind="stable"))
    unused = np.count_nonzero(influence == 0, axis=1)  # these come first
    bits, most = large.sum(axis=1), (_WORST[inputs] * large).sum(axis=1)
    for count in np.unique(unused):
        of = unused == count
        stored = _stored_bits(codes[of, :: 1 << count], bits[of])
        total += np.minimum(bits[of] + _LUT6_PER_BIT * stored, most[of]).sum()
    return total


def _changes(entries: Bits) -> Ints:
    """Count the pairs of entries that differ, per table and input. Shape (n, m, k)."""
    n, m, size = entries.shape
    halves = (entries.reshape(n, m, -1, 2, 1 << j) for j in range(size.bit_length() - 1))
    found = [np.count_nonzero(of[:, :, :, 0] != of[:, :, :, 1], axis=(2, 3)) for of in halves]
    return np.stack(found, axis=2) if found else np.zeros((n, m, 0), np.int64)


def _codes(entries: Bits, large: NDArray[np.bool_]) -> Codes:
    """Return the chosen bits of each neuron side by side. Shape (n, 2**k)."""
    codes = np.zeros((len(entries), entries.shape[2]), np.uint32)
    place = np.cumsum(large, axis=1) - 1
    for j in range(large.shape[1]):
        column = (entries[:, j] * large[:, j, None]).astype(np.uint32)
        codes |= column << np.maximum(place[:, j, None], 0).astype(np.uint32)
    return codes


def _ordered(codes: Codes, order: Ints) -> Codes:
    """Return tables with other inputs in the place of theirs. ``order``: shape (n, k)."""
    address = np.zeros((len(codes), 1), np.int64)
    for j in range(order.shape[1]):
        address = np.concatenate([address, address + (1 << order[:, j, None])], axis=1)
    return np.take_along_axis(codes, address, axis=1)


def _stored_bits(codes: Codes, widths: Ints) -> Ints:
    """Return the least bits in the form of CompressedLUT, or as they are."""
    n, size = codes.shape
    best = size * widths
    for low_width in range(int(widths.max())):
        low = codes & np.uint32((1 << low_width) - 1)
        low_bits = size * bit_length(low.max(axis=1))
        for sub_width in _SUB_WIDTHS:
            parts = (codes >> np.uint32(low_width)).reshape(n, -1, 1 << sub_width)
            bias = parts.min(axis=2)
            found = cover(parts - bias[:, :, None], np.ones(parts.shape, bool), MAX_SHIFT)
            bits = found.stored_bits() + bias.shape[1] * bit_length(bias.max(axis=1))
            best = np.minimum(best, low_bits + bits)
    return best
