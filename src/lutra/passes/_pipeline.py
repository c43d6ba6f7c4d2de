"""Where the registers go."""

from dataclasses import replace

import numpy as np

from lutra.circuit import Circuit, Lut, Sum, operands
from lutra.passes._parts import part_names

__all__ = ["pipeline"]


def pipeline(circuit: Circuit, every: int, encoder: bool = False, sums: bool = False) -> Circuit:
    """Return the circuit with a register bank after every ``every``-th level of tables.

    Parameters
    ----------
    circuit
        What to pipeline; its present stages are ignored.
    every
        Table levels per stage; 0 asks for no bank at all. L levels give
        ``ceil(L / every) - 1`` banks; registers at the ports are the emitter's business.
    encoder
        Add a bank behind the encoder.
    sums
        Add a bank before each sum on a path that has something before it.

    Notes
    -----
    Only tables make levels. Unless told otherwise, encoders share the first stage with the first
    group of levels; sums, comparisons and the argmax stay in the stage of the tables that they
    read.

    Raises
    ------
    ValueError
        ``every`` is negative.
    """
    if every < 0:
        raise ValueError(f"a register bank after every {every} levels; expected 0 or more")
    level = np.zeros(len(circuit.ops) + 1, np.int64)  # the last entry stands for the inputs
    banks = level.copy()  # those that are asked for by name
    parts = part_names(circuit)
    for number, op in enumerate(circuit.ops):
        sources = np.unique(circuit.sources(operands(op)))
        level[number] = level[sources].max(initial=0) + isinstance(op, Lut)
        before = sums and isinstance(op, Sum) and bool((sources >= 0).any())
        behind = encoder and "encoder" in parts and parts[number] != "encoder"
        banks[number] = max(banks[sources].max(initial=0) + before, behind)
    stages = (np.maximum(level, 1) - 1) // every if every else np.zeros_like(level)
    return replace(circuit, stages=tuple((stages + banks)[:-1].tolist()))
