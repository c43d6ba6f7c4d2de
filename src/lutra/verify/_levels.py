"""Every operation alone: what is compared where circuits may differ as a whole."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Lut, Op, Output, Words

__all__ = ["level_cares", "levels"]


def levels(circuit: Circuit) -> Circuit:
    """Return the circuit cut at every operation.

    Its input words are all bits of ``circuit``, one bit each, and operation i reads those that
    it reads there; what operation i makes leaves as the output ``operation i``, one bit a word.
    Operations keep their numbers, so that passes which take `observe`'s cares do with it what
    they do with the whole.
    """
    outputs = []
    for number, (op, start) in enumerate(zip(circuit.ops, circuit.starts, strict=True)):
        bits = np.arange(start, start + op.size) + circuit.bits - circuit.input_bits
        outputs.append(Output(f"operation {number}", Words(bits[:, None])))
    return Circuit(circuit.name, circuit.bits, 1, circuit.ops, tuple(outputs))


def level_cares(circuit: Circuit, cares: Mapping[int, NDArray[np.bool_]]) -> Circuit:
    """Return the circuit that says which output bits of ``levels(circuit)`` matter for an input.

    Parameters
    ----------
    circuit
        The whole circuit.
    cares
        Entries of each table operation, by its number, that matter, as `lutra.passes.observe`
        returns them; of operations that are not named all do. Shape (tables, entries).

    Raises
    ------
    ValueError
        Cares are of no table operation or of a wrong shape.
    """
    ops: list[Op] = [
        Lut(np.zeros((op.size, 0), np.int64), np.ones((op.size, 1, 1), np.uint8))
        for op in circuit.ops
    ]
    for number, care in cares.items():
        op = circuit.ops[number] if 0 <= number < len(circuit.ops) else None
        if not isinstance(op, Lut) or care.shape != (len(op.wires), 1 << op.fan_in):
            raise ValueError(f"cares of shape {care.shape} fit no tables of operation {number}")
        packed = np.packbits(care[:, None], axis=-1, bitorder="little")
        ops[number] = replace(op, table=packed.repeat(op.outputs, axis=1))
    return levels(replace(circuit, ops=tuple(ops)))
