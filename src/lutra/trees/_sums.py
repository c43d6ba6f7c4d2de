"""Sums per class, at once or in levels of adders of a few operands each."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Builder, Code, Sum, Words

__all__ = ["Operand", "add_up"]

Operand = list[tuple[int, int]]
"""A number that is added: the bits that make it, each with its weight, 1 or more."""


def add_up(
    builder: Builder,
    operands: Sequence[Sequence[Operand]],
    bias: NDArray[np.int64],
    most: int | None = None,
) -> Words:
    """Append the sums of several lists of operands, each with its bias; return their words.

    Parameters
    ----------
    builder
        Where the sums go.
    operands
        One list per sum; any number of operands, none included.
    bias
        None below 0; shape (sums,).
    most
        Operands of one adder: longer lists are added in groups of about equal length first.
        At least 2; None adds all at once.
    """
    rows, level = [list(row) for row in operands], 0
    while most and max(map(len, rows)) > most:
        groups = [_groups(row, most) for row in rows]
        flat = [group for own in groups for group in own]
        words = _sum(builder, flat, np.zeros(len(flat), np.int64), f"sum{level}")
        found = iter(map(_operand, flat, words.bits.tolist()))
        rows = [[next(found) for _ in own] for own in groups]
        level += 1
    return _sum(builder, rows, bias, "scores")


def _groups(row: list[Operand], most: int) -> list[list[Operand]]:
    count = -(-len(row) // most)
    ends = [len(row) * number // max(1, count) for number in range(count + 1)]
    return [row[start:end] for start, end in itertools.pairwise(ends)]


def _operand(group: Sequence[Operand], bits: list[int]) -> Operand:
    """Return a sum as an operand, without the bits that it cannot reach."""
    return [(bit, 1 << place) for place, bit in enumerate(bits[: _most(group).bit_length()])]


def _most(group: Sequence[Operand]) -> int:
    return sum(weight for operand in group for _, weight in operand)


def _sum(
    builder: Builder, rows: Sequence[Sequence[Operand]], bias: NDArray[np.int64], name: str
) -> Words:
    terms = [[term for operand in row for term in operand] for row in rows]
    wires = np.zeros((len(rows), max(1, *map(len, terms))), np.int64)
    weights = np.zeros_like(wires)
    for row, own in enumerate(terms):
        if own:
            wires[row, : len(own)], weights[row, : len(own)] = np.transpose(own)
    high = max(int(start) + _most(row) for start, row in zip(bias, rows, strict=True))
    width = max(1, high.bit_length())
    return builder.add(Sum(wires, weights, bias, width, False, name, Code(width)), width)
