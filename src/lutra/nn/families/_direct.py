"""Families whose tables are parameters themselves: single bits from thermometers to popcounts."""

import math
from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from lutra.data import Dataset
from lutra.nn._encoders import InputEncoder
from lutra.nn._model import Layer, LutModel
from lutra.nn._quantiser import Quantiser
from lutra.nn._table_layer import TableLayer
from lutra.nn._thermometer import Distribution, ThermometerEncoder, thermometer
from lutra.nn._wiring import balanced_wiring
from lutra.nn.families._family import FamilyModel
from lutra.nn.families._levels import Level, Width, check_levels
from lutra.nn.functions import Direct

__all__ = ["DirectModel"]


class DirectModel(FamilyModel):
    """Layers of tables of single bits; the last has ``votes`` nodes per class, which are counted.

    The last layer is not among ``hidden_layers``.
    """

    mappings = ("random", "local", "select")

    thresholds: Annotated[int, Field(ge=1, le=1024)] = 1
    """Thermometer bits per feature."""
    distribution: Distribution = "quantile"
    """Where the thresholds lie: evenly, by a normal distribution, or by quantiles."""
    hidden_layers: Annotated[list[Width], Field(max_length=64)]
    temperature: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Divisor of the counts before the softmax, tau; None: ``0.24 votes**0.57``."""
    learn_temperature: bool = False

    @property
    def fan_ins(self) -> int:
        """Inputs per table."""
        raise NotImplementedError

    def function(self, level: Level, generator: torch.Generator) -> Direct:
        """Return the tables of a level."""
        raise NotImplementedError

    def levels(self, classes: int) -> list[Level]:
        """Return the layers as levels, see `FamilyModel.levels`."""
        widths = [*self.hidden_layers, classes * self.votes]
        return check_levels([Level(width, self.fan_ins, 1, 1, False, False) for width in widths])

    def input_encoder(self, data: Dataset, copies: int = 1) -> InputEncoder:
        """Return the thermometers, fitted on the train part."""
        if copies > 1:
            raise ValueError("model.ensemble.inputs = 'own': thermometers have nothing to learn")
        limits = thermometer(torch.from_numpy(data.train.x), self.thresholds, self.distribution)
        return ThermometerEncoder(limits, data.width, data.signed, data.image)

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

    def random_wiring(self, level: Level, features: int, generator: torch.Generator) -> Tensor:
        """Return wires that read every feature about equally often."""
        return balanced_wiring(level.width, level.fan_in, features, generator)

    def local_wiring(
        self, image: tuple[int, int], window: int, classes: int, generator: torch.Generator
    ) -> list[Tensor]:
        """Return wires as every family does; of a chosen pixel, any of its thresholds."""
        first, *others = super().local_wiring(image, window, classes, generator)
        which = torch.randint(self.thresholds, first.shape, generator=generator)
        return [first * self.thresholds + which, *others]
