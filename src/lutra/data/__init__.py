"""Data sets as fixed-point integers: MNIST, JSC, NID, Adult, MONK, and the user's own files."""

from lutra.data._dataset import Dataset, Split, describe
from lutra.data._load import load, names
from lutra.data._table import Rows, Table, finish

__all__ = ["Dataset", "Rows", "Split", "Table", "describe", "finish", "load", "names"]
