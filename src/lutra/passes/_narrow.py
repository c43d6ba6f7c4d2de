"""Exact narrowing of what stands between tables: sums, comparisons, encoders and the argmax."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Compare, Encode, Lut, Sum, renumber
from lutra.passes._assemble import Placed, assemble
from lutra.passes._known import KnownBits
from lutra.passes._unread import without_unread

__all__ = ["narrow"]

Ints = NDArray[np.int64]


def narrow(circuit: Circuit) -> Circuit:
    """Return a circuit that does the same with smaller sums and narrower words.

    Terms of a sum that are constant go into its bias, the inverse of a bit becomes the bit with the
    opposite weight, and a bit that comes twice is one term. A sum is as wide as its range needs.
    Words that are compared lose upper bits that say nothing, and comparisons that the range of
    their word decides are constants. What nothing reads then is left out. Tables of several
    inputs, the shape of every output and all stages stay.
    """
    known = KnownBits(circuit)
    constants = Lut(np.zeros((2, 0), np.int64), np.array([[[0]], [[1]]], np.uint8), "constant")
    stage = min(circuit.stages, default=0)
    parts = [Placed(constants, np.array([known.zero, known.one]), stage)]
    for op, start, stage in zip(circuit.ops, circuit.starts, circuit.stages, strict=True):
        bits = np.arange(start, start + op.size)
        if isinstance(op, Lut):
            known.note_tables(op, bits, stage)
            op = renumber(op, known.now)
        elif isinstance(op, Sum):
            op, bits = _sums(known, op, bits.reshape(-1, op.width))
        else:
            if isinstance(op, Compare) or (isinstance(op, Encode) and op.thermometer):
                _note_decided(known, op, bits)
            op = replace(op, words=known.words(op.words))
        parts.append(Placed(op, bits, stage))
    return without_unread(assemble(circuit, parts, known.now))


def _sums(known: KnownBits, op: Sum, bits: Ints) -> tuple[Sum, Ints]:
    """Return the smaller sums and what is left of their bits, which have shape (n, width)."""
    rows = zip(op.wires, op.weights.tolist(), op.bias.tolist(), strict=True)
    sums = [_terms(known, *row) for row in rows]
    width, signed = 1, False
    for word, (terms, bias) in zip(bits, sums, strict=True):
        low = bias + sum(weight for weight in terms.values() if weight < 0)
        high = bias + sum(weight for weight in terms.values() if weight > 0)
        known.note_range(word, op.signed, low, high)
        width = max(width, max(high, 0).bit_length(), (~min(low, 0)).bit_length())
        signed |= low < 0
    width += signed
    count = max((len(terms) for terms, _ in sums), default=0)
    wires, weights = np.full((len(sums), count), known.zero), np.zeros((len(sums), count), np.int64)
    for i, (terms, _) in enumerate(sums):
        wires[i] = [*terms, *[next(iter(terms), known.zero)] * (count - len(terms))]
        weights[i, : len(terms)] = list(terms.values())
    bias = np.array([bias for _, bias in sums], np.int64)
    code = op.code if (width, signed) == (op.width, op.signed) else None  # it is of the whole word
    return Sum(wires, weights, bias, width, signed, op.name, code), bits[:, :width].reshape(-1)


def _terms(
    known: KnownBits, wires: Ints, weights: Iterable[int], bias: int
) -> tuple[dict[int, int], int]:
    """Return the weight of each bit that one sum adds, and its bias."""
    terms: dict[int, int] = {}
    for bit, weight in zip(known.now[wires].tolist(), weights, strict=True):
        if bit in known.inverse:  # w (1 - b) = w - w b
            bit, bias, weight = known.inverse[bit], bias + weight, -weight
        if bit == known.one:
            bias += weight
        elif bit != known.zero:
            terms[bit] = terms.get(bit, 0) + weight
    return {bit: weight for bit, weight in terms.items() if weight}, bias


def _note_decided(known: KnownBits, op: Compare | Encode, bits: Ints) -> None:
    """Note which comparisons are constants."""
    (low, high), thresholds = known.bounds(op.words).T, op.thresholds.T
    reached = bits.reshape(op.thresholds.shape).T
    known.now[reached[thresholds <= low]] = known.one
    known.now[reached[thresholds > high]] = known.zero
