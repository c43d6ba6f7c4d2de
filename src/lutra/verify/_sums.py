"""Sums that a prover can compare: their terms in one form, whatever the circuit around them is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lutra.circuit import Circuit, Op, Sum
from lutra.emit import blif
from lutra.passes import INVERTER, expanded_tables
from lutra.tools import read_blif, run_abc

__all__ = ["merged_sums"]

Netlist = Mapping[int, tuple[tuple[int, ...], int]]


def merged_sums(circuits: Sequence[Circuit], timeout: float) -> list[Circuit]:
    """Return circuits that do the same, in which every sum adds a function of the inputs once.

    Adders of many terms are beyond a prover unless both circuits have the same ones. So ABC is
    asked first, for each circuit alone, which of the added bits it can prove constant, equal or
    inverse, and those become one term or part of the bias. Bits and operations keep their numbers.

    Raises
    ------
    ToolError
        ABC is missing or fails.
    """
    files, commands = dict[str, str](), list[str]()
    for i, circuit in enumerate(circuits):
        sums = [op for op in circuit.ops if isinstance(op, Sum)]
        added = {bit for op in sums for bit in op.wires[op.weights != 0].tolist()}
        made = sorted(bit for bit in added if bit >= circuit.input_bits)
        if made:
            files[f"{i}.blif"] = blif(expanded_tables(circuit), made, range(circuit.input_bits))
            commands += [f"read_blif {i}.blif", "strash", "fraig", f"write_blif {i}.blif"]
    proven = run_abc(commands, files, [*files], timeout * len(files)) if files else {}
    return [
        _merged(circuit, read_blif(proven.get(f"{i}.blif", ""), circuit.bits))
        for i, circuit in enumerate(circuits)
    ]


def _merged(circuit: Circuit, netlist: Netlist) -> Circuit:
    def merged(op: Op) -> Op:
        if not isinstance(op, Sum):
            return op
        wires, weights, bias = op.wires.copy(), np.zeros_like(op.weights), op.bias.copy()
        for i, (row, added) in enumerate(zip(op.wires.tolist(), op.weights.tolist(), strict=True)):
            terms: dict[int, tuple[int, bool, int]] = {}
            """Function -> a bit, whether it is its inverse, and the function's weight."""
            for bit, weight in zip(row, added, strict=True):
                function, inverse = _function(netlist, bit)
                if inverse:  # w (1 - f) = w - w f
                    bias[i] += weight
                    weight = -weight
                if function is not None:
                    first, flipped, sofar = terms.get(function, (bit, inverse, 0))
                    terms[function] = first, flipped, sofar + weight
            terms = {function: term for function, term in terms.items() if term[2]}
            for j, (first, flipped, weight) in enumerate(terms.values()):
                wires[i, j], weights[i, j] = first, -weight if flipped else weight
                bias[i] += weight if flipped else 0
        return replace(op, wires=wires, weights=weights, bias=bias)

    return replace(circuit, ops=tuple(map(merged, circuit.ops)))


def _function(netlist: Netlist, bit: int) -> tuple[int | None, bool]:
    """Return what a bit is, or is the inverse of; None is the constant 0."""
    inverse = False
    while bit in netlist and len(netlist[bit][0]) < 2:
        wires, value = netlist[bit]
        if not wires:
            return None, inverse ^ bool(value)
        inverse ^= value == INVERTER
        bit = wires[0]
    return bit, inverse
