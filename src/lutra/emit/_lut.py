"""Truth tables as Verilog."""

from collections.abc import Iterator, Sequence

from lutra.circuit import Lut
from lutra.emit._wires import Wires, concatenate, lut

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
    """Yield each output bit as LUT primitives and their multiplexers."""
    for bit, (table, address) in enumerate(_tables(op, wires)):
        if address:
            yield from _tree(f"u{bit}", f"y[{bit}]", address, table)
        else:
            yield f"assign y[{bit}] = 1'b{table};"


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
    """Yield LUT6, MUXF7 and MUXF8 up to 8 address bits, then LUTs that select among 2 or 4."""
    size = len(address)
    if size <= 6:
        yield lut(name, output, address, table)
        return
    if size <= 8:
        select, parts, mux = [address[-1]], 2, f"MUXF{size}"
    else:
        parts = 4 if size > 9 else 2
        select, mux = address[9:10] if parts == 2 else address[-2:], ""
    low = address[: size - len(select)]
    digits = len(table) // parts
    yield f"wire [{parts - 1}:0] {name}_;"
    for part in range(parts):
        end = len(table) - part * digits
        yield from _tree(f"{name}_{part}", f"{name}_[{part}]", low, table[end - digits : end])
    data = [f"{name}_[{part}]" for part in range(parts)]
    if mux:
        yield f"{mux} {name} (.O({output}), .I0({data[0]}), .I1({data[1]}), .S({select[0]}));"
    else:
        init = "ca" if parts == 2 else "ff00f0f0ccccaaaa"
        yield lut(name, output, [*data, *select], init)
