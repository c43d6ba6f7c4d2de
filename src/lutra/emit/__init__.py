"""Circuit -> Verilog, BLIF, C. No torch here."""

from lutra.emit._names import Names
from lutra.emit._rtl import PRIMITIVES, Port, Rtl, Style
from lutra.emit._testbench import emit_testbench
from lutra.emit.blif import blif
from lutra.emit.c import CForm, CSource, emit_c
from lutra.emit.verilog import emit_verilog

__all__ = [
    "PRIMITIVES",
    "CForm",
    "CSource",
    "Names",
    "Port",
    "Rtl",
    "Style",
    "blif",
    "emit_c",
    "emit_testbench",
    "emit_verilog",
]
