"""The parameters of a weightless network, as a recipe has them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lutra.nn import Distribution

__all__ = ["Bthowen", "Uleen"]

TupleBits = Annotated[int, Field(ge=1, le=1024)]
AddressBits = Annotated[int, Field(ge=1, le=16)]
Hashes = Annotated[int, Field(ge=1, le=8)]


class Bthowen(BaseModel):
    """BTHOWeN (PACT 2022, arXiv 2203.01479): counting Bloom filters, filled in one pass."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    family: Literal["bthowen"]
    thresholds: Annotated[int, Field(ge=1, le=64)] = 2
    """Thermometer bits per feature."""
    distribution: Distribution = "gaussian"
    """Where the thresholds lie."""
    tuple_bits: TupleBits = 28
    """Encoded bits that each filter reads, t; what does not fill a filter is left out."""
    address_bits: AddressBits = 10
    """Bits per hash: a filter has ``2**address_bits`` entries."""
    hashes: Hashes = 2
    """Hash functions per filter."""


class Uleen(BaseModel):
    """ULEEN (TACO 2023, arXiv 2304.10618): Bloom filters that gradients train, in submodels."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    family: Literal["uleen"]
    thresholds: Annotated[int, Field(ge=1, le=64)] = 2
    """Thermometer bits per feature."""
    distribution: Distribution = "gaussian"
    """Where the thresholds lie."""
    window: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Side of squares of pixels from which a tuple's bits come; without one, from anywhere."""
    tuple_bits: Annotated[list[TupleBits], Field(min_length=1, max_length=64)] = [12, 16, 20]
    """Encoded bits that each filter reads: one number per submodel."""
    address_bits: Annotated[list[AddressBits], Field(min_length=1, max_length=64)] = [6, 6, 6]
    """Bits per hash: one number per submodel."""
    hashes: Hashes = 2
    """Hash functions per filter."""
    temperature: Annotated[float, Field(ge=1e-3, le=1e6)] = 1.0
    """Divisor of scores in the loss."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of answers that a step leaves out, those of all classes to a tuple at once."""
    prune: Annotated[float, Field(ge=0, lt=1)] = 0.3
    """Share of every class's filters left out after a first training of ``train.epochs``."""
    tune_epochs: Annotated[int, Field(ge=1, le=100_000)] = 30
    """Length of the training of what is left."""
    tune_rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Its first learning rate, as a share of ``train.learning_rate``."""

    @model_validator(mode="after")
    def _check(self) -> "Uleen":
        if len(self.tuple_bits) != len(self.address_bits):
            raise ValueError(
                f"tuple_bits names {len(self.tuple_bits)} submodels, address_bits "
                f"{len(self.address_bits)}: give each one number per submodel"
            )
        return self
