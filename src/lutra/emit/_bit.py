"""Bits as functions of others, and the LUTs that drive them: two of up to five inputs share one."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from lutra.circuit import SHARED_INPUTS
from lutra.emit._wires import lut, lut_pair

__all__ = ["Bit", "combine", "drive_all", "drive_pair", "joint", "wire"]


class Bit(NamedTuple):
    """A table, entry a in bit a, of expressions."""

    inputs: tuple[str, ...]
    table: int

    @property
    def name(self) -> str | None:
        """The expression of a bit that needs no LUT."""
        if not self.inputs:
            return f"1'b{self.table}"
        return self.inputs[0] if len(self.inputs) == 1 and self.table == 2 else None

    def drive(self, name: str, output: str) -> str:
        """Return what assigns the bit to ``output``."""
        if self.name is not None:
            return f"assign {output} = {self.name};"
        digits = max(1, (1 << len(self.inputs)) // 4)
        return lut(name, output, self.inputs, f"{self.table:0{digits}x}")

    def over(self, inputs: Sequence[str]) -> list[int]:
        """Return the entries of the same function as a table of more inputs."""
        places = [inputs.index(name) for name in self.inputs]
        addresses = (
            sum((entry >> j & 1) << k for k, j in enumerate(places))
            for entry in range(1 << len(inputs))
        )
        return [self.table >> address & 1 for address in addresses]


def wire(name: str) -> Bit:
    """Return a bit that is there already."""
    return Bit((name,), 2)


def joint(bits: Sequence[Bit]) -> list[str]:
    """Return the inputs of some bits, each once."""
    return [*dict.fromkeys(name for bit in bits for name in bit.inputs)]


def combine(function: Callable[[Sequence[int]], int], bits: Sequence[Bit]) -> Bit:
    """Return the lowest bit of a function of bits, without inputs on which it does not depend."""
    inputs = joint(bits)
    values = zip(*(bit.over(inputs) for bit in bits), strict=True)
    entries = [function(row) & 1 for row in values] if bits else [function(()) & 1]
    for j in reversed(range(len(inputs))):
        low, high = ([v for e, v in enumerate(entries) if e >> j & 1 == side] for side in (0, 1))
        if low == high:
            entries = low
            del inputs[j]
    return Bit(tuple(inputs), sum(value << e for e, value in enumerate(entries)))


def drive_pair(name: str, outputs: tuple[str, str], bits: tuple[Bit, Bit]) -> str:
    """Return one LUT for two bits that have at most five inputs together."""
    inputs = joint(bits)
    inputs += ["1'b0"] * (SHARED_INPUTS - len(inputs))
    upper, lower = (sum(v << e for e, v in enumerate(bit.over(inputs))) for bit in bits)
    return lut_pair(name, outputs, inputs, f"{upper:08x}{lower:08x}")


def drive_all(name: str, outputs: Sequence[str], bits: Sequence[Bit]) -> Iterator[str]:
    """Yield what assigns bits to outputs, two at a time in one LUT where they fit."""
    driven = [(output, bit) for output, bit in zip(outputs, bits, strict=True)]
    yield from (bit.drive("", output) for output, bit in driven if bit.name is not None)
    driven = [(output, bit) for output, bit in driven if bit.name is None]
    while driven:
        (output, bit), *rest = driven
        if rest and len(joint((bit, rest[0][1]))) <= SHARED_INPUTS:
            other, partner = rest.pop(0)
            yield drive_pair(f"{name}_{len(rest)}", (output, other), (bit, partner))
        else:
            yield bit.drive(f"{name}_{len(rest)}", output)
        driven = rest
