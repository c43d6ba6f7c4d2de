"""Proving that two stages agree, bit for bit."""

from lutra.verify._difference import Difference, first_difference
from lutra.verify._equivalence import Counterexample, check_equivalent, counterexamples
from lutra.verify._levels import level_cares, levels
from lutra.verify._netlist import check_netlist
from lutra.verify._rtl import RtlReport, check_rtl, verify_rtl

__all__ = [
    "Counterexample",
    "Difference",
    "RtlReport",
    "check_equivalent",
    "check_netlist",
    "check_rtl",
    "counterexamples",
    "first_difference",
    "level_cares",
    "levels",
    "verify_rtl",
]
