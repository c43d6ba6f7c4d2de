"""Sums of weighted bits as Verilog."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from operator import mul

import numpy as np

from lutra.circuit import Sum
from lutra.emit._bit import drive_all
from lutra.emit._chain import CARRY_BITS, carry_chain
from lutra.emit._wires import Wires
from lutra.passes import Bit, Place, add_up, columns_of_sum, combine, is_looked_up, width_of_sum

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
    names = zip(read.tolist(), wires.bits(read), strict=True)
    bits = {number: Bit((name,), 2) for number, name in names}
    rows = zip(op.wires.tolist(), op.weights.tolist(), op.bias.tolist(), strict=True)
    for i, (row, weights, bias) in enumerate(rows):
        terms = [(bits[bit], w) for bit, w in zip(row, weights, strict=True) if w]
        needed = width_of_sum([weight for _, weight in terms], bias, op.signed)
        total = [f"y[{i * width + j}]" for j in range(needed - 1)]
        yield f"wire e{i};"  # the top bit, which repeats where the sum is signed
        total.append(f"e{i}")
        columns = columns_of_sum(terms, bias, needed)
        if is_looked_up(terms, columns):
            found = _lookup(terms, bias, needed)
        else:
            lines = list[str]()
            found = add_up(columns, partial(_chained, lines, f"s{i}"))
            yield from lines
        yield from drive_all(f"uy{i}", total, found)
        rest = width - needed
        upper = f"{{{rest + 1}{{e{i}}}}}" if op.signed else f"{{{rest + 1}'d0 | e{i}}}"
        yield f"assign y[{(i + 1) * width - 1}:{i * width + needed - 1}] = {upper};"


def _chained(
    lines: list[str], stem: str, places: Sequence[Place[str]], carry: Bit[str]
) -> list[str]:
    """Append a carry chain; return its sums and last carry.

    One place has one way out for its sum and its carry, so that the carry leaves by the next.
    """
    name = f"{stem}_{len(lines)}"
    lines += carry_chain(name, places, carry)
    last = (
        f"{name}_o[{len(places)}]" if len(places) % CARRY_BITS else f"{name}_c[{len(places) - 1}]"
    )
    return [*(f"{name}_o[{j}]" for j in range(len(places))), last]


def _lookup(terms: Sequence[tuple[Bit[str], int]], bias: int, width: int) -> list[Bit[str]]:
    """Return the bits of a sum of at most six inputs as tables of them."""
    weights = tuple(weight for _, weight in terms)
    return [combine(_digit(weights, bias, j), [bit for bit, _ in terms]) for j in range(width)]


@lru_cache(1024)  # `combine` knows functions by identity
def _digit(weights: tuple[int, ...], bias: int, j: int) -> Callable[[Sequence[int]], int]:
    return lambda values: (sum(map(mul, weights, values)) + bias) >> j
