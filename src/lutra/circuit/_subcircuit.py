"""Cutting a circuit into parts: encoder, core, head, or a single level."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lutra.circuit._circuit import Circuit, Output, operands
from lutra.circuit._ops import Lut, Op, Sum, Words

__all__ = ["renumber", "subcircuit"]


def subcircuit(circuit: Circuit, numbers: Sequence[int], name: str) -> Circuit:
    """Return the circuit made of the operations ``numbers`` alone, in order.

    Bits that they read from elsewhere become one-bit input words, in ascending order of their
    number in the whole circuit; bits that are read outside, or leave the circuit, become outputs:
    one output ``y``, in ascending order too.
    """
    none = np.zeros(0, np.int64)
    own = [np.arange(circuit.starts[i], circuit.starts[i] + circuit.ops[i].size) for i in numbers]
    made = np.concatenate([none, *own])
    kept = set(numbers)
    read = [operands(circuit.ops[i]) for i in numbers]
    needed = np.setdiff1d(np.concatenate([none, *read]), made)
    outside = [operands(op) for i, op in enumerate(circuit.ops) if i not in kept]
    outside += [output.words.bits.reshape(-1) for output in circuit.outputs]
    leaving = np.intersect1d(np.concatenate([none, *outside]), made)
    new = np.full(circuit.bits, -1, np.int64)
    new[needed] = np.arange(len(needed))
    new[made] = len(needed) + np.arange(len(made))
    stages = [circuit.stages[i] for i in numbers]
    return Circuit(
        name,
        len(needed),
        1,
        tuple(renumber(circuit.ops[i], new) for i in numbers),
        (Output("y", Words(new[leaving][:, None])),),
        stages=tuple(stage - min(stages) for stage in stages),
    )


def renumber(op: Op, new: NDArray[np.int64]) -> Op:
    """Return the operation reading bit ``new[b]`` wherever it read bit b."""
    if isinstance(op, Lut | Sum):
        return replace(op, wires=new[op.wires])
    return replace(op, words=Words(new[op.words.bits], op.words.signed))
