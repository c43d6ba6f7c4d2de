"""Integer types and arrays of C."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Words

__all__ = ["RESERVED", "Constants", "literal", "narrowest", "word_type"]

_SIZES = (8, 16, 32, 64)
RESERVED = tuple(f"{sign}int{size}_t" for sign in ("", "u") for size in _SIZES)
"""Names that generated code uses as they are."""
_PER_LINE = 16


def narrowest(low: int, high: int) -> str:
    """Return the narrowest type that holds ``low`` to ``high``, unsigned where it can be."""
    for size in _SIZES:
        if low >= 0 and high < 1 << size:
            return f"uint{size}_t"
        if -(1 << (size - 1)) <= low and high < 1 << (size - 1):
            return f"int{size}_t"
    raise AssertionError("a circuit has no wider integers")


def word_type(words: Words) -> str:
    """Return the narrowest type that holds a word."""
    return narrowest(words.low, words.high)


def literal(value: int) -> str:
    """Return an integer as a constant expression of value type int64_t at most."""
    return str(value) if value >= 0 else f"({value})"


class Constants:
    """The constant arrays of a source file, and expressions for their elements.

    Parameters
    ----------
    prefix
        What their names begin with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._arrays: dict[tuple[str, str], str] = {}
        self.bytes = 0
        """Memory that the arrays need."""

    def lines(self) -> Iterable[str]:
        """Yield the definitions."""
        for (kind, body), name in self._arrays.items():
            yield f"static const {kind} {name}[] = {{\n{body}\n}};"

    def array(self, name: str, values: NDArray[np.integer]) -> str:
        """Return the name of an array of the narrowest type; equal arrays are there once."""
        numbers = values.reshape(-1).tolist()
        kind = narrowest(min(numbers), max(numbers))
        rows = (numbers[i : i + _PER_LINE] for i in range(0, len(numbers), _PER_LINE))
        body = ",\n".join("    " + ", ".join(map(str, row)) for row in rows)
        if (kind, body) not in self._arrays:
            self._arrays[kind, body] = f"{self._prefix}_{name}_{len(self._arrays)}"
            self.bytes += len(numbers) * int(kind.strip("uint_")) // 8
        return self._arrays[kind, body]

    def element(self, name: str, values: NDArray[np.integer], index: str, kind: str = "") -> str:
        """Return an expression for ``values[index]``, by arithmetic where it needs no array.

        Parameters
        ----------
        name
            What to call the array.
        values
            At least one. Any shape; elements count in C order.
        index
            Expression of type uint32_t.
        kind
            Type to convert to.
        """
        numbers = values.reshape(-1)
        first, last = int(numbers[0]), int(numbers[-1])
        if (numbers == first).all():
            return literal(first)
        cast = f"({kind})" if kind else ""
        step = int(numbers[1]) - first
        if first < 0 or step <= 0 or last >= 1 << 31 or (np.diff(numbers) != step).any():
            return f"{cast}{self.array(name, numbers)}[{index}]"
        grouped = f"({index})" if " " in index else index
        scaled = f"{step} * {grouped}" if step > 1 else index
        shifted = f"{scaled} + {first}" if first else scaled
        return f"{cast}({shifted})" if cast else shifted

    def element_of_row(
        self, name: str, values: NDArray[np.integer], row: str, column: str, kind: str = ""
    ) -> str:
        """Return an expression for ``values[row, column]``; equal rows are there once."""
        if (values == values[0]).all():
            return self.element(name, values[0], column, kind)
        return self.element(name, values, f"{values.shape[1]} * {row} + {column}", kind)
