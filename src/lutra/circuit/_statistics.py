"""Counting a circuit: tables, address bits, worst-case LUT6, levels."""

from dataclasses import dataclass

import numpy as np

from lutra.circuit._circuit import Circuit, operands
from lutra.circuit._ops import Argmax, Compare, Encode, Lut, Op, Sum

__all__ = [
    "LUT_INPUTS",
    "SHARED_INPUTS",
    "OpStatistics",
    "Statistics",
    "lut6_worst_case",
    "op_levels",
    "statistics",
]

LUT_INPUTS = 6
"""Address bits of a device's lookup table."""
SHARED_INPUTS = LUT_INPUTS - 1
"""Address bits that two functions have at most together where one LUT6 makes both."""


@dataclass(frozen=True)
class OpStatistics:
    """One operation in numbers; ``lut6_worst_case`` is None where the model has no formula."""

    name: str
    kind: str
    level: int
    stage: int
    words: int
    address_bits: int
    output_bits: int
    lut6_worst_case: int | None


@dataclass(frozen=True)
class Statistics:
    """A circuit in numbers.

    ``levels`` counts table levels on the longest path; ``lut6_worst_case`` sums the tables'
    bound, without encoders, sums, comparisons and the argmax.
    """

    tables: int
    table_bits: int
    levels: int
    lut6_worst_case: int
    ops: tuple[OpStatistics, ...]


def lut6_worst_case(address_bits: int) -> int:
    """Return the most 6-input LUTs that one output bit of k address bits can need.

    LogicNets (FPL 2020), cost(k, 1) = (2**(k-4) - (-1)**k) / 3 for k >= 6: k = 6: 1, 7: 3,
    8: 5, 9: 11, 10: 21, 12: 85. One LUT below that; a wire or constant costs nothing.
    """
    if address_bits < 1:
        return 0
    if address_bits <= 6:
        return 1
    return ((1 << (address_bits - 4)) - (-1) ** address_bits) // 3


def op_levels(circuit: Circuit) -> list[int]:
    """Return each operation's level: 1 + the greatest level it reads; input bits have level 0."""
    levels = np.zeros(len(circuit.ops) + 1, np.int64)  # the last entry stands for the inputs
    for number, op in enumerate(circuit.ops):
        levels[number] = 1 + levels[circuit.sources(operands(op))].max(initial=0)
    return [int(level) for level in levels[:-1]]


def statistics(circuit: Circuit) -> Statistics:
    """Count the circuit."""
    rows = tuple(
        OpStatistics(
            op.name,
            type(op).__name__.lower(),
            level,
            stage,
            _words(op),
            op.fan_in if isinstance(op, Lut) else 0,
            op.size,
            op.size * lut6_worst_case(op.fan_in) if isinstance(op, Lut) else None,
        )
        for op, level, stage in zip(circuit.ops, op_levels(circuit), circuit.stages, strict=True)
    )
    luts = [op for op in circuit.ops if isinstance(op, Lut)]
    return Statistics(
        tables=sum(len(op.wires) for op in luts),
        table_bits=sum(op.size << op.fan_in for op in luts),
        levels=_table_levels(circuit),
        lut6_worst_case=sum(row.lut6_worst_case or 0 for row in rows),
        ops=rows,
    )


def _table_levels(circuit: Circuit) -> int:
    depth = np.zeros(len(circuit.ops) + 1, np.int64)
    for number, op in enumerate(circuit.ops):
        read = depth[circuit.sources(operands(op))].max(initial=0)
        depth[number] = read + isinstance(op, Lut)
    return int(depth.max())


def _words(op: Op) -> int:
    match op:
        case Lut() | Sum():
            return len(op.wires)
        case Encode() | Compare():
            return op.words.count
        case Argmax():
            return 1
