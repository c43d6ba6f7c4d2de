"""Kolmogorov-Arnold networks of one-input tables: KANELE (FPGA 2026), HGQ-LUT (FCCM 2026)."""

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field

from lutra.nn._edge_layer import EdgeLayer
from lutra.nn._encoders import InputEncoder
from lutra.nn._model import LutModel
from lutra.nn.families._fully_connected import FullyConnectedModel
from lutra.nn.families._levels import Bits, Width

__all__ = ["Kan"]


class Kan(FullyConnectedModel):
    """Layers of `lutra.nn.EdgeLayer`; every node sees every input until its edge is pruned."""

    family: Literal["kan"]
    hidden_layers: Annotated[list[Width], Field(default_factory=list)]
    hidden_bitwidth: Bits = 6
    width_n: Annotated[int, Field(ge=1, le=1024)] = 8
    """Hidden width of an edge's network."""
    lut_budget: Annotated[int, Field(ge=1)] | None = None
    """LUT6 that tables and sums may take, by the layers' own estimate; training prices them until
    it is met. None: as many as they like."""

    def network(self, encoder: InputEncoder, classes: int, generator: torch.Generator) -> LutModel:
        """Return the network, see `FullyConnectedModel`."""
        widths = [encoder.outputs, *self.hidden_layers, classes]
        bits = [self.input_bitwidth, *[self.hidden_bitwidth] * len(self.hidden_layers)]
        ends: Sequence[int | None] = [*bits[1:], None]
        shapes = zip(itertools.pairwise(widths), bits, ends, strict=True)
        layers = [
            EdgeLayer(*sizes, before, after, self.width_n, f"layer{number}", generator)
            for number, (sizes, before, after) in enumerate(shapes)
        ]
        return LutModel(encoder, layers, budget=self.lut_budget)
