"""Entries of nested JSON, each by its path, with errors that name file and path."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutra.errors import ModelError

__all__ = ["Place"]


class Place:
    """A value somewhere in a JSON file.

    Parameters
    ----------
    value
        What is there.
    where
        The file and the path to it, for errors.
    """

    def __init__(self, value: Any, where: str) -> None:
        self.value, self.where = value, where

    def __truediv__(self, key: str) -> "Place":
        """Return the entry of an object; a missing one is an error."""
        if key not in self:
            raise self.error(f"{key!r} is missing")
        return Place(self.value[key], f"{self.where}, {key}")

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def error(self, problem: str) -> ModelError:
        """Return the error of this place."""
        return ModelError(f"{self.where}: {problem}")

    def text(self) -> str:
        """Return a string."""
        if not isinstance(self.value, str):
            raise self.error(f"{_shown(self.value)} is not a text")
        return self.value

    def integer(self, low: int, high: int) -> int:
        """Return a whole number within bounds; XGBoost writes them as texts."""
        value = self.value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(f"{_shown(self.value)} is not a whole number from {low} to {high}")
        return value

    def number(self) -> float:
        """Return a finite number."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise self.error(f"{_shown(self.value)} is not a number")
        return float(_finite(self, [self.value], np.float64)[0])

    def items(self, most: int) -> list["Place"]:
        """Return the entries of a list of at most ``most``."""
        if not isinstance(self.value, list) or len(self.value) > most:
            raise self.error(f"{_shown(self.value)} is not a list of at most {most} entries")
        return [Place(value, f"{self.where}, {i}") for i, value in enumerate(self.value)]

    def integers(self, count: int) -> NDArray[np.int64]:
        """Return a list of ``count`` whole numbers of 32 bits."""
        found = self._list(count)
        if not all(type(value) is int and -(1 << 31) <= value < 1 << 31 for value in found):
            raise self.error("not all are whole numbers of 32 bits")
        return np.asarray(found, np.int64)

    def reals(self, count: int) -> NDArray[np.float64]:
        """Return a list of ``count`` finite numbers, each as the float32 that it was."""
        found = self._list(count)
        if not all(type(value) in (int, float) for value in found):
            raise self.error("not all are numbers")
        return _finite(self, found, np.float32)

    def _list(self, count: int) -> list[Any]:
        if not isinstance(self.value, list) or len(self.value) != count:
            raise self.error(f"{_shown(self.value)} is not a list of {count} numbers")
        return self.value


def _finite(place: Place, values: Sequence[float], kind: type) -> NDArray[np.float64]:
    try:
        with np.errstate(over="ignore"):
            found = np.asarray(values, np.float64).astype(kind).astype(np.float64)
    except OverflowError:
        raise place.error("a number is too large") from None
    if not np.isfinite(found).all():
        number = int((~np.isfinite(found)).argmax())
        raise place.error(f"entry {number} is {values[number]}, not a finite number")
    return found


def _shown(value: Any) -> str:
    kinds = {dict: "an object", list: "a list of another length", type(None): "nothing"}
    return kinds.get(type(value)) or f"{str(value)[:40]!r}"
