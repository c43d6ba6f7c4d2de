"""Registers after so many LUT levels, as few as they can be."""

from collections.abc import Sequence

import numpy as np

from lutra.circuit import Circuit, Lut, operands
from lutra.passes._assemble import Placed, assemble
from lutra.passes._logic_depth import logic_depths
from lutra.passes._placement import Node, place
from lutra.passes._unread import take_rows

__all__ = ["retime"]


def retime(circuit: Circuit, depth: int) -> Circuit:
    """Return the circuit with at most ``depth`` LUT levels between registers, where that can be.

    The number of stages is the least for that depth, and no other choice of that many stages takes
    fewer flip-flops (`register_bits`). Tables of one operation may come to stand in several stages,
    and are several operations then. The bits of a neuron and every other operation stay whole: one
    that is deeper than ``depth`` has a stage of its own, and `stage_depth` says what was reached.

    Parameters
    ----------
    circuit
        What to pipeline, best with its tables mapped (`lutra.tools.map_luts`); its present stages
        are ignored.
    depth
        LUT levels between registers, as `logic_depths` counts them.

    Raises
    ------
    ValueError
        ``depth`` is less than 1.
    """
    if depth < 1:
        raise ValueError(f"{depth} LUT levels between registers; expected 1 or more")
    leaving = [output.words.bits.reshape(-1) for output in circuit.outputs]
    read = np.zeros(circuit.bits, bool)
    for bits in (*leaving, *map(operands, circuit.ops)):
        read[bits] = True
    nodes: list[Node] = []
    first: list[int] = []  # node of each operation
    levels = [min(own, depth) for own in logic_depths(circuit)]
    for op, start, own in zip(circuit.ops, circuit.starts, levels, strict=True):
        first.append(len(nodes))
        wires = op.wires if isinstance(op, Lut) else operands(op)[None]
        made = np.arange(start, start + op.size).reshape(len(wires), -1) if len(wires) else wires
        nodes += [
            Node(own, sorted(set(row)), [bit for bit in bits if read[bit]])
            for row, bits in zip(wires.tolist(), made.tolist(), strict=True)
        ]
    stages = place(nodes, sorted({bit for bits in leaving for bit in bits.tolist()}), depth)
    return _with_stages(circuit, np.split(np.asarray(stages, np.int64), first[1:]))


def _with_stages(circuit: Circuit, stages: Sequence[np.ndarray]) -> Circuit:
    """Return the circuit with a stage for each row of each operation; others have one row."""
    parts = []
    for number, (op, start) in enumerate(zip(circuit.ops, circuit.starts, strict=True)):
        own = stages[number]
        bits = np.arange(start, start + op.size).reshape(len(own), -1)
        for stage in np.unique(own):
            rows = np.flatnonzero(own == stage)
            part = op if len(rows) == len(bits) else take_rows(op, rows)
            parts.append((number, Placed(part, bits[rows].reshape(-1), int(stage))))
    parts.sort(key=lambda part: (part[1].stage, part[0]))
    return assemble(circuit, [part for _, part in parts], np.arange(circuit.bits))
