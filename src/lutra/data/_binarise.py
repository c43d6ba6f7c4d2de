"""Tables of numbers and text as single bits, by what the train part holds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.data._local import Columns

__all__ = ["Bit", "binarise", "choose_bits"]


class Bit(NamedTuple):
    """One feature of a binarised table: ``column == value`` of text, ``>=`` of numbers."""

    column: str
    value: str | float

    @property
    def name(self) -> str:
        """What it says."""
        if isinstance(self.value, str):
            return f"{self.column}={self.value}"
        return f"{self.column}>={self.value:.6g}"


def choose_bits(columns: Columns, names: Sequence[str], most: int, least: int) -> list[Bit]:
    """Return the bits that describe a table, chosen on its train part.

    A column of text gets a bit for every value that ``least`` rows or more have. A column of
    numbers gets a thermometer: at most ``most`` thresholds, the distinct quantiles ``i / (most +
    1)``; where fewer distinct values there are, every value but the least. A threshold that all
    rows reach is left out.
    """
    bits: list[Bit] = []
    for name in names:
        column = columns[name]
        values, counts = np.unique(column, return_counts=True)
        if column.dtype.kind == "U":
            bits += [Bit(name, str(value)) for value in values[counts >= least]]
            continue
        if len(values) > most + 1:
            shares = np.arange(1, most + 1) / (most + 1)
            values = np.unique(np.quantile(column, shares, method="higher"))
        bits += [Bit(name, float(value)) for value in values if value > column.min()]
    return bits


def binarise(columns: Columns, bits: Sequence[Bit]) -> NDArray[np.uint8]:
    """Return the bits of every row, (rows, bits)."""
    rows = len(next(iter(columns.values())))
    result = np.empty((rows, len(bits)), np.uint8)
    for number, (name, value) in enumerate(bits):
        column = columns[name]
        result[:, number] = column == value if isinstance(value, str) else column >= value
    return result
