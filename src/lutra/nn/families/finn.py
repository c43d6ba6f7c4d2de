"""A FINN-style baseline (FPGA 2017, arXiv 1612.07119): binarised and few-bit dense networks."""

import itertools
from typing import Annotated, Literal

import torch
from pydantic import Field

from lutra.nn._encoders import InputEncoder
from lutra.nn._integer_layer import IntegerLayer
from lutra.nn._model import LutModel
from lutra.nn._quantiser import Quantiser
from lutra.nn.families._fully_connected import FullyConnectedModel
from lutra.nn.families._levels import Bits, Width

__all__ = ["Finn"]


class Finn(FullyConnectedModel):
    """Dense layers of weights of few bits between codes of few bits: sums and thresholds."""

    family: Literal["finn"]
    hidden_layers: Annotated[list[Width], Field(min_length=1, max_length=64)]
    hidden_bitwidth: Bits = 1
    weight_bitwidth: Bits = 1
    """Bits per weight; one bit is a sign."""

    def network(self, encoder: InputEncoder, classes: int, generator: torch.Generator) -> LutModel:
        """Return the network, see `FullyConnectedModel`."""
        widths = [encoder.outputs, *self.hidden_layers, classes]
        layers = []
        for number, (features, neurons) in enumerate(itertools.pairwise(widths)):
            last = number == len(self.hidden_layers)
            quantiser = None if last else Quantiser(self.hidden_bitwidth, signed=True)
            layers.append(
                IntegerLayer(
                    *(features, neurons, quantiser, self.weight_bitwidth, f"layer{number}"),
                    generator,
                )
            )
        return LutModel(encoder, layers, scale=widths[-2] ** -0.5 / layers[-1].top)
