"""Counting the cells of a mapped Xilinx netlist, as Yosys writes it in JSON."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from lutra.errors import ToolError

__all__ = ["Cells", "count_cells"]

_LUT = re.compile(r"LUT([1-6]|6_2)")
_REGISTERS = {"FDRE", "FDSE", "FDCE", "FDPE"}
_CARRIES = {"CARRY4", "CARRY8"}
_MUXES = {"MUXF7", "MUXF8", "MUXF9"}
_FREE = {"VCC", "GND", "BUF", "$scopeinfo"}


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
        depth = _depth(cells)
    except (KeyError, TypeError, AttributeError) as error:
        raise ToolError(
            f"netlist of {name}: {error} is missing; is this Yosys supported?"
        ) from error
    known = _REGISTERS | _CARRIES | _MUXES | _FREE | {"INV"}
    odd = sorted(kind for kind in kinds if kind not in known and not _LUT.fullmatch(kind))
    if odd:
        raise ToolError(f"netlist of {name}: cells of unknown kind {', '.join(odd)}")
    return Cells(
        (luts[0] + kinds["INV"], luts[1], luts[2], luts[3], luts[4], luts[5] + kinds["LUT6_2"]),
        sum(kinds[kind] for kind in _MUXES),
        sum(kinds[kind] for kind in _CARRIES),
        sum(kinds[kind] for kind in _REGISTERS),
        depth,
    )


def _depth(cells: list[Mapping[str, Any]]) -> int:
    """Return the most LUTs on a path; multiplexers and carries count nothing."""
    driver: dict[int, int] = {}
    inputs: list[list[int]] = []
    cost: list[int] = []
    carried = count(-1, -1)  # nets between the places of carry chains
    for cell in cells:
        kind, pins = cell["type"], cell["connections"]
        directions = cell["port_directions"]
        if kind in _CARRIES:
            below = [bit for pin in ("CI", "CYINIT", "CI_TOP") for bit in pins.get(pin, ())]
            for place, data in enumerate(zip(pins["S"], pins["DI"], strict=True)):
                above = next(carried)
                made = [above, *(pins[pin][place] for pin in ("O", "CO") if pin in pins)]
                driver |= dict.fromkeys(made, len(inputs))
                inputs.append([bit for bit in (*below, *data) if isinstance(bit, int)])
                cost.append(0)
                below = [above]
            continue
        read: list[int] = []
        for port, bits in pins.items():
            if directions[port] == "input":
                read += [bit for bit in bits if isinstance(bit, int)]
            elif kind not in _REGISTERS:
                driver |= dict.fromkeys(bits, len(inputs))
        inputs.append([] if kind in _REGISTERS else read)
        cost.append(int(kind == "INV" or bool(_LUT.fullmatch(kind))))
    users: list[list[int]] = [[] for _ in inputs]
    waiting = []
    for number, read in enumerate(inputs):
        drivers = {driver[bit] for bit in read if bit in driver}
        waiting.append(len(drivers))
        for other in drivers:
            users[other].append(number)
    depth = list(cost)
    ready = [number for number, count in enumerate(waiting) if not count]
    for number in ready:
        for user in users[number]:
            depth[user] = max(depth[user], depth[number] + cost[user])
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    if len(ready) < len(inputs):
        raise ToolError("the netlist has a combinational loop")
    return max(depth, default=0)
