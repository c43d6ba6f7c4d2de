"""NeuraLUT-Assemble (FCCM 2025, arXiv 2504.00592): trees of skip-MLP nodes.

A network is a list of levels. ``support_layers[l] = 0`` starts new assembled neurons whose inputs
are chosen by mapping; ``1`` is a level inside a tree, where node j reads the contiguous nodes
``j * F .. (j + 1) * F - 1`` of the level before. Inside a tree the output quantiser is the signed
identity, so that the nodes' linear skips join up; at a tree's root it is a ReLU.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator

from lutra.nn.families._levels import Bits, FanIn, Level, Width, check_levels
from lutra.nn.families._quantised import QuantisedModel
from lutra.nn.functions import SkipMlp

__all__ = ["NeuraLutAssemble"]


class NeuraLutAssemble(QuantisedModel):
    """The family's parameters, by their published names.

    ``hidden_layers`` may name every level or leave out the last, which then has ``votes`` nodes
    per class, one as in the released parameter files; ``support_layers`` names every level.
    """

    family: Literal["neuralut-assemble"]
    hidden_layers: Annotated[list[Width], Field(min_length=1)]
    support_layers: Annotated[list[Literal[0, 1]], Field(min_length=1)]
    hidden_bitwidth: Bits
    support_bitwidth: Bits
    output_bitwidth: Bits
    input_fanin: FanIn
    hidden_fanin: FanIn
    support_fanin: FanIn
    width_n: Annotated[int, Field(ge=1, le=1024)] = 64
    """Hidden width N of the sub-network in every node."""
    skip: bool = True
    """Keep the linear bypass of every node."""
    level_bitwidths: list[Bits] | None = None
    """Output bits of every level, instead of the three widths above."""
    level_fanins: list[FanIn] | None = None
    """Fan-in of every level, instead of the three above."""

    @model_validator(mode="after")
    def _check(self) -> "NeuraLutAssemble":
        missing = len(self.support_layers) - len(self.hidden_layers)
        if missing not in (0, 1):
            raise ValueError(
                f"support_layers names {len(self.support_layers)} levels, hidden_layers "
                f"{len(self.hidden_layers)}; they must match, or leave out the class level alone"
            )
        if self.support_layers[0] == 1:
            raise ValueError("support_layers must start with 0: the first level cannot be a tree's")
        if not missing:
            self.levels(self.hidden_layers[-1] // self.votes)
        return self

    def levels(self, classes: int) -> list[Level]:
        """Return the levels of a network with this many outputs.

        Raises
        ------
        ValueError
            The widths do not fit one another, or a table would need more than 16 address bits.
        """
        widths = self.hidden_layers
        if len(self.support_layers) > len(widths):
            widths = [*widths, classes * self.votes]
        if widths[-1] != classes * self.votes:
            votes = f" with {self.votes} votes each" if self.votes > 1 else ""
            raise ValueError(f"the last level has {widths[-1]} nodes for {classes} classes{votes}")
        result: list[Level] = []
        for given in (self.level_bitwidths, self.level_fanins):
            if given is not None and len(given) != len(widths):
                raise ValueError(
                    f"level_bitwidths and level_fanins name every one of the {len(widths)} levels, "
                    f"not {len(given)}"
                )
        for number, (width, support) in enumerate(zip(widths, self.support_layers, strict=True)):
            last = number == len(widths) - 1
            inside = not last and self.support_layers[number + 1] == 1
            if self.level_fanins is not None:
                fan_in = self.level_fanins[number]
            elif support:
                fan_in = self.support_fanin
            else:
                fan_in = self.hidden_fanin if number else self.input_fanin
            if self.level_bitwidths is not None:
                output_bits = self.level_bitwidths[number]
            elif last:
                output_bits = self.output_bitwidth
            else:
                output_bits = self.support_bitwidth if inside else self.hidden_bitwidth
            level = Level(
                width,
                fan_in,
                result[-1].output_bits if result else self.input_bitwidth,
                output_bits,
                last or inside,
                bool(support),
            )
            if support and result[-1].width != width * fan_in:
                raise ValueError(
                    f"level {number} is inside a tree: its {width} nodes of fan-in {fan_in} read "
                    f"{width * fan_in} nodes, level {number - 1} has {result[-1].width}"
                )
            result.append(level)
        return check_levels(result)

    def function(self, level: Level, generator: torch.Generator) -> SkipMlp:
        """Return the sub-networks of a level."""
        return SkipMlp(level.width, level.fan_in, self.width_n, self.skip, generator)

    @property
    def dense_hidden(self) -> int:
        """Hidden units per node in the dense phase."""
        return self.width_n
