"""What every family shares: levels of tables, their wiring, and the dense phase of mapping."""

import itertools
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from lutra.nn._dense import DenseLayer
from lutra.nn._encoders import InputEncoder
from lutra.nn._model import Layer, LutModel
from lutra.nn._quantiser import Quantiser
from lutra.nn._table_layer import TableLayer
from lutra.nn._wiring import local_wiring, random_wiring, tree_wiring
from lutra.nn.families._levels import Bits, Level
from lutra.nn.families.amigolut import Ensemble, combine, widen
from lutra.nn.functions import TableFunction

__all__ = ["FamilyModel", "MemberWiring"]

MemberWiring = Callable[[], Sequence[Tensor]]
"""Returns a member's wires, one tensor (n, F) per mapped level."""


class FamilyModel(BaseModel):
    """A family's parameters, and the networks that they describe.

    A family says what its `levels` are and what a node computes (`function`).
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    encoder: Literal["learned", "uniform"] = "learned"
    """Input quantiser: learned as published, or the raw word's top bits, which cost nothing."""
    input_bitwidth: Bits
    balanced: bool = False
    """Start every level's norm in the middle of its quantiser, so that codes begin evenly used;
    published networks start at zero, where one bit is the same for three samples in four."""
    votes: Annotated[int, Field(ge=1, le=1 << 12)] = 1
    """Nodes of the last level per class; the class's score adds up their codes."""

    ensemble: Ensemble = Ensemble()

    def levels(self, classes: int) -> list[Level]:
        """Return the levels of a network with this many outputs.

        Raises
        ------
        ValueError
            The widths do not fit one another, or a table would need more than 16 address bits.
        """
        raise NotImplementedError

    def function(self, level: Level, generator: torch.Generator) -> TableFunction:
        """Return what the nodes of a level compute."""
        raise NotImplementedError

    def quantiser(self, level: Level) -> Quantiser:
        """Return the untrained quantiser of a level's codes."""
        return Quantiser(level.output_bits, level.output_signed)

    @property
    def dense_hidden(self) -> int:
        """Hidden units per node in the dense phase of learned mapping; 0 for a linear one."""
        return 0

    def build(
        self,
        encoder: InputEncoder,
        classes: int,
        generator: torch.Generator,
        wiring: MemberWiring | None = None,
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
            Called for each member's wires, one tensor (n, F) per mapped level; None draws them
            at random.
        """
        levels, members = self.levels(classes), self.ensemble.members
        features = encoder.inputs
        parts = [self._wires(levels, features, generator, wiring) for _ in range(members)]
        own = features if encoder.copies > 1 else 0
        wires = combine(parts, levels, own, classes) if members > 1 else parts[0]
        layers: list[Layer] = []
        for number, level in enumerate(widen(levels, members)):
            layers += self.layers(f"level{number}", level, wires[number], generator)
        return LutModel(encoder, layers, self.votes, members)

    def _wires(
        self,
        levels: Sequence[Level],
        features: int,
        generator: torch.Generator,
        wiring: MemberWiring | None,
    ) -> list[Tensor]:
        given = None if wiring is None else iter(wiring())
        wires = []
        for level in levels:
            if level.tree:
                wires.append(tree_wiring(level.width, level.fan_in))
            elif given is not None:
                wires.append(next(given))
            else:
                wires.append(random_wiring(level.width, level.fan_in, features, generator))
            features = level.width
        return wires

    def layers(
        self, name: str, level: Level, wires: Tensor, generator: torch.Generator
    ) -> list[Layer]:
        """Return the layers that make up a level; ``wires`` are its nodes', (n, F)."""
        function, quantiser = self.function(level, generator), self.quantiser(level)
        layer = TableLayer(wires, level.bits, function, quantiser, name, mapped=not level.tree)
        return [self._balance(layer)]

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
        features, layers = encoder.outputs, []
        for number, level in enumerate(self.levels(classes)):
            if level.tree:
                wires = tree_wiring(level.width, level.fan_in)
                layers += self.layers(f"level{number}", level, wires, generator)
            else:
                shape = (features, level.width, self.dense_hidden if hidden else 0)
                layers.append(DenseLayer(*shape, self.quantiser(level), generator))
            features = level.width
        return LutModel(encoder, layers, self.votes)

    def wiring(self, dense: LutModel, classes: int) -> list[Tensor]:
        """Return the wires that a trained dense phase selects, one tensor per mapped level."""
        mapped = [level for level in self.levels(classes) if not level.tree]
        twins = [layer for layer in dense.levels if isinstance(layer, DenseLayer)]
        return [twin.top_inputs(level.fan_in) for twin, level in zip(twins, mapped, strict=True)]

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
        for before, level in itertools.pairwise(levels):
            if not level.tree:
                wires.append(random_wiring(level.width, level.fan_in, before.width, generator))
        return wires

    def _balance(self, layer: TableLayer) -> TableLayer:
        if self.balanced:
            nn.init.constant_(layer.norm.bias, layer.quantiser.middle)
        return layer
