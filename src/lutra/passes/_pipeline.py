"""Where the registers go."""

from dataclasses import replace

import numpy as np

from lutra.circuit import Circuit, Lut, operands

__all__ = ["pipeline"]


def pipeline(circuit: Circuit, every: int) -> Circuit:
    """Return the circuit with a register bank after every ``every``-th level of tables.

    Parameters
    ----------
    circuit
        What to pipeline; its present stages are ignored.
    every
        Table levels per stage; 0 asks for no bank at all. L levels give
        ``ceil(L / every) - 1`` banks; registers at the ports are the emitter's business.

    Notes
    -----
    Only tables make levels. Encoders share the first stage with the first group of levels; sums,
    comparisons and the argmax stay in the stage of the tables that they read.

    Raises
    ------
    ValueError
        ``every`` is negative.
    """
    if every < 0:
        raise ValueError(f"a register bank after every {every} levels; expected 0 or more")
    level = np.zeros(len(circuit.ops) + 1, np.int64)  # the last entry stands for the inputs
    for number, op in enumerate(circuit.ops):
        read = level[circuit.sources(operands(op))].max(initial=0)
        level[number] = read + isinstance(op, Lut)
    stages = (np.maximum(level[:-1], 1) - 1) // every if every else np.zeros_like(level[:-1])
    return replace(circuit, stages=tuple(int(stage) for stage in stages))
