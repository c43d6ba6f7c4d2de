"""Sections of a recipe: what all have in common, and those of what training does to its rows."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AugmentConfig", "Fraction", "MixConfig", "Section"]

Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A table of a recipe: no unknown keys, no conversions, no changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AugmentConfig(Section):
    """Random distortion of images before encoding, one draw per sample and step."""

    shift: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Greatest shift, pixels."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Greatest rotation, degrees."""
    scale: Fraction = 0.0
    """Greatest relative change of size."""
    crop: Annotated[int, Field(ge=0, le=1000)] = 0
    """Greatest shift by whole pixels, which blurs nothing."""
    mirror: bool = False
    """Exchange left and right, in every second image on average."""
    elastic: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Standard deviation of the elastic displacement, pixels."""
    elastic_smooth: Annotated[float, Field(gt=0, le=100)] = 4.0
    """Standard deviation of its Gaussian smoothing, pixels."""
    rand_operations: Annotated[int, Field(ge=0, le=16)] = 0
    """RandAugment's operations per image, of movement and of colour, each left out half the time;
    DeiT takes 2."""
    rand_magnitude: Annotated[float, Field(ge=0, le=10)] = 9.0
    """Their mean strength."""
    erase: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the images that get a box of noise; DeiT takes a quarter."""

    @property
    def warps(self) -> bool:
        """Whether images are moved or bent."""
        return self.mirror or max(self.shift, self.rotate, self.scale, self.elastic) > 0

    @property
    def paints(self) -> bool:
        """Whether pixels are changed in ways that need 8 bits."""
        return self.rand_operations > 0 or self.erase > 0

    @property
    def active(self) -> bool:
        """Whether anything is distorted."""
        return self.warps or self.paints or self.crop > 0


class MixConfig(Section):
    """Training on mixtures of two rows, by one share per step from a Beta distribution; with both
    ways on, each is taken in half of the steps."""

    mixup: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Both of the distribution's parameters where features are averaged, 0 for never; DeiT takes
    0.8."""
    cutmix: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """The same where a box of an image is exchanged; DeiT takes 1."""

    @property
    def active(self) -> bool:
        """Whether anything is mixed."""
        return max(self.mixup, self.cutmix) > 0
