"""Leaving the encoder or the argmax out of the hardware."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import (
    MAX_WIDTH,
    Circuit,
    Encode,
    Output,
    Words,
    evaluate,
    operands,
    renumber,
)
from lutra.passes._parts import part_names

__all__ = ["encoder_words", "without_argmax", "without_encoder"]

Ints = NDArray[np.int64]


def without_encoder(circuit: Circuit) -> Circuit:
    """Return the circuit that takes the encoder's output in place of the raw words.

    The new input words are the code words where the encoder is one `Encode` whose codes fit a
    word and nothing else reads the raw bits; else one-bit words, in ascending order of their bit
    number in ``circuit``. A circuit without an encoder comes back as it is.
    """
    dropped, kept = _partition(circuit, "encoder")
    if not dropped:
        return circuit
    bits, labels = _boundary(circuit, dropped, kept)
    return _keep(circuit, kept, Words(bits), circuit.outputs, labels)


def encoder_words(circuit: Circuit, inputs: NDArray[np.integer]) -> Ints:
    """Return the input words of ``without_encoder(circuit)`` for raw input words.

    Parameters
    ----------
    circuit
        The whole circuit.
    inputs
        Raw input words. Shape (samples, circuit.inputs).

    Returns
    -------
    Shape (samples, words).
    """
    dropped, kept = _partition(circuit, "encoder")
    if not dropped:
        return np.asarray(inputs, np.int64)
    bits, _ = _boundary(circuit, dropped, kept)
    end = max(dropped) + 1
    outputs = (Output("y", Words(bits)),)
    encoder = replace(circuit, ops=circuit.ops[:end], stages=circuit.stages[:end], outputs=outputs)
    return evaluate(encoder, inputs)["y"]


def without_argmax(circuit: Circuit) -> Circuit:
    """Return the circuit without its argmax, what the argmax feeds, and the outputs of these."""
    dropped, kept = _partition(circuit, "argmax")
    if not dropped:
        return circuit
    outputs = tuple(
        output
        for output in circuit.outputs
        if not np.isin(circuit.sources(output.words.bits), dropped).any()
    )
    return _keep(circuit, kept, circuit.input_words, outputs, circuit.input_labels)


def _partition(circuit: Circuit, part: str) -> tuple[list[int], list[int]]:
    names = part_names(circuit)
    dropped = [number for number, name in enumerate(names) if name == part]
    return dropped, [number for number, name in enumerate(names) if name != part]


def _boundary(
    circuit: Circuit, dropped: Sequence[int], kept: Sequence[int]
) -> tuple[Ints, tuple[str, ...]]:
    """Return the bits that cross from the encoder to the rest, as words, and their labels."""
    read = [operands(circuit.ops[number]) for number in kept]
    read += [output.words.bits.reshape(-1) for output in circuit.outputs]
    bits = np.unique(np.concatenate(read))
    sources = circuit.sources(bits)
    op = circuit.ops[dropped[0]]
    if (
        len(dropped) == 1
        and isinstance(op, Encode)
        and op.code_width <= MAX_WIDTH
        and (sources >= 0).all()
    ):
        start = circuit.starts[dropped[0]]
        words = np.arange(start, start + op.size, dtype=np.int64).reshape(-1, op.code_width)
        same = np.array_equal(op.words.bits, circuit.input_words.bits)
        return words, circuit.input_labels if same else ()
    return bits[np.isin(sources, [-1, *dropped])][:, None], ()


def _keep(
    circuit: Circuit,
    kept: Sequence[int],
    inputs: Words,
    outputs: Sequence[Output],
    labels: tuple[str, ...],
) -> Circuit:
    """Return the circuit of the kept operations, with the bits of ``inputs`` for its inputs."""
    new = np.full(circuit.bits, -1, np.int64)
    new[inputs.bits] = np.arange(inputs.bits.size).reshape(inputs.bits.shape)
    start = inputs.bits.size
    for number in kept:
        old, size = circuit.starts[number], circuit.ops[number].size
        new[old : old + size] = start + np.arange(size)
        start += size
    return Circuit(
        circuit.name,
        inputs.count,
        inputs.width,
        tuple(renumber(circuit.ops[number], new) for number in kept),
        tuple(replace(output, words=_moved(output.words, new)) for output in outputs),
        inputs.signed,
        tuple(circuit.stages[number] for number in kept),
        labels,
    )


def _moved(words: Words, new: Ints) -> Words:
    return Words(new[words.bits], words.signed)
