"""Families whose nodes are sums over every input: there is nothing to map."""

import torch

from lutra.nn._encoders import InputEncoder
from lutra.nn._model import LutModel
from lutra.nn.families._family import MemberWiring
from lutra.nn.families._levels import Level
from lutra.nn.families._quantised import QuantisedModel

__all__ = ["FullyConnectedModel"]


class FullyConnectedModel(QuantisedModel):
    """Layers of sums; a family says what is summed (`network`)."""

    def levels(self, classes: int) -> list[Level]:
        """Return no levels: nothing is mapped."""
        del classes
        return []

    def build(
        self,
        encoder: InputEncoder,
        classes: int,
        generator: torch.Generator,
        wiring: MemberWiring | None = None,
    ) -> LutModel:
        """Return the network, see `FamilyModel.build`; ``wiring`` has no meaning here."""
        del wiring
        if self.ensemble.members > 1 or self.votes > 1:
            raise ValueError("neither members nor votes are possible: nodes are sums already")
        return self.network(encoder, classes, generator)

    def network(self, encoder: InputEncoder, classes: int, generator: torch.Generator) -> LutModel:
        """Return the network of one member."""
        raise NotImplementedError
