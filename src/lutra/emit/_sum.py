"""Sums of weighted bits as Verilog."""

from collections.abc import Iterator, Sequence
from functools import partial
from operator import mul

import numpy as np

from lutra.circuit import LUT_INPUTS, Sum
from lutra.emit._accumulate import accumulate
from lutra.emit._bit import Bit, combine, drive_all, joint, wire
from lutra.emit._wires import Wires

__all__ = ["sum_expressions", "sum_primitives"]

_TERMS = 16


def sum_expressions(op: Sum, wires: Wires) -> Iterator[str]:
    """Yield each sum as additions of a few terms at a time: for people and simulators."""
    names = wires.bits(op.wires.reshape(-1))
    count, width = op.wires.shape[1], op.width
    for i, (weights, bias) in enumerate(zip(op.weights.tolist(), op.bias.tolist(), strict=True)):
        pairs = zip(names[i * count : (i + 1) * count], weights, strict=True)
        terms = [_term(name, weight, width) for name, weight in pairs if weight]
        number = 0
        while len(terms) > _TERMS:
            groups = [terms[j : j + _TERMS] for j in range(0, len(terms), _TERMS)]
            terms = []
            for group in groups:
                yield f"wire [{width - 1}:0] s{i}_{number} = {width}'d0 {' '.join(group)};"
                terms.append(f"+ s{i}_{number}")
                number += 1
        total = f"{width}'d{bias % (1 << width)} {' '.join(terms)}".rstrip()
        yield f"assign y[{(i + 1) * width - 1}:{i * width}] = {total};"


def _term(name: str, weight: int, width: int) -> str:
    sign, size = "-+"[weight > 0], abs(weight)
    return f"{sign} {name}" if size == 1 else f"{sign} ({name} ? {width}'d{size} : {width}'d0)"


def sum_primitives(op: Sum, wires: Wires) -> Iterator[str]:
    """Yield each sum as LUTs and carry chains."""
    width, read = op.width, np.unique(op.wires[op.weights != 0])
    bits = dict(zip(read.tolist(), map(wire, wires.bits(read)), strict=True))
    rows = zip(op.wires.tolist(), op.weights.tolist(), op.bias.tolist(), strict=True)
    for i, (row, weights, bias) in enumerate(rows):
        terms = [(bits[bit], w) for bit, w in zip(row, weights, strict=True) if w]
        needed = _needed_width([weight for _, weight in terms], bias, op.signed)
        total = [f"y[{i * width + j}]" for j in range(needed - 1)]
        yield f"wire e{i};"  # the top bit, which repeats where the sum is signed
        total.append(f"e{i}")
        columns = _columns(terms, bias, needed)
        inputs = len(joint([bit for bit, _ in terms]))
        if inputs < LUT_INPUTS or (inputs == LUT_INPUTS and len(columns[0]) < LUT_INPUTS):
            yield from drive_all(f"us{i}", total, _lookup(terms, bias, needed))
        else:
            yield from accumulate(f"s{i}", columns, total)
        rest = width - needed
        upper = f"{{{rest + 1}{{e{i}}}}}" if op.signed else f"{{{rest + 1}'d0 | e{i}}}"
        yield f"assign y[{(i + 1) * width - 1}:{i * width + needed - 1}] = {upper};"


def _lookup(terms: Sequence[tuple[Bit, int]], bias: int, width: int) -> list[Bit]:
    """Return the bits of a sum of at most six inputs as tables of them."""
    weights = [weight for _, weight in terms]

    def sum_bit(values: Sequence[int], j: int) -> int:
        return (sum(map(mul, weights, values)) + bias) >> j

    return [combine(partial(sum_bit, j=j), [bit for bit, _ in terms]) for j in range(width)]


def _columns(terms: Sequence[tuple[Bit, int]], bias: int, width: int) -> list[list[Bit]]:
    """Return the bits of every weight; -b is ~b - 1."""
    columns: list[list[Bit]] = [[] for _ in range(width)]
    for bit, weight in terms:
        if weight < 0:
            bit, bias = combine(lambda values: 1 - values[0], [bit]), bias + weight
        for j in range(min(width, abs(weight).bit_length())):
            if abs(weight) >> j & 1:
                columns[j].append(bit)
    for j, column in enumerate(columns):
        column += [Bit((), 1)] * (bias >> j & 1)
    return columns


def _needed_width(weights: Sequence[int], bias: int, signed: bool) -> int:
    """Return the width of a sum that needs fewer bits than its word has."""
    low = bias + sum(weight for weight in weights if weight < 0)
    high = bias + sum(weight for weight in weights if weight > 0)
    return max(1, max(high, 0).bit_length() + signed, (~low).bit_length() + 1 if low < 0 else 0)
