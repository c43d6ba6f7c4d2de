"""Synthesis of designs that have memories and multipliers, module by module, and what they take."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lutra.errors import ToolError
from lutra.files import read_json
from lutra.tools._netlist import FREE, REGISTERS, Deepest, Flat, deepest_path, flatten
from lutra.tools.yosys import run_yosys

__all__ = ["Resources", "synthesise_blocks"]

_LUTS = {f"LUT{size}": 1 for size in range(1, 7)} | {"LUT6_2": 1, "INV": 1}
_MEMORY = {
    "RAM32M": 4,
    "RAM32M16": 8,
    "RAM64M": 4,
    "RAM64M8": 8,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM256X1D": 8,
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
}
"""LUTs that memories and shift registers take."""
_BLOCKS = {"RAMB36E2": 2, "RAMB18E2": 1}
"""Halves of a block RAM of 36 kbit."""
_NET = 790
"""ps that mapping expects of a net, as slow as published clock rates imply. With Yosys' own 300,
many levels of LUTs look fast that are entered at their fastest pins."""
_OTHER = {"CARRY4", "CARRY8", "MUXF7", "MUXF8", "MUXF9", "DSP48E2"}
_KNOWN = {*_LUTS, *_MEMORY, *REGISTERS, *_BLOCKS, *FREE, *_OTHER}


@dataclass(frozen=True)
class Resources:
    """Post-synthesis figures by Yosys, all instances of all modules; nothing is placed.

    Parameters
    ----------
    lut
        LUTs of any size, those in memories and shift registers among them.
    memory
        LUTs in memories and shift registers.
    ff, dsp
        Flip-flops, DSP48 slices.
    block_rams
        Of 36 kbit; a half counts half.
    deepest
        The path with most LUTs between registers, block RAMs, DSP slices and ports.
    """

    lut: int
    memory: int
    ff: int
    dsp: int
    block_rams: float
    deepest: Deepest


def synthesise_blocks(
    folder: Path,
    files: Sequence[Path],
    tops: Sequence[str],
    *,
    kept: Sequence[str] = (),
    dsp: bool = True,
    timeout: float = 3600,
) -> dict[str, Resources]:
    """Map modules for Xilinx UltraScale+ with Yosys, flattened but for what there are many of.

    What is to be kept is mapped once, so that an array of processing elements takes hardly longer
    than one of them; nothing is shared or simplified across its borders.

    Parameters
    ----------
    folder
        Where the SystemVerilog and its memory files lie, and results go.
    files
        SystemVerilog in that folder.
    tops
        Modules, each mapped with all that is below it.
    kept
        Modules that are not flattened, by the ends of their names.
    dsp
        Whether multipliers become DSP48 slices, or LUTs.
    timeout
        Seconds, for all together.

    Raises
    ------
    ToolError
        Yosys is missing or fails, or its netlist cannot be understood.
    """
    modules = _synthesise(folder, files, tops, kept, dsp, timeout)
    return {top: _resources(flatten(found, top, _KNOWN), top) for top, found in modules.items()}


def _synthesise(
    folder: Path,
    files: Sequence[Path],
    tops: Sequence[str],
    kept: Sequence[str],
    dsp: bool,
    timeout: float,
) -> dict[str, dict[str, Any]]:
    """Return the modules of the netlist of each top."""
    script = [f"read_verilog -sv -defer {file.name}" for file in files]
    script.append("design -save sources")
    for top in tops:
        (folder / f"{top}.json").unlink(missing_ok=True)
        synth = "synth_xilinx -family xcup -noiopad -noclkbuf -flatten"
        synth += f"{'' if dsp else ' -nodsp'} -top {top}"
        script += [
            "design -load sources",
            f"scratchpad -set synth_xilinx.abc9.W {_NET}",
            f"{synth} -run begin:prepare",
            *(f"setattr -mod -set keep_hierarchy 1 *{name}" for name in kept),
            f"{synth} -run prepare:",
            f"write_json {top}.json",
        ]
    run_yosys(script, folder, timeout)
    found = {}
    for top in tops:
        modules = read_json(folder / f"{top}.json", ToolError).get("modules")
        if not isinstance(modules, dict) or top not in modules:
            raise ToolError(f"{folder / top}.json: no module {top!r}; is this Yosys supported?")
        found[top] = modules
    return found


def _resources(flat: Flat, top: str) -> Resources:
    cells = Counter(cell["type"] for cell in flat.cells)
    if odd := sorted(set(cells) - _KNOWN):
        raise ToolError(f"netlist of {top}: cells of unknown kind {', '.join(odd)}")
    memory = sum(count * cells[kind] for kind, count in _MEMORY.items())
    return Resources(
        lut=memory + sum(cells[kind] for kind in _LUTS),
        memory=memory,
        ff=sum(cells[kind] for kind in REGISTERS),
        dsp=cells["DSP48E2"],
        block_rams=sum(count * cells[kind] for kind, count in _BLOCKS.items()) / 2,
        deepest=deepest_path(flat, top),
    )
