"""Networks of layers, each node of which reads nodes anywhere in the layer before."""

from typing import Annotated

from pydantic import Field

from lutra.nn._quantiser import Quantiser
from lutra.nn.families._levels import Bits, FanIn, Level, Width, check_levels
from lutra.nn.families._quantised import QuantisedModel

__all__ = ["LayeredModel"]


class LayeredModel(QuantisedModel):
    """Hidden layers with unsigned codes and a class layer with signed ones: LogicNets and after.

    The class layer, with ``votes`` nodes per class, is not among ``hidden_layers``.
    """

    hidden_layers: Annotated[list[Width], Field(min_length=1)]
    hidden_bitwidth: Bits
    output_bitwidth: Bits
    input_fanin: FanIn
    hidden_fanin: FanIn
    output_fanin: FanIn
    level_bitwidths: list[Bits] | None = None
    """Output bits of every layer, the class layer's included, instead of the two above."""
    level_fanins: list[FanIn] | None = None
    """Fan-in of every layer, instead of the three above."""

    def quantiser(self, level: Level) -> Quantiser:
        """Return the quantiser with the lineage's initial threshold."""
        threshold = 1.33 if level.output_signed else 1.61
        return Quantiser(level.output_bits, level.output_signed, threshold)

    @property
    def branches(self) -> int:
        """Tables per node, each with the fan-in that the parameters name."""
        return 1

    def levels(self, classes: int) -> list[Level]:
        """Return the layers as levels, see `FamilyModel.levels`."""
        widths = [*self.hidden_layers, classes * self.votes]
        hidden = len(widths) - 1
        bits = self.level_bitwidths or [self.hidden_bitwidth] * hidden + [self.output_bitwidth]
        fan_ins = self.level_fanins or [
            self.input_fanin,
            *[self.hidden_fanin] * (hidden - 1),
            self.output_fanin,
        ]
        for given in (bits, fan_ins):
            if len(given) != len(widths):
                raise ValueError(
                    f"level_bitwidths and level_fanins name every one of the {len(widths)} levels, "
                    f"not {len(given)}"
                )
        return check_levels(
            [
                Level(
                    width,
                    fan_ins[number] * self.branches,
                    bits[number - 1] if number else self.input_bitwidth,
                    bits[number],
                    number == hidden,
                    False,
                    self.branches,
                )
                for number, width in enumerate(widths)
            ]
        )
