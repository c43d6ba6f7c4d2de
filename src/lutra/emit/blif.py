"""Tables as BLIF, the netlist format that ABC reads."""

from collections.abc import Iterable, Iterator, Mapping

from lutra.circuit import LUT_INPUTS
from lutra.passes import Table

__all__ = ["blif"]


def blif(
    tables: Mapping[int, Table], outputs: Iterable[int], inputs: Iterable[int] | None = None
) -> str:
    """Return a netlist of tables; bit b is called ``n<b>``.

    Tables of up to six inputs are written as they are; larger ones as a tree of multiplexers by
    their inputs, the last at the root, in which equal parts are there once: the starting point
    that mapping does best from (see ``docs/decisions.md``).

    Parameters
    ----------
    tables
        By bit, in any order.
    outputs
        Bits that leave: made here, or inputs.
    inputs
        The input bits, in order; unless given, what the tables read and do not make, ascending.
    """
    outputs = list(outputs)
    if inputs is None:
        read = {wire for table in tables.values() for wire in table.wires} | set(outputs)
        inputs = sorted(read - tables.keys())
    entering, leaving = (" ".join(f"n{bit}" for bit in bits) for bits in (inputs, outputs))
    lines = [".model lutra", f".inputs {entering}", f".outputs {leaving}", ".names zero"]
    lines += [".names one", "1"]
    parts: dict[tuple[tuple[int, ...], int], str] = {}
    for bit, table in tables.items():
        lines += _table(f"n{bit}", table, parts)
    return "\n".join([*lines, ".end", ""])


def _table(name: str, table: Table, parts: dict[tuple[tuple[int, ...], int], str]) -> Iterator[str]:
    wires, value = table.wires, table.value
    if len(wires) > LUT_INPUTS:
        made: list[str] = []
        root = _part(wires, value, parts, made)
        yield from made
        yield from (f".names {root} {name}", "1 1")
    else:
        yield from _cubes(name, [f"n{wire}" for wire in wires], value)


def _cubes(name: str, inputs: list[str], value: int) -> Iterator[str]:
    entries = 1 << len(inputs)
    if value in (0, (1 << entries) - 1):  # ABC wants constants without inputs
        yield f".names {name}"
        yield from ["1"] * (value & 1)
        return
    yield f".names {' '.join(inputs)} {name}"
    wanted = int(value.bit_count() <= entries // 2)
    for entry in range(entries):
        if value >> entry & 1 == wanted:
            yield "".join(str(entry >> j & 1) for j in range(len(inputs))) + f" {wanted}"


def _part(
    wires: tuple[int, ...],
    value: int,
    parts: dict[tuple[tuple[int, ...], int], str],
    made: list[str],
) -> str:
    """Return the name of what looks ``value`` up, after appending what was not there yet."""
    size = 1 << len(wires)
    if value in (0, (1 << size) - 1):
        return "one" if value else "zero"
    low, high = value & ((1 << size // 2) - 1), value >> size // 2
    if low == high:
        return _part(wires[:-1], low, parts, made)
    if (wires, value) not in parts:
        pair = [_part(wires[:-1], half, parts, made) for half in (low, high)]
        name = parts[wires, value] = f"p{len(parts)}"
        made += [f".names n{wires[-1]} {' '.join(pair)} {name}", "01- 1", "1-1 1"]
    return parts[wires, value]
