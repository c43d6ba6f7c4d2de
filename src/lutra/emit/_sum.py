"""Sums of weighted bits as Verilog."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lutra.circuit import Sum
from lutra.emit._accumulate import Bit, accumulate, wire
from lutra.emit._wires import Wires, lut

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


def sum_primitives(op: Sum, wires: Wires, tables: Mapping[int, Bit] | None = None) -> Iterator[str]:
    """Yield each sum as LUTs that count up to six bits of equal weight, and one last addition.

    Six bits take three LUTs; carry chains, which Yosys would build instead, take twice as many.
    Where ``tables`` holds bits of the circuit that the sum looks up itself, chains are better.
    """
    inside, read = tables or {}, np.unique(op.wires[op.weights != 0])
    read = read[~np.isin(read, list(inside))]
    bits = {**dict(zip(read.tolist(), map(wire, wires.bits(read)), strict=True)), **inside}
    width = op.width
    rows = zip(op.wires.tolist(), op.weights.tolist(), op.bias.tolist(), strict=True)
    for i, (row, weights, bias) in enumerate(rows):
        terms = [(bits[bit], w) for bit, w in zip(row, weights, strict=True) if w]
        needed = _needed_width([weight for _, weight in terms], bias, op.signed)
        total = [f"y[{i * width + j}]" for j in range(needed - 1)]
        yield f"wire e{i};"  # the top bit, which repeats where the sum is signed
        total.append(f"e{i}")
        if inside.keys() & set(row):
            yield from accumulate(f"s{i}", _columns(terms, bias, needed), total)
        else:
            yield from _add(f"s{i}", [(bit.inputs[0], w) for bit, w in terms], bias, total)
        rest = width - needed
        upper = f"{{{rest + 1}{{e{i}}}}}" if op.signed else f"{{{rest + 1}'d0 | e{i}}}"
        yield f"assign y[{(i + 1) * width - 1}:{i * width + needed - 1}] = {upper};"


def _columns(terms: Sequence[tuple[Bit, int]], bias: int, width: int) -> list[list[Bit]]:
    """Return the bits of every weight; -b is ~b - 1."""
    columns: list[list[Bit]] = [[] for _ in range(width)]
    for bit, weight in terms:
        if weight < 0:
            bit, bias = bit.plus("1'b1"), bias + weight
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


def _add(
    stem: str, terms: Sequence[tuple[str, int]], bias: int, total: Sequence[str]
) -> Iterator[str]:
    width, used = len(total), sorted({name for name, _ in terms})
    if not used:
        for j, bit in enumerate(total):
            yield f"assign {bit} = 1'b{bias >> j & 1};"
        return
    if len(used) <= 6:
        weights = [sum(weight for name, weight in terms if name == bit) for bit in used]
        yield from _lookup(f"u{stem}", used, weights, bias, total)
        return
    columns: list[list[str]] = [[] for _ in range(width)]
    for name, weight in terms:
        if weight < 0:  # -b = ~b - 1
            name, bias = f"~{name}", bias + weight
        for j in range(abs(weight).bit_length()):
            if abs(weight) >> j & 1:
                columns[j].append(name)
    for j in range(width):
        columns[j] += ["1'b1"] * (bias >> j & 1)
    number = 0
    while max(map(len, columns)) > 2:
        reduced: list[list[str]] = [[] for _ in range(width)]
        for j, column in enumerate(columns):
            for first in range(0, len(column), 6):
                group = column[first : first + 6]
                if len(group) < 3:
                    reduced[j] += group
                    continue
                bits = [bit for bit in group if bit != "1'b1"]
                size = min(len(group).bit_length(), width - j)
                counts = [f"{stem}_{number + k}" for k in range(size)]
                number += size
                yield f"wire {', '.join(counts)};"
                signs = [-1 if bit[0] == "~" else 1 for bit in bits]
                constant = len(group) - len(bits) + signs.count(-1)
                bare = [bit.lstrip("~") for bit in bits]
                yield from _lookup(f"u{counts[0]}", bare, signs, constant, counts)
                for k, bit in enumerate(counts):
                    reduced[j + k].append(bit)
        columns = reduced
    rows = [[(column + ["1'b0"] * 2)[row] for column in reversed(columns)] for row in (0, 1)]
    high, low = (", ".join(row) for row in rows)
    yield f"assign {{{', '.join(reversed(total))}}} = {{{high}}} + {{{low}}};"


def _lookup(
    name: str, bits: Sequence[str], weights: Sequence[int], bias: int, total: Sequence[str]
) -> Iterator[str]:
    """Yield one LUT per bit of a sum of at most six bits."""
    sums = [bias]
    for weight in weights:
        sums += [value + weight for value in sums]
    seen: dict[int, str] = {0: "1'b0", (1 << len(sums)) - 1: "1'b1"}
    digits = max(1, len(sums) // 4)
    for j, output in enumerate(total):
        table = sum((value >> j & 1) << entry for entry, value in enumerate(sums))
        if table in seen:
            yield f"assign {output} = {seen[table]};"
            continue
        seen[table] = output
        yield lut(f"{name}_{j}", output, bits, f"{table:0{digits}x}")
