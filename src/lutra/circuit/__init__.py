"""The bit-level circuit that every model lowers to and every back end reads. No torch here."""

from lutra.circuit._builder import Builder, pack_tables
from lutra.circuit._circuit import MAX_FAN_IN, MAX_WIDTH, Circuit, Output, operands, sum_range
from lutra.circuit._evaluate import addresses, evaluate, evaluate_bits, pack_words, read_words
from lutra.circuit._file import load, save
from lutra.circuit._ops import Argmax, Code, Compare, Encode, Lut, Op, Sum, Words
from lutra.circuit._statistics import (
    LUT_INPUTS,
    SHARED_INPUTS,
    OpStatistics,
    Statistics,
    lut6_worst_case,
    op_levels,
    statistics,
)
from lutra.circuit._subcircuit import renumber, subcircuit

__all__ = [
    "LUT_INPUTS",
    "MAX_FAN_IN",
    "MAX_WIDTH",
    "SHARED_INPUTS",
    "Argmax",
    "Builder",
    "Circuit",
    "Code",
    "Compare",
    "Encode",
    "Lut",
    "Op",
    "OpStatistics",
    "Output",
    "Statistics",
    "Sum",
    "Words",
    "addresses",
    "evaluate",
    "evaluate_bits",
    "load",
    "lut6_worst_case",
    "op_levels",
    "operands",
    "pack_tables",
    "pack_words",
    "read_words",
    "renumber",
    "save",
    "statistics",
    "subcircuit",
    "sum_range",
]
