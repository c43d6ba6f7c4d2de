"""Table functions: what a neuron computes from its digits. One class per idea."""

from lutra.nn.functions._base import Entries, TableFunction
from lutra.nn.functions._bit_slopes import BitGradient, bit_mixing
from lutra.nn.functions._direct import Direct, Parametrisation
from lutra.nn.functions._identity import Identity
from lutra.nn.functions._polynomial import Polynomial
from lutra.nn.functions._skip_mlp import SkipMlp
from lutra.nn.functions._sub_network import SubNetwork

__all__ = [
    "BitGradient",
    "Direct",
    "Entries",
    "Identity",
    "Parametrisation",
    "Polynomial",
    "SkipMlp",
    "SubNetwork",
    "TableFunction",
    "bit_mixing",
]
