"""Trainable networks of lookup tables, in plain torch."""

from lutra.nn._dense import DenseLayer
from lutra.nn._encoders import InputEncoder, LearnedEncoder, UniformEncoder
from lutra.nn._functions import SkipMlp
from lutra.nn._head import GroupSum
from lutra.nn._model import LutModel
from lutra.nn._noise import BitFlips
from lutra.nn._norm import BatchNorm
from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal
from lutra.nn._table_layer import TableLayer
from lutra.nn._teacher import Teacher
from lutra.nn._wiring import local_wiring, random_wiring, tree_wiring

__all__ = [
    "BatchNorm",
    "BitFlips",
    "DenseLayer",
    "GroupSum",
    "InputEncoder",
    "LearnedEncoder",
    "LutModel",
    "Quantiser",
    "Signal",
    "SkipMlp",
    "TableLayer",
    "Teacher",
    "UniformEncoder",
    "local_wiring",
    "random_wiring",
    "tree_wiring",
]
