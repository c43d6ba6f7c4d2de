"""Counting the cells of a mapped Xilinx netlist, as Yosys writes it in JSON."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import count
from typing import Any

from lutra.errors import ToolError

__all__ = ["FREE", "REGISTERS", "Cells", "Deepest", "count_cells", "deepest_path"]

_LUT = re.compile(r"LUT([1-6]|6_2)")
REGISTERS = {"FDRE", "FDSE", "FDCE", "FDPE"}
_CARRIES = {"CARRY4", "CARRY8"}
_MUXES = {"MUXF7", "MUXF8", "MUXF9"}
_CLOCKED = {"RAMB36E2", "RAMB18E2", "DSP48E2", "SRL16E", "SRLC16E", "SRLC32E"}
_READ = {
    "RAM32M",
    "RAM32M16",
    "RAM64M",
    "RAM64M8",
    "RAM32X1D",
    "RAM64X1D",
    "RAM128X1D",
    "RAM256X1D",
}
"""Memories in LUTs, which are read without a clock."""
FREE = {"VCC", "GND", "BUF", "$buf", "$scopeinfo"}


@dataclass(frozen=True)
class Cells:
    """Cells of one module; ``luts[i]`` counts LUTs of i + 1 inputs.

    An inverter counts as a LUT1, two functions in one LUT as a LUT6.

    ``depth`` is the greatest number of LUTs between registers or ports.
    """

    luts: tuple[int, int, int, int, int, int]
    muxes: int
    carries: int
    registers: int
    depth: int


def count_cells(module: Mapping[str, Any], name: str) -> Cells:
    """Count a flat module; a cell that is none of ours raises ToolError.

    Parameters
    ----------
    module
        One entry of ``modules`` in the JSON that ``write_json`` of Yosys writes.
    name
        For the message.
    """
    try:
        cells = list(module["cells"].values())
        kinds = Counter(cell["type"] for cell in cells)
        luts = [kinds[f"LUT{size}"] for size in range(1, 7)]
        depth = max(_Graph(cells, REGISTERS).depth, default=0)
    except (KeyError, TypeError, AttributeError) as error:
        raise ToolError(
            f"netlist of {name}: {error} is missing; is this Yosys supported?"
        ) from error
    known = REGISTERS | _CARRIES | _MUXES | FREE | {"INV"}
    odd = sorted(kind for kind in kinds if kind not in known and not _LUT.fullmatch(kind))
    if odd:
        raise ToolError(f"netlist of {name}: cells of unknown kind {', '.join(odd)}")
    return Cells(
        (luts[0] + kinds["INV"], luts[1], luts[2], luts[3], luts[4], luts[5] + kinds["LUT6_2"]),
        sum(kinds[kind] for kind in _MUXES),
        sum(kinds[kind] for kind in _CARRIES),
        sum(kinds[kind] for kind in REGISTERS),
        depth,
    )


@dataclass(frozen=True)
class Deepest:
    """The path with most LUTs between registers, memories, multipliers or ports."""

    depth: int
    start: str
    """Net that the first LUT reads."""
    end: str
    """Net that the last one makes."""


def deepest_path(module: Mapping[str, Any], name: str) -> Deepest:
    """Return the deepest path of a flat module; block RAMs and DSP slices count as registers.

    Their own delays are not LUTs: an implementation takes the registers around multipliers into
    the slices, which Yosys leaves outside.

    Raises
    ------
    ToolError
        The netlist has a combinational loop, or cannot be understood.
    """
    try:
        graph = _Graph(list(module["cells"].values()), REGISTERS | _CLOCKED)
        nets = {
            bit: net
            for net, found in module["netnames"].items()
            if not found.get("hide_name")
            for bit in found["bits"]
        }
        for cell in module["cells"].values():  # what a register is named after, it reads
            if cell["type"] in REGISTERS and cell["connections"]["Q"][0] in nets:
                for pin in ("D", "CE", "R", "S"):
                    for bit in cell["connections"].get(pin, ()):
                        nets.setdefault(bit, nets[cell["connections"]["Q"][0]])
    except (KeyError, TypeError, AttributeError) as error:
        raise ToolError(
            f"netlist of {name}: {error} is missing; is this Yosys supported?"
        ) from error
    path = graph.path()

    def named(bits: Iterable[int]) -> str:
        return next((nets[bit] for bit in bits if bit in nets), "unnamed")

    if not path:
        return Deepest(0, "", "")
    return Deepest(graph.depth[path[-1]], named(graph.inputs[path[0]]), named(graph.made[path[-1]]))


class _Graph:
    """Which cell feeds which, and how many LUTs lie before each.

    Multiplexers and carries count nothing.
    """

    def __init__(self, cells: list[Mapping[str, Any]], registers: Set[str]) -> None:
        driver: dict[int, int] = {}
        self.inputs: list[list[int]] = []
        self.made: list[list[int]] = []
        cost: list[int] = []
        carried = count(-1, -1)  # nets between the places of carry chains

        def add(read: Iterable[Any], made: Sequence[int], luts: int) -> None:
            driver.update(dict.fromkeys(made, len(cost)))
            self.inputs.append([bit for bit in read if isinstance(bit, int)])
            self.made.append(list(made))
            cost.append(luts)

        for cell in cells:
            kind, pins = cell["type"], cell["connections"]
            directions = cell["port_directions"]
            if kind in _CARRIES:
                below = [bit for pin in ("CI", "CYINIT", "CI_TOP") for bit in pins.get(pin, ())]
                for place, data in enumerate(zip(pins["S"], pins["DI"], strict=True)):
                    above = next(carried)
                    made = [above, *(pins[pin][place] for pin in ("O", "CO") if pin in pins)]
                    add((*below, *data), made, 0)
                    below = [above]
                continue
            if kind in registers:
                continue
            read, made = [], []
            for port, bits in pins.items():
                (read if directions[port] == "input" else made).extend(bits)
            add(read, made, int(kind == "INV" or kind in _READ or bool(_LUT.fullmatch(kind))))
        users: list[list[int]] = [[] for _ in cost]
        waiting = []
        for number, read in enumerate(self.inputs):
            drivers = {driver[bit] for bit in read if bit in driver}
            waiting.append(len(drivers))
            for other in drivers:
                users[other].append(number)
        self.depth = list(cost)
        self._before: list[int | None] = [None] * len(cost)
        ready = [number for number, missing in enumerate(waiting) if not missing]
        for number in ready:
            for user in users[number]:
                if self.depth[number] + cost[user] > self.depth[user] or (
                    self._before[user] is None
                ):
                    self.depth[user] = max(self.depth[user], self.depth[number] + cost[user])
                    self._before[user] = number
                waiting[user] -= 1
                if not waiting[user]:
                    ready.append(user)
        if len(ready) < len(cost):
            raise ToolError("the netlist has a combinational loop")

    def path(self) -> list[int]:
        """Return the cells of the deepest path, first to last."""
        at = max(range(len(self.depth)), key=self.depth.__getitem__, default=None)
        found: list[int] = []
        while at is not None:
            found.append(at)
            at = self._before[at]
        return found[::-1]
