"""Truth tables as Verilog."""

from collections.abc import Iterator, Sequence

from lutra.circuit import Lut
from lutra.emit._accumulate import Bit
from lutra.emit._wires import Wires, concatenate, lut

__all__ = ["lut_constants", "lut_primitives", "table_bits"]


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
    """Yield each output bit as LUT primitives and their multiplexers."""
    for bit, (table, address) in enumerate(_tables(op, wires)):
        if address:
            yield from _tree(f"t{bit}", f"y[{bit}]", address, table)
        else:
            yield f"assign y[{bit}] = 1'b{table};"


def table_bits(op: Lut, wires: Wires) -> Iterator[Bit]:
    """Yield each output bit as one that a sum looks up itself."""
    for table, address in _tables(op, wires):
        yield Bit(tuple(address), int(table, 16) & ((1 << (1 << len(address))) - 1))


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


def _tree(name: str, output: str, address: Sequence[str], table: str) -> Iterator[str]:
    """Yield LUTs up to 6 address bits; above, the upper bits select by MUXF7, MUXF8 or a LUT."""
    size = len(address)
    if size <= 6:
        yield lut(name, output, address, table)
        return
    selects = 2 if size % 4 == 2 else 1
    low, select, parts = address[:-selects], address[-selects:], 1 << selects
    digits = len(table) // parts
    data = [f"{name}_{part}" for part in range(parts)]
    yield f"wire {', '.join(data)};"
    for part, wire in enumerate(data):
        end = len(table) - part * digits
        yield from _tree(f"u{wire}", wire, low, table[end - digits : end])
    mux = {3: "MUXF7", 0: "MUXF8"}.get(size % 4)
    if mux:
        yield f"{mux} {name} (.O({output}), .I0({data[0]}), .I1({data[1]}), .S({select[0]}));"
    else:
        yield lut(name, output, [*data, *select], "ca" if parts == 2 else "ff00f0f0ccccaaaa")
