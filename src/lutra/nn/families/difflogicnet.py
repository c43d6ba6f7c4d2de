"""DiffLogicNet (NeurIPS 2022, arXiv 2210.08277): networks of two-input gates."""

from typing import Literal

import torch

from lutra.nn.families._direct import DirectModel
from lutra.nn.families._levels import Level
from lutra.nn.functions import Direct

__all__ = ["DiffLogicNet"]


class DiffLogicNet(DirectModel):
    """Every node mixes the 16 gates of two inputs; the bit that flows is the mixture's, rounded.

    The published training lets mixtures flow and rounds in the end, which costs accuracy at the
    end and epochs on the way; rounding throughout costs neither (Mind the Gap, arXiv 2506.07500),
    and is the default here.
    """

    family: Literal["difflogicnet"]
    relaxed: bool = False
    """Let mixtures flow while training, as published."""
    gumbel: bool = False
    """Choose gates while training by logits with Gumbel noise (Mind the Gap)."""

    @property
    def fan_ins(self) -> int:
        """Inputs per gate."""
        return 2

    def function(self, level: Level, generator: torch.Generator) -> Direct:
        """Return the gates of a level."""
        return Direct(
            *(level.width, 2, "gates", "difference"),
            residual=self.residual,
            spectral=self.spectral,
            relaxed=self.relaxed,
            gumbel=self.gumbel,
            generator=generator,
        )
