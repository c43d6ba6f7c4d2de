"""Leaving out what nothing reads."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Argmax, Circuit, Compare, Encode, Lut, Op, Sum, Words, operands
from lutra.passes._assemble import Placed, assemble

__all__ = ["take_rows", "without_unread"]

Ints = NDArray[np.int64]


def without_unread(circuit: Circuit) -> Circuit:
    """Return the circuit of those tables, sums, comparisons and encoded words that are read.

    Outputs, input words and the order of what stays are the same. An operation of which nothing
    stays is left out.
    """
    read = np.zeros(circuit.bits, bool)
    for output in circuit.outputs:
        read[output.words.bits] = True
    kept: list[Placed] = []
    for number in reversed(range(len(circuit.ops))):
        op, start = circuit.ops[number], circuit.starts[number]
        bits = np.arange(start, start + op.size).reshape(-1, max(1, op.size // max(1, _rows(op))))
        rows = np.flatnonzero(read[bits].any(axis=1))
        if len(rows):
            part = op if len(rows) == _rows(op) else take_rows(op, rows)
            read[operands(part)] = True
            kept.append(Placed(part, bits[rows].reshape(-1), circuit.stages[number]))
    kept.reverse()
    return assemble(circuit, kept, np.arange(circuit.bits))


def _rows(op: Op) -> int:
    """Return how many like parts an operation has, each with equally many bits."""
    if isinstance(op, Argmax):
        return 1
    return len(op.wires) if isinstance(op, Lut | Sum) else op.words.count


def take_rows(op: Op, rows: Ints) -> Op:
    match op:
        case Lut():
            whole = op.code is None or op.code.width == op.outputs
            code = op.code if whole else None  # a word over several tables may have lost one
            return replace(op, wires=op.wires[rows], table=op.table[rows], code=code)
        case Sum():
            part = {key: getattr(op, key)[rows] for key in ("wires", "weights", "bias")}
            return replace(op, **part)
        case Encode() | Compare():
            words = Words(op.words.bits[rows], op.words.signed)
            return replace(op, words=words, thresholds=op.thresholds[rows])
        case Argmax():
            return op
