"""Sums of tables as carry chains: every LUT looks one bit up and adds it to another.

A carry chain's LUT has six inputs and an adder needs one of them for the other operand, so that a
table of up to five is looked up where it is added, at no cost of its own.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lutra.circuit import ADDED_INPUTS, Circuit, Lut, Sum, operands
from lutra.emit._wires import lut

__all__ = ["Bit", "absorbed", "accumulate", "wire"]

_BLOCK = 8
"""Bits of a CARRY8."""


class Bit(NamedTuple):
    """One bit of a sum: a table, entry a in bit a, of expressions."""

    inputs: tuple[str, ...]
    table: int

    @property
    def name(self) -> str | None:
        """The expression of a bit that needs no LUT."""
        if not self.inputs:
            return f"1'b{self.table}"
        return self.inputs[0] if len(self.inputs) == 1 and self.table == 2 else None

    def plus(self, other: str) -> "Bit":
        """Return the exclusive or with an expression."""
        size = 1 << len(self.inputs)
        inverse = self.table ^ ((1 << size) - 1)
        if other in ("1'b0", "1'b1"):
            return Bit(self.inputs, inverse if other == "1'b1" else self.table)
        return Bit((*self.inputs, other), self.table | inverse << size)

    def drive(self, name: str, output: str) -> str:
        """Return what assigns the bit to ``output``."""
        if self.name is not None:
            return f"assign {output} = {self.name};"
        digits = max(1, (1 << len(self.inputs)) // 4)
        return lut(name, output, self.inputs, f"{self.table:0{digits}x}")


def wire(name: str) -> Bit:
    """Return a bit that is there already."""
    return Bit((name,), 2)


def absorbed(circuit: Circuit) -> dict[int, int]:
    """Return the tables that sums look up themselves: operation number -> that of the sum.

    Tables of at most `lutra.circuit.ADDED_INPUTS` address bits and several output bits, in the
    stage of the one sum that reads them: single bits would make chains of single bits.
    """
    reads = [operands(op) for op in circuit.ops]
    reads += [output.words.bits.reshape(-1) for output in circuit.outputs]
    readers: list[list[int]] = [[] for _ in circuit.ops] + [[]]  # the last: of the inputs
    for number, bits in enumerate(reads):
        for source in np.unique(circuit.sources(bits)).tolist():
            readers[source].append(number)
    found: dict[int, int] = {}
    for number, (op, users) in enumerate(zip(circuit.ops, readers, strict=False)):
        small = isinstance(op, Lut) and op.fan_in <= ADDED_INPUTS and op.outputs > 1
        if small and len(users) == 1 and users[0] < len(circuit.ops):
            same = circuit.stages[number] == circuit.stages[users[0]]
            if same and isinstance(circuit.ops[users[0]], Sum):
                found[number] = users[0]
    return found


def accumulate(stem: str, columns: Sequence[Sequence[Bit]], total: Sequence[str]) -> Iterator[str]:
    """Yield the sum of columns of bits, column j of weight 2**j, modulo 2**len(total).

    Chains go from the lowest column that holds two bits up to the first that does not, until
    every column holds one.
    """
    ready = [[bit.name for bit in column if bit.name is not None] for column in columns]
    tables = [[bit for bit in column if bit.name is None] for column in columns]

    def height(column: int) -> int:
        return len(ready[column]) + len(tables[column]) if column < len(total) else 0

    number = 0
    for low in range(len(total)):
        while height(low) > 1:
            chain, high = f"{stem}_{number}", low
            carry = ready[low].pop(0) if height(low) > 2 and len(ready[low]) > 1 else "1'b0"
            pairs: list[tuple[Bit, str]] = []
            while height(high) > 1:
                if not ready[high]:
                    own = f"{chain}_t{high}"
                    yield f"wire {own};"
                    yield tables[high].pop().drive(f"u{own}", own)
                    ready[high].append(own)
                first = ready[high].pop(0)
                second = tables[high].pop() if tables[high] else _known(ready[high].pop(0))
                pairs.append((second, first))
                high += 1
            yield from _chain(chain, pairs, carry)
            for place in range(len(pairs)):
                ready[low + place].append(f"{chain}_o[{place}]")
            if high < len(total):
                ready[high].append(f"{chain}_c[{len(pairs) - 1}]")
            number += 1
    for column, output in enumerate(total):
        bits = [*map(_known, ready[column]), *tables[column], Bit((), 0)]
        yield bits[0].drive(f"u{stem}_y{column}", output)


def _known(name: str) -> Bit:
    return Bit((), int(name[-1])) if name.startswith("1'b") else wire(name)


def _chain(name: str, pairs: Sequence[tuple[Bit, str]], carry: str) -> Iterator[str]:
    """Yield the addition of pairs of bits, the lowest first: sums NAME_o, carries NAME_c."""
    blocks = -(-len(pairs) // _BLOCK)
    size = blocks * _BLOCK
    yield f"wire [{size - 1}:0] {name}_o, {name}_c, {name}_s;"
    for place, (bit, other) in enumerate(pairs):
        yield bit.plus(other).drive(f"u{name}_s{place}", f"{name}_s[{place}]")
    if len(pairs) < size:
        yield f"assign {name}_s[{size - 1}:{len(pairs)}] = {size - len(pairs)}'d0;"
    others = [other for _, other in pairs] + ["1'b0"] * (size - len(pairs))
    for block in range(blocks):
        low, high = block * _BLOCK, (block + 1) * _BLOCK - 1
        data = ", ".join(reversed(others[low : high + 1]))
        yield (
            f"CARRY8 u{name}_{block} (.CO({name}_c[{high}:{low}]), .O({name}_o[{high}:{low}]), "
            f".CI({carry if not block else f'{name}_c[{low - 1}]'}), .CI_TOP(1'b0), "
            f".DI({{{data}}}), .S({name}_s[{high}:{low}]));"
        )
