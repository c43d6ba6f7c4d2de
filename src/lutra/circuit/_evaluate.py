"""The reference semantics of a circuit, in numpy. Read it beside ``docs/circuit.md``."""

import numpy as np
from numpy.typing import NDArray

from lutra.circuit._circuit import Circuit
from lutra.circuit._ops import Argmax, Compare, Encode, Lut, Op, Sum, Words

__all__ = ["addresses", "evaluate", "evaluate_bits", "pack_words", "read_words"]

Bits = NDArray[np.uint8]
Ints = NDArray[np.int64]


def evaluate(circuit: Circuit, inputs: NDArray[np.integer], batch: int = 1024) -> dict[str, Ints]:
    """Return the integer words of every output.

    Parameters
    ----------
    circuit
        What to evaluate.
    inputs
        Fixed-point input words. Shape (samples, circuit.inputs).
    batch
        Samples at a time; memory is ``circuit.bits * batch`` bytes.

    Returns
    -------
    Output name -> words, shape (samples, words).

    Raises
    ------
    ValueError
        A wrong shape or type, or an input that its word cannot hold.
    """
    found = {output.name: [] for output in circuit.outputs}
    for start in range(0, max(1, len(inputs)), batch):
        bits = evaluate_bits(circuit, inputs[start : start + batch])
        for output in circuit.outputs:
            found[output.name].append(read_words(bits, output.words).T)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def evaluate_bits(circuit: Circuit, inputs: NDArray[np.integer]) -> Bits:
    """Return the value of every bit of the circuit. Shape (circuit.bits, samples)."""
    words = circuit.input_words
    if inputs.dtype.kind not in "biu":
        raise ValueError(f"inputs are {inputs.dtype}; expected raw fixed-point integers")
    if inputs.ndim != 2 or inputs.shape[1] != circuit.inputs:
        raise ValueError(f"inputs of shape {inputs.shape}; expected (samples, {circuit.inputs})")
    if inputs.size and (inputs.min() < words.low or inputs.max() > words.high):
        raise ValueError(
            f"an input lies outside {words.low}..{words.high}, which {words.width} bits hold"
        )
    bits = np.empty((circuit.bits, len(inputs)), np.uint8)
    bits[: circuit.input_bits] = pack_words(inputs.T, words.width)
    for op, start in zip(circuit.ops, circuit.starts, strict=True):
        bits[start : start + op.size] = _apply(op, bits)
    return bits


def read_words(bits: Bits, words: Words) -> Ints:
    """Return the integers that the words hold. Shape (words, samples)."""
    value = np.zeros((words.count, bits.shape[1]), np.int64)
    for j in range(words.width):
        value += bits[words.bits[:, j]].astype(np.int64) << j
    if words.signed:
        value -= (value >> (words.width - 1)) << words.width
    return value


def addresses(op: Lut, bits: Bits) -> Ints:
    """Return the entry that each sample reads of each table. Shape (tables, samples).

    ``bits`` holds the circuit's bits, at least those that the tables read. Shape (bits, samples).
    """
    found = np.zeros((len(op.wires), bits.shape[1]), np.int64)
    for j in range(op.fan_in):
        found += bits[op.wires[:, j]].astype(np.int64) << j
    return found


def pack_words(values: NDArray[np.integer], width: int) -> Bits:
    """Return the bits of integer words, word by word, LSB first. Shape (words * width, samples)."""
    shifts = np.arange(width, dtype=np.int64)[:, None]
    bits = (values.astype(np.int64)[:, None, :] >> shifts) & 1
    return bits.astype(np.uint8).reshape(len(values) * width, values.shape[1])


def _apply(op: Op, bits: Bits) -> Bits:
    match op:
        case Encode():
            words = read_words(bits, op.words)
            reached = [words >= column[:, None] for column in op.thresholds.T]
            if op.thermometer:
                return np.stack(reached, axis=1).astype(np.uint8).reshape(op.size, bits.shape[1])
            return pack_words(np.add.reduce(reached, dtype=np.int64), op.code_width)
        case Lut():
            found = np.take_along_axis(op.entries(), addresses(op, bits)[:, None], axis=2)
            return found.reshape(op.size, bits.shape[1])
        case Sum():
            total = np.repeat(op.bias[:, None], bits.shape[1], axis=1)
            for j in range(op.wires.shape[1]):
                total = total + op.weights[:, j, None] * bits[op.wires[:, j]]
            return pack_words(total, op.width)
        case Compare():
            return (read_words(bits, op.words) >= op.thresholds[:, None]).astype(np.uint8)
        case Argmax():
            winner = read_words(bits, op.words).argmax(axis=0)
            return pack_words(winner[None], op.size)
