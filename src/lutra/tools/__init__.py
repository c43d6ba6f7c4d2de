"""Finding and running Yosys, ABC, Verilator, g++ and slang. No torch here."""

from lutra.tools._blif import read_blif
from lutra.tools._find import (
    Tool,
    ToolStatus,
    doctor,
    find_abc,
    find_compiler,
    find_slang,
    find_verilator,
    find_yosys,
)
from lutra.tools._run import Completed, run
from lutra.tools.abc import run_abc
from lutra.tools.mapping import MappedRows, Objective, map_luts, map_rows
from lutra.tools.netlist import read_netlist
from lutra.tools.resources import Resources, synthesise_blocks
from lutra.tools.slang import Parsed, parse
from lutra.tools.stream import Streamed, StreamSimulator, build_stream
from lutra.tools.timing import Timing, estimate_timing
from lutra.tools.verilator import lint, run_testbench, simulate
from lutra.tools.yosys import (
    PartsSynthesis,
    Synthesis,
    run_yosys,
    synthesise,
    synthesise_parts,
)

__all__ = [
    "Completed",
    "MappedRows",
    "Objective",
    "Parsed",
    "PartsSynthesis",
    "Resources",
    "StreamSimulator",
    "Streamed",
    "Synthesis",
    "Timing",
    "Tool",
    "ToolStatus",
    "build_stream",
    "doctor",
    "estimate_timing",
    "find_abc",
    "find_compiler",
    "find_slang",
    "find_verilator",
    "find_yosys",
    "lint",
    "map_luts",
    "map_rows",
    "parse",
    "read_blif",
    "read_netlist",
    "run",
    "run_abc",
    "run_testbench",
    "run_yosys",
    "simulate",
    "synthesise",
    "synthesise_blocks",
    "synthesise_parts",
]
