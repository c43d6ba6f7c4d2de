"""DWN (ICML 2024, arXiv 2410.11112): tables trained by differences of their entries."""

from typing import Annotated, Literal

import torch
from pydantic import Field

from lutra.nn.families._direct import DirectModel
from lutra.nn.families._levels import Level
from lutra.nn.functions import BitGradient, Direct

__all__ = ["Dwn"]


class Dwn(DirectModel):
    """Tables of ``fan_in`` bits; their entries are real, and an output bit is an entry's sign."""

    family: Literal["dwn"]
    fan_in: Annotated[int, Field(ge=1, le=8)] = 6
    parametrisation: Literal["entries", "logits", "walsh"] = "entries"
    """What is trained: the entries as published, logits of them, or their Walsh coefficients."""
    gradient: BitGradient = "extended"
    """What an input bit is told: by the neighbouring entry, or by all as released or published."""
    softness: Annotated[float, Field(ge=0.5, le=1)] = 0.75
    """Weight of the near entries in ``extended``; 1 takes the neighbour alone."""
    relaxed: bool = False
    """Let real values flow while training, rounded in the end alone; not for ``entries``."""

    @property
    def fan_ins(self) -> int:
        """Inputs per table."""
        return self.fan_in

    def function(self, level: Level, generator: torch.Generator) -> Direct:
        """Return the tables of a level."""
        return Direct(
            *(level.width, level.fan_in, self.parametrisation, self.gradient, self.softness),
            *(self.residual, self.spectral, self.relaxed),
            generator=generator,
        )
