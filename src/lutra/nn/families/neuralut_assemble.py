"""NeuraLUT-Assemble (FCCM 2025, arXiv 2504.00592): trees of skip-MLP nodes.

A network is a list of levels. ``support_layers[l] = 0`` starts new assembled neurons whose inputs
are chosen by mapping; ``1`` is a level inside a tree, where node j reads the contiguous nodes
``j * F .. (j + 1) * F - 1`` of the level before. Inside a tree the output quantiser is the signed
identity, so that the nodes' linear skips join up; at a tree's root it is a ReLU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from lutra.circuit import MAX_FAN_IN
from lutra.nn._dense import DenseLayer
from lutra.nn._encoders import InputEncoder
from lutra.nn._functions import SkipMlp
from lutra.nn._model import LutModel
from lutra.nn._quantiser import Quantiser
from lutra.nn._table_layer import TableLayer
from lutra.nn._wiring import local_wiring, random_wiring, tree_wiring

__all__ = ["Level", "NeuraLutAssemble"]

Bits = Annotated[int, Field(ge=1, le=8)]
FanIn = Annotated[int, Field(ge=1, le=MAX_FAN_IN)]


@dataclass(frozen=True)
class Level:
    """One level of nodes as the parameters define it."""

    width: int
    fan_in: int
    bits: int
    """Bits per input digit."""
    output_bits: int
    output_signed: bool
    tree: bool
    """Inside a tree: contiguous wiring instead of mapping."""

    @property
    def address_bits(self) -> int:
        """Address bits per table."""
        return self.fan_in * self.bits


class NeuraLutAssemble(BaseModel):
    """The family's parameters, by their published names.

    ``hidden_layers`` may name every level or leave out the last, which then has ``votes`` nodes
    per class, one as in the released parameter files; ``support_layers`` names every level.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    family: Literal["neuralut-assemble"] = "neuralut-assemble"
    encoder: Literal["learned", "uniform"] = "learned"
    """Input quantiser: learned as published, or the raw word's top bits, which cost nothing."""
    hidden_layers: Annotated[list[Annotated[int, Field(ge=1, le=1 << 20)]], Field(min_length=1)]
    support_layers: Annotated[list[Literal[0, 1]], Field(min_length=1)]
    input_bitwidth: Bits
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
    balanced: bool = False
    """Start every level's norm in the middle of its quantiser, so that codes begin evenly used;
    published networks start at zero, where one bit is the same for three samples in four."""
    votes: Annotated[int, Field(ge=1, le=1 << 12)] = 1
    """Nodes of the last level per class; the class's score adds up their codes."""
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
            if not support and result and fan_in > result[-1].width:
                raise ValueError(
                    f"level {number}: fan-in {fan_in} exceeds the {result[-1].width} nodes before"
                )
            if level.address_bits > MAX_FAN_IN:
                raise ValueError(
                    f"level {number}: {fan_in} inputs of {level.bits} bits make tables of "
                    f"{level.address_bits} address bits; at most {MAX_FAN_IN} are possible"
                )
            result.append(level)
        return result

    def mapped_levels(self) -> list[int]:
        """Return the numbers of the levels whose inputs a mapping chooses."""
        return [number for number, support in enumerate(self.support_layers) if not support]

    def build(
        self,
        encoder: InputEncoder,
        classes: int,
        generator: torch.Generator,
        wiring: Sequence[Tensor] | None = None,
    ) -> LutModel:
        """Return the sparse network.

        Parameters
        ----------
        encoder
            Input encoder with ``input_bitwidth`` bits.
        classes
            Number of outputs.
        generator
            Source of random wiring and initial weights.
        wiring
            For every mapped level its wires (n, F); None draws them at random.
        """
        given = dict(zip(self.mapped_levels(), wiring or (), strict=bool(wiring)))
        features, layers = len(encoder.scale), []
        for number, level in enumerate(self.levels(classes)):
            if level.tree:
                wires = tree_wiring(level.width, level.fan_in)
            elif number in given:
                wires = given[number]
            else:
                wires = random_wiring(level.width, level.fan_in, features, generator)
            layers.append(self._table_layer(number, level, wires, generator))
            features = level.width
        return LutModel(encoder, layers, self.votes)

    def build_dense(
        self, encoder: InputEncoder, classes: int, generator: torch.Generator, hidden: bool
    ) -> LutModel:
        """Return the network of the dense phase: mapped levels see all of their inputs.

        Parameters
        ----------
        encoder, classes, generator
            As for `build`.
        hidden
            Give the dense twins their hidden layer, as published; without it the twins are the
            linear skips that the selection reads.
        """
        features, layers = len(encoder.scale), []
        for number, level in enumerate(self.levels(classes)):
            if level.tree:
                wires = tree_wiring(level.width, level.fan_in)
                layers.append(self._table_layer(number, level, wires, generator))
            else:
                quantiser = Quantiser(level.output_bits, level.output_signed)
                width = self.width_n if hidden else 0
                layers.append(DenseLayer(features, level.width, width, quantiser, generator))
            features = level.width
        return LutModel(encoder, layers, self.votes)

    def wiring(self, dense: LutModel, classes: int) -> list[Tensor]:
        """Return the wires that a trained dense phase selects, one tensor per mapped level."""
        levels = self.levels(classes)
        return [
            layer.top_inputs(levels[number].fan_in)
            for number, layer in enumerate(dense.levels)
            if isinstance(layer, DenseLayer)
        ]

    def local_wiring(
        self, image: tuple[int, int], window: int, classes: int, generator: torch.Generator
    ) -> list[Tensor]:
        """Return wires, one tensor per mapped level: local on the pixels, random behind them."""
        levels = self.levels(classes)
        leaves, root = 1, 0
        while root + 1 < len(levels) and levels[root + 1].tree:
            root += 1
            leaves *= levels[root].fan_in
        first = levels[0]
        trees = first.width // leaves
        wires = [local_wiring(trees, leaves, first.fan_in, image, window, generator)]
        for number in self.mapped_levels()[1:]:
            level = levels[number]
            features = levels[number - 1].width
            wires.append(random_wiring(level.width, level.fan_in, features, generator))
        return wires

    def _table_layer(
        self, number: int, level: Level, wires: Tensor, generator: torch.Generator
    ) -> TableLayer:
        function = SkipMlp(level.width, level.fan_in, self.width_n, self.skip, generator)
        quantiser = Quantiser(level.output_bits, level.output_signed)
        layer = TableLayer(wires, level.bits, function, quantiser, f"level{number}")
        if self.balanced:
            nn.init.constant_(layer.norm.bias, quantiser.middle)
        return layer
