"""Truth tables as Verilog."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from lutra.circuit import LUT_INPUTS, SHARED_INPUTS, Lut
from lutra.emit._bit import drive_all
from lutra.emit._wires import Wires, concatenate, lut
from lutra.passes import Bit

__all__ = ["lut_constants", "lut_primitives"]


def lut_constants(op: Lut, wires: Wires) -> Iterator[str]:
    """Yield each output bit as a constant indexed by the address: for people and simulators."""
    for bit, (table, address) in enumerate(_tables(op, wires)):
        if not address:
            yield f"assign y[{bit}] = 1'b{table};"
            continue
        size = 1 << op.fan_in
        yield f"localparam [{size - 1}:0] T{bit} = {size}'h{table};"
        yield f"assign y[{bit}] = T{bit}[{concatenate(address)}];"


def lut_primitives(op: Lut, wires: Wires) -> Iterator[str]:
    """Yield each output bit as LUT primitives and their multiplexers.

    Two bits of at most five inputs that they have in common share a LUT.
    """
    if op.fan_in <= SHARED_INPUTS and op.outputs > 1:
        bits = [
            Bit(tuple(address), int(table, 16) & ((1 << (1 << len(address))) - 1))
            for table, address in _tables(op, wires)
        ]
        for first in range(0, op.size, op.outputs):
            row = range(first, first + op.outputs)
            yield from drive_all(f"ut{first}", [f"y[{j}]" for j in row], [bits[j] for j in row])
        return
    made: dict[str, _Node] = {}
    for bit, (table, address) in enumerate(_tables(op, wires)):
        if bit % op.outputs == 0:
            made = {}  # parts are shared within a neuron, whose bits have one address
        lines: list[str] = []
        node = _tree(lines, f"t{bit}", address, table, made)
        yield from lines
        yield f"assign y[{bit}] = {node.name};"


def _tables(op: Lut, wires: Wires) -> Iterator[tuple[str, list[str]]]:
    """Yield the table in hexadecimal, entry 0 last, and the address of each output bit."""
    fan_in, outputs = op.fan_in, op.outputs
    names = wires.bits(op.wires.reshape(-1))
    digits = max(1, (1 << fan_in) // 4)
    tables = op.table[..., ::-1].tobytes().hex()
    step = 2 * op.table.shape[2]
    for bit in range(op.size):
        first = bit // outputs * fan_in
        end = (bit + 1) * step
        yield tables[end - digits : end], names[first : first + fan_in]


class _Node(NamedTuple):
    """A bit that is there: the expression of it, and what drives it."""

    name: str
    kind: Literal["constant", "LUT", "MUXF7", "MUXF8"]


def _tree(
    lines: list[str], name: str, address: Sequence[str], table: str, made: dict[str, _Node]
) -> _Node:
    """Append what looks a table up: LUTs of up to 6 inputs, multiplexers by the upper bits.

    Equal parts are looked up once, and constant ones not at all; ``made`` has the parts that are
    there, by their tables, which are as long as their addresses say.
    """
    size = len(address)
    if table not in made:
        value = int(table, 16) & ((1 << (1 << size)) - 1)
        if value in (0, (1 << (1 << size)) - 1):
            made[table] = _Node(f"1'b{value & 1}", "constant")
        elif size <= LUT_INPUTS:
            lines += [f"wire {name};", lut(f"u{name}", name, address, table)]
            made[table] = _Node(name, "LUT")
        else:
            selects = 2 if size % 4 == 2 else 1
            digits = len(table) >> selects
            ends = range(len(table), 0, -digits)
            data = [
                _tree(lines, f"{name}_{part}", address[:-selects], table[end - digits : end], made)
                for part, end in enumerate(ends)
            ]
            same = len(set(data)) == 1
            made[table] = data[0] if same else _mux(lines, name, data, address[-selects:])
    return made[table]


def _mux(lines: list[str], name: str, data: Sequence[_Node], selects: Sequence[str]) -> _Node:
    """Append a choice among bits, not all equal: MUXF7 and MUXF8 where they fit, else a LUT."""
    lines.append(f"wire {name};")
    kinds = {node.kind for node in data}
    if len(data) == 2 and kinds in ({"LUT"}, {"MUXF7"}):
        kind = "MUXF7" if kinds == {"LUT"} else "MUXF8"
        pins = f".O({name}), .I0({data[0].name}), .I1({data[1].name}), .S({selects[0]})"
        lines.append(f"{kind} u{name} ({pins});")
        return _Node(name, kind)
    inputs = [*dict.fromkeys(node.name for node in data if node.kind != "constant"), *selects]
    table = 0
    for entry in range(1 << len(inputs)):
        chosen = data[entry >> (len(inputs) - len(selects))]
        bit = (
            chosen.name[-1] == "1"
            if chosen.kind == "constant"
            else entry >> inputs.index(chosen.name)
        )
        table |= (bit & 1) << entry
    lines.append(lut(f"u{name}", name, inputs, f"{table:0{max(1, (1 << len(inputs)) // 4)}x}"))
    return _Node(name, "LUT")
