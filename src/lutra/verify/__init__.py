"""Proving that two stages agree, bit for bit."""

from lutra.verify._difference import Difference, first_difference
from lutra.verify._rtl import RtlReport, check_rtl, verify_rtl

__all__ = ["Difference", "RtlReport", "check_rtl", "first_difference", "verify_rtl"]
