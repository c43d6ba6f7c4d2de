"""PolyLUT (FPT 2023, arXiv 2309.02334) and PolyLUT-Add (FPL 2024, arXiv 2406.04910)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from lutra.nn._adder import Adder
from lutra.nn._model import Layer
from lutra.nn._quantiser import Quantiser
from lutra.nn._table_layer import TableLayer
from lutra.nn.families._layered import LayeredModel
from lutra.nn.families._levels import Level
from lutra.nn.functions import Identity, Polynomial

__all__ = ["PolyLut", "PolyLutAdd"]

Degree = Annotated[int, Field(ge=1, le=12)]


class PolyLut(LayeredModel):
    """``Q(BN(w . m(z)))``, m being the monomials of up to ``degree``; degree 1 is LogicNets."""

    family: Literal["polylut"]
    degree: Degree

    def function(self, level: Level, generator: torch.Generator) -> Polynomial:
        """Return the neurons of a level."""
        return Polynomial(level.width, level.fan_in, self.degree, generator=generator)


class PolyLutAdd(LayeredModel):
    """Neurons of ``adders`` sub-neurons, each a table over inputs of its own, and their mean.

    ``y = Q(BN(mean_a p_a))`` with ``p_a = Q(w_a . m(z_a) + b_a)``, signed and one bit wider than y.
    The fan-ins are a sub-neuron's. The published hardware reads all p_a in one table; here an
    integer sum stands before a table that is as narrow as the sum, which computes the same.
    """

    family: Literal["polylut-add"]
    degree: Degree
    adders: Annotated[int, Field(ge=1, le=64)] = 2
    """Sub-neurons per neuron, A."""

    @property
    def branches(self) -> int:
        """Tables per node."""
        return self.adders

    def layers(
        self, name: str, level: Level, wires: Tensor, generator: torch.Generator
    ) -> list[Layer]:
        """Return sub-neurons, adder and neuron."""
        count, fan_in = level.width * self.adders, level.fan_in // self.adders
        function = Polynomial(count, fan_in, self.degree, True, generator)
        quantiser = Quantiser(level.output_bits + 1, signed=True)
        wires = wires.reshape(count, fan_in)
        parts = TableLayer(wires, level.bits, function, quantiser, f"{name}_part", norm=False)
        adder = Adder(level.width, self.adders, quantiser.bits, f"{name}_sum")
        whole = TableLayer(
            torch.arange(level.width)[:, None],
            adder.bits,
            Identity(level.width),
            self.quantiser(level),
            name,
            mapped=False,
        )
        return [parts, adder, self._balance(whole)]
