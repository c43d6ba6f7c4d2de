"""Trainable networks of lookup tables, in plain torch."""

from lutra.nn._adder import Adder
from lutra.nn._bloom import BloomFilters
from lutra.nn._conv_layer import ConvLayer, patches
from lutra.nn._dense import DenseLayer
from lutra.nn._edge_layer import EdgeLayer
from lutra.nn._encoders import InputEncoder, LearnedEncoder, UniformEncoder
from lutra.nn._head import GroupSum
from lutra.nn._integer_layer import IntegerLayer
from lutra.nn._model import LutModel
from lutra.nn._noise import BitFlips, Dropout
from lutra.nn._norm import BatchNorm
from lutra.nn._or_pool import OrPool
from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal
from lutra.nn._table_layer import TableLayer
from lutra.nn._teacher import Teacher
from lutra.nn._thermometer import (
    Distribution,
    LearnedThermometer,
    ThermometerEncoder,
    thermometer,
)
from lutra.nn._wiring import balanced_wiring, local_wiring, random_wiring, tree_wiring
from lutra.nn.functions import Direct, Identity, Polynomial, SkipMlp, SubNetwork

__all__ = [
    "Adder",
    "BatchNorm",
    "BitFlips",
    "BloomFilters",
    "ConvLayer",
    "DenseLayer",
    "Direct",
    "Distribution",
    "Dropout",
    "EdgeLayer",
    "GroupSum",
    "Identity",
    "InputEncoder",
    "IntegerLayer",
    "LearnedEncoder",
    "LearnedThermometer",
    "LutModel",
    "OrPool",
    "Polynomial",
    "Quantiser",
    "Signal",
    "SkipMlp",
    "SubNetwork",
    "TableLayer",
    "Teacher",
    "ThermometerEncoder",
    "UniformEncoder",
    "balanced_wiring",
    "local_wiring",
    "patches",
    "random_wiring",
    "thermometer",
    "tree_wiring",
]
