"""Which entries of a circuit's tables samples read: the rest are don't-cares."""

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Lut, addresses, evaluate_bits

__all__ = ["observe"]


def observe(
    circuit: Circuit, inputs: NDArray[np.integer], batch: int = 1024
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

    Returns
    -------
    Operation number -> shape (tables, entries).

    Raises
    ------
    ValueError
        See `lutra.circuit.evaluate`.
    """
    luts = {number: op for number, op in enumerate(circuit.ops) if isinstance(op, Lut)}
    read = {number: np.zeros((len(op.wires), 1 << op.fan_in), bool) for number, op in luts.items()}
    for start in range(0, len(inputs), batch):
        bits = evaluate_bits(circuit, inputs[start : start + batch])
        for number, op in luts.items():
            np.put_along_axis(read[number], addresses(op, bits), True, axis=1)
    return read
