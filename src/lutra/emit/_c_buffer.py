"""Where the bits of a circuit lie while C computes them, one byte each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Compare, Encode, Lut, Op, Sum, Words, operands

__all__ = ["Buffer", "comparisons", "input_numbers", "lay_out"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Buffer:
    """Places of bits, used again once nothing reads what they held.

    Parameters
    ----------
    size
        Number of places.
    places
        By bit number; -1 for a bit that is never stored.
    loaded
        Input bits that are stored, ascending; their places are contiguous.
    """

    size: int
    places: Ints
    loaded: Ints


def input_numbers(circuit: Circuit, words: Words) -> Ints | None:
    """Return the numbers of the input words that the words are, None where they are others."""
    whole = circuit.input_words
    numbers = words.bits[:, 0] // whole.width
    if words.width != whole.width or words.signed != whole.signed:
        return None
    if (numbers >= whole.count).any() or (whole.bits[numbers] != words.bits).any():
        return None
    return numbers


def lay_out(circuit: Circuit) -> Buffer:
    """Give each bit that is read a place, the bits of one operation contiguous ones."""
    ends = len(circuit.ops)
    read = np.zeros(circuit.bits, bool)
    last = np.full(ends + 1, -1)  # reader of each operation's bits, the inputs' first
    for reader, bits in _reads(circuit):
        read[bits] = True
        makers = circuit.sources(bits) + 1
        last[makers] = np.maximum(last[makers], reader)

    places = np.full(circuit.bits, -1, np.int64)
    size, live = 0, list[tuple[int, int, int]]()
    starts = (0, *circuit.starts, circuit.bits)
    for maker in range(ends + 1):
        stored = np.arange(starts[maker], starts[maker + 1])
        if maker == 0 or comparisons(circuit.ops[maker - 1]) is not None:
            stored = stored[read[stored]]
        live = sorted(run for run in live if run[2] >= maker - 1)
        start = _gap(live, len(stored))
        live.append((start, start + len(stored), int(last[maker])))
        places[stored] = np.arange(start, start + len(stored))
        size = max(size, start + len(stored))
    return Buffer(size, places, np.flatnonzero(read[: circuit.input_bits]))


def comparisons(op: Op) -> Ints | None:
    """Return the thresholds of an operation that makes one bit for each, None for another one.

    Such a bit takes no place where nothing reads it. Shape (words, thresholds of each).
    """
    match op:
        case Compare():
            return op.thresholds[:, None]
        case Encode() if op.thermometer or op.code_width == 1:
            return op.thresholds
        case _:
            return None


def _reads(circuit: Circuit) -> Iterator[tuple[int, Ints]]:
    """Yield the bits that each operation, and the outputs after the last, read as bits."""
    for number, op in enumerate(circuit.ops):
        if isinstance(op, Lut | Sum) or input_numbers(circuit, op.words) is None:
            yield number, operands(op)
    for output in circuit.outputs:
        if input_numbers(circuit, output.words) is None:
            yield len(circuit.ops), output.words.bits.reshape(-1)


def _gap(live: list[tuple[int, int, int]], size: int) -> int:
    """Return the first place from which ``size`` places are free."""
    start = 0
    for first, end, _ in live:
        if first - start >= size:
            break
        start = max(start, end)
    return start
