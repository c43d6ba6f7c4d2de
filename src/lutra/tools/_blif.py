"""Reading netlists of tables that ABC wrote."""

import re
from collections.abc import Iterable, Iterator
from itertools import count

from lutra.errors import ToolError

__all__ = ["read_blif"]

_MAX_INPUTS = 16


def read_blif(text: str, free: int) -> dict[int, tuple[tuple[int, ...], int]]:
    """Return the wires and the table of every bit that a netlist makes.

    Parameters
    ----------
    text
        BLIF of one model. Bit b is called ``n<b>``; what is called otherwise is a new bit.
    free
        The first bit number for new ones.

    Raises
    ------
    ToolError
        This is not a netlist of tables.
    """
    numbers, fresh = dict[str, int](), count(free)

    def number(name: str) -> int:
        if name not in numbers:
            own = re.fullmatch(r"n(\d+)", name)
            numbers[name] = int(own[1]) if own and int(own[1]) < free else next(fresh)
        return numbers[name]

    found: dict[int, tuple[tuple[int, ...], int]] = {}
    names: list[str] = []
    cubes: list[list[str]] = []
    for words in [*_lines(text), [".end"]]:
        if words[0][0] != ".":
            cubes.append(words)
            continue
        if names:
            wires = tuple(number(name) for name in names[:-1])
            found[number(names[-1])] = wires, _table(cubes, len(wires), names[-1])
        if words[0] not in (".model", ".inputs", ".outputs", ".names", ".end"):
            raise ToolError(f"netlist of ABC: {words[0]} is not understood")
        names, cubes = words[1:] if words[0] == ".names" else [], []
    return found


def _lines(text: str) -> Iterator[list[str]]:
    for line in text.replace("\\\n", " ").splitlines():
        words = line.partition("#")[0].split()
        if words:
            yield words


def _table(cubes: Iterable[list[str]], inputs: int, name: str) -> int:
    """Return the table of a cover: all cubes of the on-set, or all of the off-set."""
    if inputs > _MAX_INPUTS:
        raise ToolError(f"netlist of ABC: {name} has {inputs} inputs, {_MAX_INPUTS} at most")
    whole, value, output = (1 << (1 << inputs)) - 1, 0, "1"
    for cube in cubes:
        *literals, output = cube
        pattern = "".join(literals)
        if len(pattern) != inputs or set(pattern) - set("01-") or output not in "01":
            raise ToolError(f"netlist of ABC: {name} has no cube {' '.join(cube)!r}")
        entries = whole
        for j, literal in enumerate(pattern):
            if literal != "-":
                one = whole // ((1 << (1 << j)) + 1) << (1 << j)  # entries whose bit j is 1
                entries &= one if literal == "1" else whole ^ one
        value |= entries
    return value if output == "1" else whole ^ value
