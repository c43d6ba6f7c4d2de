"""Synthesis with Yosys for Xilinx UltraScale+."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lutra.circuit import Circuit
from lutra.emit import Rtl, emit_verilog
from lutra.errors import ToolError
from lutra.files import read_json, write_atomic
from lutra.passes import split
from lutra.tools._find import Tool, find_yosys
from lutra.tools._netlist import count_cells
from lutra.tools._run import Completed, run

__all__ = ["LIBRARY", "PartsSynthesis", "Synthesis", "run_yosys", "synthesise", "synthesise_parts"]

LIBRARY = (
    "read_verilog -lib -specify +/xilinx/cells_sim.v",
    "read_verilog -lib +/xilinx/cells_xtra.v",
)
"""The cells of the family, as black boxes."""
_SYNTH = "synth_xilinx -family xcup -noiopad -noclkbuf -nosrl -nodsp"
_WHEEL = """\
import sys
from pyosys import libyosys
libyosys.run_pass("script " + sys.argv[1], libyosys.Design())
"""


@dataclass(frozen=True)
class Synthesis:
    """Post-synthesis figures by Yosys: no placement, no routing, no clock rate.

    Parameters
    ----------
    top
        Module.
    luts
        Number of LUT1 to LUT6; inverters count as LUT1.
    lut6_total
        Sum of ``luts``: each LUT takes a LUT6 site of its own, none is packed with another.
    muxf
        MUXF7, MUXF8 and MUXF9, which sit beside the LUTs.
    carry
        Carry blocks of 8 bits (of 4 in other families).
    ff
        Flip-flops.
    levels
        Most LUTs between registers or ports; multiplexers and carries count nothing.
    netlist
        The mapped design as Verilog.
    tool, seconds
        What ran, and the wall time of that run.
    kind
        Always ``post-synthesis``.
    """

    top: str
    luts: tuple[int, int, int, int, int, int]
    lut6_total: int
    muxf: int
    carry: int
    ff: int
    levels: int
    netlist: Path
    tool: Tool
    seconds: float
    kind: str = "post-synthesis"


@dataclass(frozen=True)
class PartsSynthesis:
    """The parts of a design, each synthesised alone; None where the circuit has no such part.

    ``total`` is everything but the argmax, synthesised as one; ``levels`` has one entry per
    operation of it, in order, by its module's name, and ``latency`` its cycles.
    """

    latency: int
    total: Synthesis
    encoder: Synthesis | None
    core: Synthesis | None
    head: Synthesis | None
    argmax: Synthesis | None
    levels: tuple[Synthesis, ...]


def synthesise(rtl: Rtl, folder: Path | None = None, timeout: float = 1800) -> Synthesis:
    """Map Verilog to LUTs, with everything flattened.

    Parameters
    ----------
    rtl
        What to map; style ``luts`` is the fast one.
    folder
        Where scripts and results go; ``yosys`` beside the Verilog unless given.
    timeout
        Seconds.

    Raises
    ------
    ToolError
        Yosys is missing or fails, or its netlist cannot be understood.
    """
    (result,) = _map({"design": (rtl, "-flatten")}, folder or rtl.folder / "yosys", timeout)
    return _figures(rtl.top, result)


def synthesise_parts(
    circuit: Circuit,
    folder: Path,
    *,
    input_register: bool = False,
    output_register: bool = False,
    levels: bool = True,
    timeout: float = 3600,
) -> PartsSynthesis:
    """Map a circuit as a whole, part by part and operation by operation, in one Yosys run.

    Parameters
    ----------
    circuit
        The circuit, encoder and argmax included.
    folder
        Where Verilog and results go.
    input_register, output_register
        Registers at the ports of the whole; parts have only the banks inside them.
    levels
        Whether to map each operation alone, too.
    timeout
        Seconds.
    """
    whole = emit_verilog(
        circuit,
        folder / "total",
        style="luts",
        input_register=input_register,
        output_register=output_register,
        argmax=False,
    )
    parts = vars(split(circuit))
    plain = not (parts["encoder"] or parts["head"] or input_register or output_register)
    rtls = {"total": whole}
    rtls |= {
        name: emit_verilog(part, folder / name, style="luts")
        for name, part in parts.items()
        if part and not (name == "core" and plain)
    }
    jobs = {name: (rtl, "-flatten") for name, rtl in rtls.items()}
    if levels:
        jobs["levels"] = (whole, "")
    results = dict(zip(jobs, _map(jobs, folder / "yosys", timeout), strict=True))
    flat = {name: _figures(rtl.top, results[name]) for name, rtl in rtls.items()}
    modules = [file.stem for file in whole.files[:-1]] if levels else []
    return PartsSynthesis(
        whole.latency,
        flat["total"],
        flat.get("encoder"),
        flat["total"] if plain and parts["core"] else flat.get("core"),  # the same, then
        flat.get("head"),
        flat.get("argmax"),
        tuple(_figures(module, results["levels"]) for module in modules),
    )


@dataclass(frozen=True)
class _Result:
    """What one design became."""

    netlist: Path
    modules: dict[str, Any]
    tool: Tool
    seconds: float


def _map(jobs: Mapping[str, tuple[Rtl, str]], folder: Path, timeout: float) -> list[_Result]:
    """Run Yosys once on several designs, and read back the modules of each.

    ``jobs``: name of the files -> design, and ``-flatten`` or nothing.
    """
    tool, script = find_yosys(), [*LIBRARY, "design -save library"]  # once for all designs
    for name, (rtl, flatten) in jobs.items():
        source = "".join(file.read_text() for file in rtl.files)
        write_atomic(folder / f"{name}.v", source)  # one plain name: no path needs quoting
        (folder / f"{name}.json").unlink(missing_ok=True)
        script += [
            "design -load library",
            f"read_verilog {name}.v",
            *([] if flatten else [f"setattr -set keep 1 {rtl.top}/c:*"]),  # unread levels stay
            f"hierarchy -check -top {rtl.top}",
            f"{_SYNTH} {flatten} -run prepare:map_memory",
            f"{_SYNTH} {flatten} -run map_ffram:",  # no memories to map, so spare the time
            f"write_verilog -noattr {name}_netlist.v",
            f"write_json {name}.json",
        ]
    seconds = run_yosys(script, folder, timeout).seconds
    return [
        _Result(folder / f"{name}_netlist.v", _modules(folder / f"{name}.json"), tool, seconds)
        for name in jobs
    ]


def run_yosys(commands: Sequence[str], folder: Path, timeout: float) -> Completed:
    """Run commands of Yosys, one per line, in a folder; they name its files by plain names.

    Raises
    ------
    ToolError
        Yosys is missing or fails.
    """
    tool = find_yosys()
    write_atomic(folder / "script.ys", "\n".join(commands) + "\n")
    wheel = tool.how == "pyosys wheel"
    argv = [sys.executable, "-c", _WHEEL, "script.ys"] if wheel else [tool.path, "-s", "script.ys"]
    return run(argv, folder, log=Path("yosys.log"), timeout=timeout)


def _modules(path: Path) -> dict[str, Any]:
    modules = read_json(path, ToolError).get("modules")
    if not isinstance(modules, dict):
        raise ToolError(f"{path}: no modules; is this Yosys supported?")
    return modules


def _figures(top: str, result: _Result) -> Synthesis:
    if top not in result.modules:
        raise ToolError(f"{result.netlist}: no module {top!r}; is this Yosys supported?")
    cells = count_cells(result.modules[top], top)
    return Synthesis(
        top,
        cells.luts,
        sum(cells.luts),
        cells.muxes,
        cells.carries,
        cells.registers,
        cells.depth,
        result.netlist,
        result.tool,
        result.seconds,
    )
