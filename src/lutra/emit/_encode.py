"""Encoders and comparisons with constants as Verilog."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Compare, Encode
from lutra.emit._wires import Wires, at_least, concatenate

__all__ = ["compare", "encode"]


def encode(op: Encode, wires: Wires) -> Iterator[str]:
    """Yield a comparator per thermometer bit, or one per bit of a binary code.

    A binary code is found by successive approximation: its upper bits, once known, select the
    threshold that decides the next one.
    """
    width = op.words.width
    for i, row in enumerate(_offset(op).tolist()):
        yield f"wire [{width - 1}:0] v{i} = {_unsigned(op, wires, i)};"
        if op.thermometer:
            bits = [at_least(f"v{i}", width, threshold) for threshold in row]
        else:
            bits = [f"c{i}_{j}" for j in range(op.code_width)]
            for j in reversed(range(op.code_width)):
                candidates = row[(1 << j) - 1 :: 2 << j]
                decided = _reached(f"v{i}", width, candidates, bits[j + 1 :])
                yield f"wire {bits[j]} = {decided};"
        high, low = (i + 1) * op.code_width - 1, i * op.code_width
        yield f"assign y[{high}:{low}] = {concatenate(bits)};"


def compare(op: Compare, wires: Wires) -> Iterator[str]:
    """Yield one comparator per bit."""
    width = op.words.width
    for i, threshold in enumerate(_offset(op).tolist()):
        yield f"wire [{width - 1}:0] v{i} = {_unsigned(op, wires, i)};"
        yield f"assign y[{i}] = {at_least(f'v{i}', width, threshold)};"


def _offset(op: Encode | Compare) -> NDArray[np.int64]:
    """Return the thresholds counted from the least value that a word holds."""
    return op.thresholds.clip(op.words.low, op.words.high + 1) - op.words.low


def _unsigned(op: Encode | Compare, wires: Wires, i: int) -> str:
    """Return the word counted from the least value: two's complement with the sign bit flipped."""
    word = wires.word(op.words.bits[i])
    return f"{word} ^ {op.words.width}'d{-op.words.low}" if op.words.signed else word


def _reached(word: str, width: int, candidates: Sequence[int], upper: Sequence[str]) -> str:
    if len(set(candidates)) == 1:
        return at_least(word, width, candidates[0])
    if max(candidates) >> width:
        word, width = f"{{1'b0, {word}}}", width + 1
    return f"({word} >= {_selected(candidates, upper, width)})"


def _selected(candidates: Sequence[int], upper: Sequence[str], width: int) -> str:
    if len(set(candidates)) == 1:
        return f"{width}'d{candidates[0]}"
    half = len(candidates) // 2
    high = _selected(candidates[half:], upper[:-1], width)
    low = _selected(candidates[:half], upper[:-1], width)
    return f"({upper[-1]} ? {high} : {low})"
