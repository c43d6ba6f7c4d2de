"""Which entries of a circuit's tables samples read: the rest are don't-cares."""

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Lut, addresses, evaluate_bits

__all__ = ["observe"]


def observe(
    circuit: Circuit, inputs: NDArray[np.integer], batch: int = 1024, rarity: int = 1
) -> dict[int, NDArray[np.bool_]]:
    """Return, for every table operation by its number, which entries the samples read.

    Parameters
    ----------
    circuit
        Whose tables.
    inputs
        Fixed-point input words. Shape (samples, circuit.inputs).
    batch
        Samples at a time.
    rarity
        Reads that an entry needs to count as read; ReducedLUT's option.

    Returns
    -------
    Operation number -> shape (tables, entries).

    Raises
    ------
    ValueError
        Rarity is less than 1, or see `lutra.circuit.evaluate`.
    """
    if rarity < 1:
        raise ValueError(f"rarity is {rarity}; expected 1 or more")
    luts = {number: op for number, op in enumerate(circuit.ops) if isinstance(op, Lut)}
    kind = bool if rarity == 1 else np.uint32  # whether, or how often
    reads = {number: np.zeros((len(op.wires), 1 << op.fan_in), kind) for number, op in luts.items()}
    for start in range(0, len(inputs), batch):
        bits = evaluate_bits(circuit, inputs[start : start + batch])
        for number, op in luts.items():
            entries = addresses(op, bits)
            if rarity == 1:
                np.put_along_axis(reads[number], entries, True, axis=1)
            else:
                np.add.at(reads[number], (np.arange(len(op.wires))[:, None], entries), 1)
    return {number: count >= rarity for number, count in reads.items()}
