"""NeuraLUT (FPL 2024, arXiv 2403.00849): a dense sub-network with bypasses in every neuron."""

from typing import Annotated, Literal

import torch
from pydantic import Field

from lutra.nn.families._layered import LayeredModel
from lutra.nn.families._levels import Level
from lutra.nn.functions import SkipMlp, SubNetwork, TableFunction

__all__ = ["NeuraLut"]


class NeuraLut(LayeredModel):
    """``Q(BN(s(z)))``, s being a sub-network of L affine maps, see `lutra.nn.SubNetwork`."""

    family: Literal["neuralut"]
    depth: Annotated[int, Field(ge=1, le=64)] = 4
    """Affine maps per sub-network, L."""
    width_n: Annotated[int, Field(ge=1, le=1024)] = 16
    """Hidden width N."""
    skip_every: Annotated[int, Field(ge=0, le=64)] = 2
    """Maps that each bypass spans, S; 0 for no bypass."""

    def function(self, level: Level, generator: torch.Generator) -> TableFunction:
        """Return the sub-networks of a level; the shape that has kernels of its own by these."""
        if self.depth == 2 and self.skip_every in (0, 2):
            skip = self.skip_every == 2
            return SkipMlp(level.width, level.fan_in, self.width_n, skip, generator)
        return SubNetwork(
            level.width, level.fan_in, self.depth, self.width_n, self.skip_every, generator
        )

    @property
    def dense_hidden(self) -> int:
        """Hidden units per node in the dense phase; its network is two maps deep."""
        return self.width_n if self.depth > 1 else 0
