"""Families whose tables are parameters themselves: single bits from thermometers to popcounts."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from lutra.data import Dataset
from lutra.nn._encoders import InputEncoder
from lutra.nn._integer_layer import IntegerLayer
from lutra.nn._model import Layer, LutModel
from lutra.nn._quantiser import Quantiser
from lutra.nn._table_layer import TableLayer
from lutra.nn._thermometer import (
    Distribution,
    LearnedThermometer,
    ThermometerEncoder,
    thermometer,
)
from lutra.nn._wiring import balanced_wiring, shuffled
from lutra.nn.families._family import FamilyModel, MemberWiring
from lutra.nn.families._levels import Bits, Level, Width, check_levels
from lutra.nn.functions import Direct

__all__ = ["DirectModel"]


class DirectModel(FamilyModel):
    """Layers of tables of single bits; the last has ``votes`` nodes per class, which are counted.

    The last layer is not among ``hidden_layers``. With a ``conditional`` head there is none.
    """

    mappings = ("random", "local", "select")

    thresholds: Annotated[int, Field(ge=1, le=1024)] = 1
    """Thermometer bits per feature."""
    distribution: Distribution = "quantile"
    """Where the thresholds lie: evenly, by a normal distribution, or by quantiles."""
    learn_thresholds: bool = False
    """Train the thresholds, from there."""
    hidden_layers: Annotated[list[Width], Field(max_length=64)]
    temperature: Annotated[float, Field(ge=1e-3, le=1e6)] | None = None
    """Divisor of the counts before the softmax, tau; None: ``0.24 votes**0.57``."""
    learn_temperature: bool = False
    residual: bool = False
    """Begin with tables that pass one input on (conv. DiffLogicNet, NeurIPS 2024)."""
    head: Literal["votes", "conditional"] = "votes"
    """Score classes by nodes of their own, which vote; or by every node of the last hidden layer,
    whose weight for each class is added where the node is 1 (LL-ViT's conditional summation)."""
    head_bitwidth: Bits = 8
    """Bits of such a weight."""
    spectral: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    """Strength of the penalty on the tables' spectra, see `lutra.nn.Direct.penalty`."""

    @property
    def fan_ins(self) -> int:
        """Inputs per table."""
        raise NotImplementedError

    def function(self, level: Level, generator: torch.Generator) -> Direct:
        """Return the tables of a level."""
        raise NotImplementedError

    def levels(self, classes: int) -> list[Level]:
        """Return the layers as levels, see `FamilyModel.levels`."""
        if self.head == "votes":
            widths = [*self.hidden_layers, classes * self.votes]
        elif not self.hidden_layers or self.votes > 1 or self.ensemble.members > 1:
            raise ValueError(
                "model.head = 'conditional' weighs the nodes of the last of hidden_layers: it "
                "needs one, votes = 1 and no ensemble"
            )
        else:
            widths = self.hidden_layers
        return check_levels([Level(width, self.fan_ins, 1, 1, False, False) for width in widths])

    def input_encoder(self, data: Dataset, copies: int = 1) -> InputEncoder:
        """Return the thermometers, fitted on the train part."""
        if copies > 1:
            raise ValueError("model.ensemble.inputs = 'own': thermometers have no copies")
        limits = thermometer(torch.from_numpy(data.train.x), self.thresholds, self.distribution)
        kind = LearnedThermometer if self.learn_thresholds else ThermometerEncoder
        return kind(limits, data.width, data.signed, data.image)

    def layers(
        self, name: str, level: Level, wires: Tensor, generator: torch.Generator
    ) -> list[Layer]:
        """Return the one layer of a level."""
        return [self.table_layer(name, level, wires, generator)]

    def table_layer(
        self, name: str, level: Level, wires: Tensor, generator: torch.Generator
    ) -> TableLayer:
        """Return a layer of tables without norms, see `FamilyModel.layers`."""
        quantiser = Quantiser(1, signed=False, threshold=1.0)
        quantiser.threshold.requires_grad_(False)
        function = self.function(level, generator)
        return TableLayer(wires, 1, function, quantiser, name, norm=False)

    def model(self, encoder: InputEncoder, layers: Sequence[Layer]) -> LutModel:
        """Return encoder and layers as a model whose logits are counts by temperature."""
        votes, members = self.votes, self.ensemble.members
        heat = self.temperature or 0.24 * (votes * members) ** 0.57
        scale = math.sqrt(votes * members) / heat
        return LutModel(
            encoder, layers, votes, members, scale=scale, learn_scale=self.learn_temperature
        )

    def build(
        self,
        encoder: InputEncoder,
        classes: int,
        generator: torch.Generator,
        wiring: MemberWiring | None = None,
    ) -> LutModel:
        """Return the network, see `FamilyModel.build`."""
        return self.with_head(
            super().build(encoder, classes, generator, wiring), classes, generator
        )

    def with_head(self, model: LutModel, classes: int, generator: torch.Generator) -> LutModel:
        """Return the model with what weighs its nodes, where ``head`` says so."""
        if self.head == "conditional":
            nodes = self.hidden_layers[-1]
            head = IntegerLayer(nodes, classes, None, self.head_bitwidth, "head", generator)
            model.levels.append(head)
            nn.init.constant_(model.logit_scale, 1 / (self.temperature or nodes**0.5) / head.top)
        return model

    def random_wiring(self, level: Level, features: int, generator: torch.Generator) -> Tensor:
        """Return wires that read every feature about equally often."""
        wires = balanced_wiring(level.width, level.fan_in, features, generator)
        return shuffled(wires, generator) if self.residual else wires

    def local_wiring(
        self, shape: tuple[int, int, int], window: int, classes: int, generator: torch.Generator
    ) -> list[Tensor]:
        """Return wires as every family does; of a chosen pixel, any of its thresholds."""
        first, *others = super().local_wiring(shape, window, classes, generator)
        which = torch.randint(self.thresholds, first.shape, generator=generator)
        return [first * self.thresholds + which, *others]
