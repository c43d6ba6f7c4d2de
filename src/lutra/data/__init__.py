"""Data sets as fixed-point integers: MNIST, JSC-Pythia, and the user's own npz and CSV files."""

from lutra.data._dataset import Dataset, Split, describe
from lutra.data._load import load, names

__all__ = ["Dataset", "Split", "describe", "load", "names"]
