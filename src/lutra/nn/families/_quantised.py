"""Families of quantised neurons: norm and quantiser behind every table, dense phase of mapping."""

from typing import Literal

import torch
from torch import Tensor, nn

from lutra.data import Dataset
from lutra.nn._dense import DenseLayer
from lutra.nn._encoders import InputEncoder, LearnedEncoder, UniformEncoder
from lutra.nn._model import Layer, LutModel
from lutra.nn._quantiser import Quantiser
from lutra.nn._table_layer import TableLayer
from lutra.nn._wiring import tree_wiring
from lutra.nn.families._family import FamilyModel
from lutra.nn.families._levels import Bits, Level

__all__ = ["QuantisedModel"]


class QuantisedModel(FamilyModel):
    """Neurons of quantised values: a family says what a node computes."""

    encoder: Literal["learned", "uniform"] = "learned"
    """Input quantiser: learned as published, or the raw word's top bits, which cost nothing."""
    input_bitwidth: Bits
    balanced: bool = False
    """Start every level's norm in the middle of its quantiser, so that codes begin evenly used;
    published networks start at zero, where one bit is the same for three samples in four."""

    mappings = ("learned", "local", "random", "select", "regrow")

    @property
    def learns_encoder(self) -> bool:
        """Whether the input encoder has parameters to train."""
        return self.encoder == "learned"

    def input_encoder(self, data: Dataset, copies: int = 1) -> InputEncoder:
        """Return the input encoder, see `FamilyModel.input_encoder`."""
        kind = LearnedEncoder if self.encoder == "learned" else UniformEncoder
        features = data.train.x.shape[1]
        return kind(features, data.width, data.signed, self.input_bitwidth, copies)

    def quantiser(self, level: Level) -> Quantiser:
        """Return the untrained quantiser of a level's codes."""
        return Quantiser(level.output_bits, level.output_signed)

    @property
    def dense_hidden(self) -> int:
        """Hidden units per node in the dense phase of learned mapping; 0 for a linear one."""
        return 0

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

    def _balance(self, layer: TableLayer) -> TableLayer:
        if self.balanced:
            nn.init.constant_(layer.norm.bias, layer.quantiser.middle)
        return layer
