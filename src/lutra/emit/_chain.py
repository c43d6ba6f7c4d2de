"""Carry chains as Verilog."""

from collections.abc import Iterator, Sequence

from lutra.emit._bit import drive, drive_pair, expression
from lutra.emit._wires import lut
from lutra.passes import Bit, Place

__all__ = ["CARRY_BITS", "carry_chain"]

CARRY_BITS = 8
"""Bits of a CARRY8."""


def carry_chain(name: str, places: Sequence[Place[str]], carry: Bit[str]) -> Iterator[str]:
    """Yield a chain of places, the lowest first: sums NAME_o, carries NAME_c."""
    blocks = -(-len(places) // CARRY_BITS)
    size = blocks * CARRY_BITS
    yield f"wire [{size - 1}:0] {name}_o, {name}_c, {name}_s;"
    data = []
    for number, (bit, carried) in enumerate(places):
        output, cell = f"{name}_s[{number}]", f"u{name}_s{number}"
        if carried.bare:
            data.append(expression(carried))
            alone = bit.bare and bit.inputs  # a chain has no other way in than through a LUT
            yield lut(cell, output, bit.inputs, "2") if alone else drive(cell, output, bit)
        else:
            data.append(f"{name}_d{number}")
            yield f"wire {data[-1]};"
            yield drive_pair(cell, (output, data[-1]), (bit, carried))
    if len(places) < size:
        yield f"assign {name}_s[{size - 1}:{len(places)}] = {size - len(places)}'d0;"
    data += ["1'b0"] * (size - len(places))
    for block in range(blocks):
        low, high = block * CARRY_BITS, (block + 1) * CARRY_BITS - 1
        yield (
            f"CARRY8 u{name}_{block} (.CO({name}_c[{high}:{low}]), .O({name}_o[{high}:{low}]), "
            f".CI({f'{name}_c[{low - 1}]' if block else expression(carry)}), .CI_TOP(1'b0), "
            f".DI({{{', '.join(reversed(data[low : high + 1]))}}}), .S({name}_s[{high}:{low}]));"
        )
