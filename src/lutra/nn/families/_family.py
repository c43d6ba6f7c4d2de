"""What every family of networks shares: levels of tables and their wiring."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from lutra.data import Dataset
from lutra.nn._encoders import InputEncoder
from lutra.nn._model import Layer, LutModel
from lutra.nn._wiring import local_wiring, random_wiring, tree_wiring
from lutra.nn.families._levels import Level
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

    votes: Annotated[int, Field(ge=1, le=1 << 12)] = 1
    """Nodes of the last level per class; the class's score adds up their codes."""

    ensemble: Ensemble = Ensemble()

    mappings: ClassVar[tuple[str, ...]]
    """Ways to choose the wires, see `lutra.recipe.MappingConfig`."""

    @property
    def learns_encoder(self) -> bool:
        """Whether the input encoder has parameters to train."""
        return False

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

    def input_encoder(self, data: Dataset, copies: int = 1) -> InputEncoder:
        """Return the untrained encoder of a data set's features, ``copies`` times over.

        Raises
        ------
        ValueError
            It cannot encode such words.
        """
        raise NotImplementedError

    def layers(
        self, name: str, level: Level, wires: Tensor, generator: torch.Generator
    ) -> list[Layer]:
        """Return the layers that make up a level; ``wires`` are its nodes', (n, F)."""
        raise NotImplementedError

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
            See `input_encoder`.
        classes
            Number of outputs.
        generator
            Source of random wiring and initial weights.
        wiring
            Called for each member's wires, one tensor (n, F) per mapped level; None draws them
            at random.
        """
        levels, members = self.levels(classes), self.ensemble.members
        features = encoder.outputs // encoder.copies
        parts = [self._wires(levels, features, generator, wiring) for _ in range(members)]
        own = features if encoder.copies > 1 else 0
        wires = combine(parts, levels, own, classes) if members > 1 else parts[0]
        layers: list[Layer] = []
        for number, level in enumerate(widen(levels, members)):
            layers += self.layers(f"level{number}", level, wires[number], generator)
        return self.model(encoder, layers)

    def model(self, encoder: InputEncoder, layers: Sequence[Layer]) -> LutModel:
        """Return encoder and layers as a model."""
        return LutModel(encoder, layers, self.votes, self.ensemble.members)

    def random_wiring(self, level: Level, features: int, generator: torch.Generator) -> Tensor:
        """Return the wires of a level that none chooses, (n, F)."""
        return random_wiring(level.width, level.fan_in, features, generator)

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
                wires.append(self.random_wiring(level, features, generator))
            features = level.width
        return wires

    def local_wiring(
        self, shape: tuple[int, int, int], window: int, classes: int, generator: torch.Generator
    ) -> list[Tensor]:
        """Return wires, one tensor per mapped level: local on the pixels, random behind them.

        ``shape`` is (planes, height, width); of a pixel, any plane is read.
        """
        levels = self.levels(classes)
        leaves, root = 1, 0
        while root + 1 < len(levels) and levels[root + 1].tree:
            root += 1
            leaves *= levels[root].fan_in
        first = levels[0]
        trees = first.width // leaves
        planes, *image = shape
        pixels = local_wiring(trees, leaves, first.fan_in, (image[0], image[1]), window, generator)
        if planes > 1:
            plane = torch.randint(planes, pixels.shape, generator=generator)
            pixels += plane * math.prod(image)
        wires = [pixels]
        for before, level in itertools.pairwise(levels):
            if not level.tree:
                wires.append(self.random_wiring(level, before.width, generator))
        return wires
