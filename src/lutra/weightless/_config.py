"""The parameters of a weightless network, as a recipe has them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lutra.nn import Distribution

__all__ = ["Bthowen"]


class Bthowen(BaseModel):
    """BTHOWeN (PACT 2022, arXiv 2203.01479): counting Bloom filters, filled in one pass."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    family: Literal["bthowen"]
    thresholds: Annotated[int, Field(ge=1, le=64)] = 2
    """Thermometer bits per feature."""
    distribution: Distribution = "gaussian"
    """Where the thresholds lie."""
    tuple_bits: Annotated[int, Field(ge=1, le=1024)] = 28
    """Encoded bits that each filter reads, t; what does not fill a filter is left out."""
    address_bits: Annotated[int, Field(ge=1, le=16)] = 10
    """Bits per hash: a filter has ``2**address_bits`` entries."""
    hashes: Annotated[int, Field(ge=1, le=8)] = 2
    """Hash functions per filter."""
