"""Convolutional DiffLogicNet (NeurIPS 2024, arXiv 2411.04732): trees of gates at every position."""

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from lutra.nn._conv_layer import ConvLayer, patches
from lutra.nn._encoders import InputEncoder
from lutra.nn._model import Layer, LutModel
from lutra.nn._or_pool import OrPool
from lutra.nn._table_layer import TableLayer
from lutra.nn._thermometer import ThermometerEncoder
from lutra.nn._wiring import balanced_wiring, shuffled, tree_wiring
from lutra.nn.families._direct import DirectModel
from lutra.nn.families._family import MemberWiring
from lutra.nn.families._levels import Level
from lutra.nn.functions import BitGradient, Direct

__all__ = ["ConvDiffLogicNet", "Stage"]

_MOST_TABLES = 1 << 21
"""In the circuit of a stage: eleven times the published network for MNIST."""

Small = Annotated[int, Field(ge=1, le=64)]


class Stage(BaseModel):
    """One convolution, and the pooling behind it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kernels: Annotated[int, Field(ge=1, le=1 << 16)]
    side: Small = 3
    """Of the receptive field, a square."""
    depth: Annotated[int, Field(ge=1, le=8)] = 3
    """Levels of tables in a tree."""
    channels: Annotated[int, Field(ge=1, le=1 << 16)] = 2
    """Channels that a kernel reads; all where there are fewer."""
    stride: Small = 1
    padding: Annotated[int, Field(ge=0, le=64)] = 0
    """Rows and columns of zeros around the image."""
    pool: Annotated[int, Field(ge=1, le=4)] = 2
    """Side of the squares whose OR is taken; 1 for none."""


class ConvDiffLogicNet(DirectModel):
    """Convolutions whose kernels are trees of gates or of larger tables, then layers of them.

    What flows are rounded bits throughout, see `lutra.nn.families.DiffLogicNet`.
    """

    mappings = ("random", "select")

    family: Literal["conv-difflogicnet"]
    stages: Annotated[list[Stage], Field(min_length=1, max_length=16)]
    fan_in: Annotated[int, Field(ge=2, le=6)] = 2
    parametrisation: Literal["gates", "entries", "logits", "walsh"] = "gates"
    """What is trained: a mixture of the 16 gates as published, for larger tables see `Dwn`."""
    gradient: BitGradient = "difference"
    residual: bool = True
    """Begin with tables that pass their first input on."""

    @property
    def fan_ins(self) -> int:
        """Inputs per table."""
        return self.fan_in

    def function(self, level: Level, generator: torch.Generator) -> Direct:
        """Return the tables of a level."""
        return Direct(
            *(level.width, level.fan_in, self.parametrisation, self.gradient),
            residual=self.residual,
            spectral=self.spectral,
            generator=generator,
        )

    def build(
        self,
        encoder: InputEncoder,
        classes: int,
        generator: torch.Generator,
        wiring: MemberWiring | None = None,
    ) -> LutModel:
        """Return the network, see `FamilyModel.build`; wires are always drawn."""
        del wiring
        if self.ensemble.members > 1:
            raise ValueError("model.ensemble: a conv-difflogicnet has one member")
        if not isinstance(encoder, ThermometerEncoder) or encoder.image is None:
            raise ValueError("model.family = 'conv-difflogicnet' needs images")
        layers: list[Layer] = []
        bits = torch.arange(encoder.outputs).view(-1, *encoder.image, self.thresholds)
        image = bits.permute(0, 3, 1, 2).flatten(0, 1)
        for number, stage in enumerate(self.stages):
            found, image = self._stage(stage, image, f"conv{number}", generator)
            layers += found
        features = image.numel()
        if self.fan_in > features:
            raise ValueError(f"level0: fan-in {self.fan_in} exceeds {features} bits")
        for number, level in enumerate(self.levels(classes)):
            wires = self.random_wiring(level, features, generator)
            layers.append(self.table_layer(f"level{number}", level, wires, generator))
            features = level.width
        return self.with_head(self.model(encoder, layers), classes, generator)

    def _stage(
        self, stage: Stage, image: Tensor, name: str, generator: torch.Generator
    ) -> tuple[list[Layer], Tensor]:
        """Return a stage's layers and the image of their features, see `patches`."""
        height, width = (
            (size + 2 * stage.padding - stage.side) // stage.stride + 1 for size in image.shape[1:]
        )
        if min(height, width) < 1:
            raise ValueError(
                f"{name}: a receptive field of side {stage.side} exceeds the image, "
                f"{image.shape[1]} x {image.shape[2]}"
            )
        per_tree = sum(self.fan_in**depth for depth in range(stage.depth))
        if (count := stage.kernels * per_tree * height * width) > _MOST_TABLES:
            raise ValueError(
                f"{name}: {stage.kernels} kernels of {per_tree} tables at {height} x {width} "
                f"positions are {count:,} tables of a circuit, {_MOST_TABLES:,} at most: lower "
                "kernels or depth, or raise stride"
            )
        trees: list[TableLayer] = []
        for depth in range(stage.depth):
            nodes = stage.kernels * self.fan_in ** (stage.depth - 1 - depth)
            level = Level(nodes, self.fan_in, 1, 1, False, depth > 0)
            if depth:
                wires = tree_wiring(nodes, self.fan_in)
            else:
                wires = self._kernels(stage, len(image), name, generator)
            trees.append(self.table_layer(f"{name}_{depth}", level, wires, generator))
        taps = patches(image, stage.side, stage.stride, stage.padding)
        layers: list[Layer] = [ConvLayer(taps, trees, name)]
        if stage.pool > 1:
            layers.append(OrPool(stage.kernels, height, width, stage.pool, f"{name}_pool"))
            height, width = height // stage.pool, width // stage.pool
        shape = stage.kernels, height, width
        return layers, torch.arange(stage.kernels * height * width).view(shape)

    def _kernels(
        self, stage: Stage, channels: int, name: str, generator: torch.Generator
    ) -> Tensor:
        """Draw the taps that the leaves of every tree read, (kernels * leaves, fan_in)."""
        field, own = stage.side**2, min(stage.channels, channels)
        if self.fan_in > own * field:
            raise ValueError(f"{name}: kernels of fan-in {self.fan_in} over {own * field} taps")
        chosen = balanced_wiring(stage.kernels, own, channels, generator)
        taps = (chosen[:, :, None] * field + torch.arange(field)).flatten(1)
        leaves = self.fan_in ** (stage.depth - 1)
        drawn = [balanced_wiring(leaves, self.fan_in, own * field, generator) for _ in taps]
        wires = torch.cat([row[wires] for row, wires in zip(taps, drawn, strict=True)])
        return shuffled(wires, generator)
