"""Counting the cells of a mapped Xilinx netlist, as Yosys writes it in JSON."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import count
from typing import Any

from lutra.errors import ToolError

__all__ = [
    "FREE",
    "REGISTERS",
    "Cells",
    "Deepest",
    "Flat",
    "count_cells",
    "deepest_path",
    "flatten",
]

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
        raise _odd(name, error) from error
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


@dataclass(frozen=True)
class Flat:
    """A module with all that is below it."""

    cells: list[Mapping[str, Any]]
    """Primitives; their nets are numbers of the whole."""
    nets: dict[int, str]
    """Number -> hierarchical name, where it has one."""


def flatten(modules: Mapping[str, Any], top: str, primitives: Set[str]) -> Flat:
    """Return the primitives of a module and of all instances below it, joined.

    Parameters
    ----------
    modules
        As ``write_json`` of Yosys writes them.
    top
        Which of them.
    primitives
        Kinds of cells that are not looked into; so are those that no module describes.

    Raises
    ------
    ToolError
        The netlist cannot be understood.
    """
    flat, numbers = Flat([], {}), count()

    def walk(name: str, prefix: str, given: dict[int, Any]) -> None:
        def of(bit: Any) -> Any:
            if isinstance(bit, int) and bit not in given:
                given[bit] = next(numbers)
            return given[bit] if isinstance(bit, int) else bit

        for net, found in modules[name]["netnames"].items():
            if not found.get("hide_name"):
                for bit in map(of, found["bits"]):
                    flat.nets.setdefault(bit, prefix + net)
        for label, cell in modules[name]["cells"].items():
            pins = {port: [of(bit) for bit in bits] for port, bits in cell["connections"].items()}
            kind = cell["type"]
            if kind in primitives or kind not in modules:
                flat.cells.append({**cell, "connections": pins})
                continue
            inner: dict[int, Any] = {}
            ports = modules[kind]["ports"].items()
            for port, found in sorted(ports, key=lambda each: each[1]["direction"]):  # inputs first
                for bit, outer in zip(found["bits"], pins.get(port, ()), strict=False):
                    if isinstance(bit, int) and bit not in inner:
                        inner[bit] = outer
                    elif found["direction"] == "output":  # that is an input, too
                        flat.cells.append(_wire(inner.get(bit, bit), outer))
            walk(kind, f"{prefix}{label}.", inner)

    try:
        walk(top, "", {})
    except (KeyError, TypeError, AttributeError) as error:
        raise _odd(top, error) from error
    return flat


def _wire(bit: Any, outer: Any) -> dict[str, Any]:
    pins = {"A": [bit], "Y": [outer]}
    return {"type": "$buf", "connections": pins, "port_directions": {"A": "input", "Y": "output"}}


def deepest_path(flat: Flat, name: str) -> Deepest:
    """Return the deepest path; block RAMs and DSP slices count as registers.

    Their own delays are not LUTs: an implementation takes the registers around multipliers into
    the slices, which Yosys leaves outside.

    Raises
    ------
    ToolError
        The netlist has a combinational loop, or cannot be understood.
    """
    nets = dict(flat.nets)
    try:
        graph = _Graph(flat.cells, REGISTERS | _CLOCKED)
        for cell in flat.cells:  # what a register is named after, it reads
            if cell["type"] in REGISTERS and cell["connections"]["Q"][0] in nets:
                for pin in ("D", "CE", "R", "S"):
                    for bit in cell["connections"].get(pin, ()):
                        nets.setdefault(bit, nets[cell["connections"]["Q"][0]])
    except (KeyError, TypeError, AttributeError) as error:
        raise _odd(name, error) from error
    path = graph.path()

    def named(bits: Iterable[int]) -> str:
        return next((nets[bit] for bit in bits if bit in nets), "unnamed")

    if not path:
        return Deepest(0, "", "")
    return Deepest(graph.depth[path[-1]], named(graph.inputs[path[0]]), named(graph.made[path[-1]]))


def _odd(name: str, error: Exception) -> ToolError:
    return ToolError(f"netlist of {name}: {error} is missing; is this Yosys supported?")


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
