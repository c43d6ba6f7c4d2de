"""Sections of a recipe: what all have in common, and those of what training shows a model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "AcceleratorConfig",
    "AugmentConfig",
    "DistillConfig",
    "Epochs",
    "Fraction",
    "MixConfig",
    "Section",
]

Epochs = Annotated[int, Field(ge=1, le=100_000)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """A table of a recipe: no unknown keys, no conversions, no changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AcceleratorConfig(Section):
    """The accelerator of a vision transformer; see `lutra.hardware.Accelerator`."""

    side: Annotated[int, Field(ge=4, le=64)] = 16
    """Processing elements per row and column of an array."""
    sums_per_clock: Annotated[int, Field(ge=1, le=64)] = 1
    """Tables of a mixer's last layer that are added in one clock."""
    encoders_per_mixer: Annotated[int, Field(ge=1, le=64)] = 1
    """Encoders that take turns at one mixer."""
    clock: Annotated[float, Field(gt=0, le=2000)] = 200.0
    """MHz that throughput is told for."""
    images: Annotated[int, Field(ge=2, le=1_000_000)] = 100
    """Of the test part, that the whole accelerator is simulated with."""


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


class DistillConfig(Section):
    """Learning from a teacher: a dense network that is trained first on the same rows, or, for
    vision transformers, another one's finished training."""

    weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the teacher's scores in the loss; 0 for no teacher."""
    kind: Literal["soft", "hard"] = "soft"
    """What is learned from it: its scores, or, as in DeiT, the class that it would choose."""
    teacher: str | None = None
    """Run folder of a trained vision transformer on the same data; None trains a dense network."""
    temperature: Annotated[float, Field(ge=0.01, le=1000)] = 3.0
    """Divisor of both sides' logits where they are compared."""
    epochs: Epochs = 6
    """Length of the dense teacher's training."""

    @model_validator(mode="after")
    def _check(self) -> "DistillConfig":
        if not self.weight and (self.teacher is not None or self.kind != "soft"):
            raise ValueError("kind and teacher are of no use without weight")
        return self
