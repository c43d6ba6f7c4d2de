"""Boosted decision trees: from the models of XGBoost and LightGBM to a circuit. No torch here."""

from lutra.trees._config import TreeLut
from lutra.trees._forest import Forest, Tree
from lutra.trees._integer import Features, IntegerForest
from lutra.trees._lower import lower
from lutra.trees._quantise import quantise, rescale
from lutra.trees._read import parse_model, read_model
from lutra.trees._state import from_arrays, to_arrays

__all__ = [
    "Features",
    "Forest",
    "IntegerForest",
    "Tree",
    "TreeLut",
    "from_arrays",
    "lower",
    "parse_model",
    "quantise",
    "read_model",
    "rescale",
    "to_arrays",
]
