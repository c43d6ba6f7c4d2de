"""Bits as functions of expressions, and the LUTs that drive them."""

from collections.abc import Iterator, Sequence

from lutra.circuit import SHARED_INPUTS
from lutra.emit._wires import lut, lut_pair
from lutra.passes import Bit, joint

__all__ = ["drive", "drive_all", "drive_pair", "expression"]


def expression(bit: Bit[str]) -> str:
    """Return the expression of a bit that needs no LUT."""
    return bit.inputs[0] if bit.inputs else f"1'b{bit.table}"


def drive(name: str, output: str, bit: Bit[str]) -> str:
    """Return what assigns a bit to an output."""
    if bit.bare:
        return f"assign {output} = {expression(bit)};"
    digits = max(1, (1 << len(bit.inputs)) // 4)
    return lut(name, output, bit.inputs, f"{bit.table:0{digits}x}")


def drive_pair(name: str, outputs: tuple[str, str], bits: tuple[Bit[str], Bit[str]]) -> str:
    """Return one LUT for two bits that have at most five inputs together."""
    inputs = joint(bits)
    inputs += ["1'b0"] * (SHARED_INPUTS - len(inputs))
    upper, lower = (sum(v << e for e, v in enumerate(bit.over(inputs))) for bit in bits)
    return lut_pair(name, outputs, inputs, f"{upper:08x}{lower:08x}")


def drive_all(name: str, outputs: Sequence[str], bits: Sequence[Bit[str]]) -> Iterator[str]:
    """Yield what assigns bits to outputs, two at a time in one LUT where they fit."""
    driven = [*zip(outputs, bits, strict=True)]
    yield from (drive("", output, bit) for output, bit in driven if bit.bare)
    driven = [(output, bit) for output, bit in driven if not bit.bare]
    while driven:
        (output, bit), *driven = driven
        if driven and len(joint((bit, driven[0][1]))) <= SHARED_INPUTS:
            (other, partner), *driven = driven
            yield drive_pair(f"{name}_{len(driven)}", (output, other), (bit, partner))
        else:
            yield drive(f"{name}_{len(driven)}", output, bit)
