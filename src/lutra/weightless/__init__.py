"""Weightless networks: memories addressed by hashed bits, trained by writing into them."""

from lutra.weightless._bloom import CountingFilters, best_bleach
from lutra.weightless._config import Bthowen, Uleen
from lutra.weightless._discriminators import Discriminators, Filters
from lutra.weightless._hashing import H3, draw_h3
from lutra.weightless._tuples import draw_tuples
from lutra.weightless._uleen import UleenModel

__all__ = [
    "H3",
    "Bthowen",
    "CountingFilters",
    "Discriminators",
    "Filters",
    "Uleen",
    "UleenModel",
    "best_bleach",
    "draw_h3",
    "draw_tuples",
]
