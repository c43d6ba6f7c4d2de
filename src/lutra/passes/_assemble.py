"""Putting a circuit together again from operations whose bits keep the numbers they had."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Op, Words, renumber

__all__ = ["Placed", "assemble"]

Ints = NDArray[np.int64]


class Placed(NamedTuple):
    """An operation, the numbers that its bits have so far, and its stage."""

    op: Op
    bits: Ints
    stage: int


def assemble(circuit: Circuit, parts: Sequence[Placed], now: Ints) -> Circuit:
    """Return the circuit of other operations.

    Parameters
    ----------
    circuit
        Its inputs stay, and its outputs but for the numbers of their bits.
    parts
        The operations in order. They read input bits and bits of earlier parts.
    now
        By the number that a bit had, the bit that outputs read in its place. Shape (numbers,),
        which are those of all parts, too.
    """
    made = np.concatenate([np.arange(circuit.input_bits), *(part.bits for part in parts)])
    new = np.full(len(now), -1, np.int64)
    new[made] = np.arange(len(made))
    return replace(
        circuit,
        ops=tuple(renumber(part.op, new) for part in parts),
        stages=tuple(part.stage for part in parts),
        outputs=tuple(
            replace(output, words=Words(new[now[output.words.bits]], output.words.signed))
            for output in circuit.outputs
        ),
    )
