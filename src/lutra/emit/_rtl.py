"""What an emission leaves behind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lutra.circuit import Circuit

__all__ = ["PRIMITIVES", "Port", "Rtl", "Style"]

Style = Literal["constants", "luts"]
"""``constants``: tables as constants, for people and simulators. ``luts``: Xilinx primitives."""

PRIMITIVES = Path(__file__).with_name("primitives.v")
"""Simulation models of the Xilinx primitives; never for synthesis."""


@dataclass(frozen=True)
class Port:
    """A packed vector of words at the top module: word i is ``name[i * width +: width]``.

    ``label`` is the circuit's own name for it; ``words`` may be 0, then the port is absent.
    """

    name: str
    label: str
    words: int
    width: int
    signed: bool

    @property
    def bits(self) -> int:
        """Width of the vector."""
        return self.words * self.width


@dataclass(frozen=True)
class Rtl:
    """Verilog on disk.

    Parameters
    ----------
    folder
        Where the files lie; ``ports.json`` beside them describes every bit.
    top
        Name of the top module.
    files
        Verilog files, the top module's last. Style ``luts`` needs `PRIMITIVES` besides, but only
        in a simulator.
    style
        How tables are written.
    circuit
        The circuit as emitted; without its encoder it takes code words.
    input, outputs
        Ports. There is a port ``clk`` besides where the design is clocked.
    latency
        Clock cycles from an input sample to its outputs; 0 is combinational. A new sample can
        enter each cycle.
    """

    folder: Path
    top: str
    files: tuple[Path, ...]
    style: Style
    circuit: Circuit
    input: Port
    outputs: tuple[Port, ...]
    latency: int

    @property
    def clocked(self) -> bool:
        """Whether there are registers, and so a clock."""
        return self.latency > 0
