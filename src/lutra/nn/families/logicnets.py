"""LogicNets (FPL 2020, arXiv 2004.03021): linear neurons of few, randomly chosen inputs."""

from typing import Literal

import torch

from lutra.nn.families._layered import LayeredModel
from lutra.nn.families._levels import Level
from lutra.nn.functions import Polynomial

__all__ = ["LogicNets"]


class LogicNets(LayeredModel):
    """``Q(BN(w . z))``."""

    family: Literal["logicnets"]

    def function(self, level: Level, generator: torch.Generator) -> Polynomial:
        """Return the neurons of a level: polynomials of degree 1."""
        return Polynomial(level.width, level.fan_in, generator=generator)
