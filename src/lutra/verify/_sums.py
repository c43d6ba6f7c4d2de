"""Sums that a prover can compare: their terms in one form, whatever the circuit around them is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lutra.circuit import Circuit, Sum, operands
from lutra.emit import blif
from lutra.passes import INVERTER, Table, expanded_tables
from lutra.tools import read_blif, run_abc

__all__ = ["merged_sums"]

Netlist = Mapping[int, tuple[tuple[int, ...], int]]


def merged_sums(circuits: Sequence[Circuit], timeout: float) -> list[Circuit]:
    """Return circuits that do the same, in which every sum adds a function of the inputs once.

    Adders of many terms are beyond a prover unless both circuits have the same ones. So ABC is
    asked first which of the added bits it can prove constant, equal or inverse, within a circuit
    and between circuits of the same inputs. Those of a sum become one term or part of the bias,
    and the order of what is left is the same in all circuits. Bits keep their numbers.

    Raises
    ------
    ToolError
        ABC is missing or fails.
    """
    inputs = circuits[0].input_bits
    tables, added, shifts, free = dict[int, Table](), set[int](), list[int](), inputs
    for circuit in circuits:
        shift = free - inputs
        own = expanded_tables(circuit)
        for bit, table in own.items():
            wires = tuple(wire + shift * (wire >= inputs) for wire in table.wires)
            tables[bit + shift] = table._replace(wires=wires)
        added |= {bit + shift for bit in _added(circuit)}
        shifts.append(shift)
        free = max(tables, default=free) + 1
    netlist: Netlist = {}
    if added:
        commands = ["read_blif sums.blif", "strash", "fraig", "write_blif sums.blif"]
        files = {"sums.blif": blif(tables, sorted(added), range(inputs))}
        netlist = read_blif(run_abc(commands, files, [*files], timeout)["sums.blif"], free)
    return [_merged(of, netlist, shift) for of, shift in zip(circuits, shifts, strict=True)]


def _added(circuit: Circuit) -> set[int]:
    """Return the bits that are added and do not depend on sums, which would be hard to compare."""
    after_sum = np.zeros(circuit.bits, bool)
    added = set[int]()
    for op, start in zip(circuit.ops, circuit.starts, strict=True):
        read = operands(op)
        after_sum[start : start + op.size] = isinstance(op, Sum) or after_sum[read].any()
        if isinstance(op, Sum):
            free = read[~after_sum[read] & (read >= circuit.input_bits)]
            added.update(free.tolist())
    return added


class _Function(NamedTuple):
    """What a bit is, or is the inverse of: what ABC calls by this number; None is constant 0."""

    number: int | None
    inverted: bool


def _function(netlist: Netlist, bit: int) -> _Function:
    inverted = False
    while bit in netlist and len(netlist[bit][0]) < 2:
        wires, value = netlist[bit]
        if not wires:
            return _Function(None, inverted ^ bool(value))
        inverted ^= value == INVERTER
        bit = wires[0]
    return _Function(bit, inverted)


def _merged(circuit: Circuit, netlist: Netlist, shift: int) -> Circuit:
    def function(bit: int) -> _Function:
        return _function(netlist, bit + shift * (bit >= circuit.input_bits))

    ops = [_sum(op, function) if isinstance(op, Sum) else op for op in circuit.ops]
    return replace(circuit, ops=tuple(ops))


def _sum(op: Sum, function: Callable[[int], _Function]) -> Sum:
    wires, weights, bias = op.wires.copy(), np.zeros_like(op.weights), op.bias.copy()
    for i, (row, added) in enumerate(zip(op.wires.tolist(), op.weights.tolist(), strict=True)):
        bits, total = dict[int, tuple[int, bool]](), dict[int, int]()
        for bit, weight in zip(row, added, strict=True):
            number, inverted = function(bit)
            if inverted:  # w (1 - f) = w - w f
                bias[i] += weight
            if number is not None:
                bits.setdefault(number, (bit, inverted))
                total[number] = total.get(number, 0) + (-weight if inverted else weight)
        for j, number in enumerate(sorted(total)):
            bit, inverted = bits[number]
            wires[i, j], weights[i, j] = bit, -total[number] if inverted else total[number]
            if inverted:  # w f = w - w (1 - f)
                bias[i] += total[number]
    return replace(op, wires=wires, weights=weights, bias=bias)
