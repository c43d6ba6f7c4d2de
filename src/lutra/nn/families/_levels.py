"""Levels of nodes as a family's parameters define them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from lutra.circuit import MAX_FAN_IN

__all__ = ["Bits", "FanIn", "Level", "Width", "check_levels"]

Bits = Annotated[int, Field(ge=1, le=8)]
FanIn = Annotated[int, Field(ge=1, le=MAX_FAN_IN)]
Width = Annotated[int, Field(ge=1, le=1 << 20)]


@dataclass(frozen=True)
class Level:
    """One level of nodes as the parameters define it."""

    width: int
    fan_in: int
    """Inputs per node."""
    bits: int
    """Bits per input digit."""
    output_bits: int
    output_signed: bool
    tree: bool
    """Inside a tree: contiguous wiring instead of mapping."""
    branches: int = 1
    """Tables that share out a node's inputs."""

    @property
    def address_bits(self) -> int:
        """Address bits per table that reads the level's inputs."""
        return self.fan_in // self.branches * self.bits


def check_levels(levels: Sequence[Level]) -> list[Level]:
    """Return the levels where each can be built.

    Raises
    ------
    ValueError
        A level's fan-in exceeds the nodes before it, or a table has more than 16 address bits.
    """
    for number, level in enumerate(levels):
        if number and level.fan_in > levels[number - 1].width:
            shared = f" ({level.branches} sub-neurons)" if level.branches > 1 else ""
            raise ValueError(
                f"level {number}: fan-in {level.fan_in}{shared} exceeds the "
                f"{levels[number - 1].width} nodes before"
            )
        if level.address_bits > MAX_FAN_IN:
            raise ValueError(
                f"level {number}: {level.fan_in // level.branches} inputs of {level.bits} bits "
                f"make tables of {level.address_bits} address bits; at most {MAX_FAN_IN} are "
                "possible"
            )
    return list(levels)
