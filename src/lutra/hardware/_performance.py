"""Latency, throughput and energy of a transformer on one accelerator: one design, all figures."""

from dataclasses import dataclass
from typing import Literal

from lutra.errors import RecipeError
from lutra.hardware._accelerator import Accelerator
from lutra.hardware._encoder import Stage, encoder_stages
from lutra.vit import Cct, LutMixer, Vit, token_count

__all__ = ["Headroom", "Performance", "headroom", "performance"]


@dataclass(frozen=True)
class Performance:
    """What the encoders of a model do on an accelerator; images are pipelined over encoders."""

    stages: tuple[Stage, ...]
    """Of one encoder."""
    layers: int
    accelerator: Accelerator

    def cycles(self, block: Literal["attention", "mixer"]) -> int:
        """Return the cycles of one encoder's ``attention`` or ``mixer``."""
        return sum(stage.cycles for stage in self.stages if stage.block == block)

    @property
    def latency(self) -> float:
        """Seconds of one image through all encoders."""
        cycles = sum(stage.cycles for stage in self.stages)
        return self.layers * cycles / self.accelerator.clock

    @property
    def interval(self) -> int:
        """Cycles from image to image, the longer of attention and all turns at one mixer."""
        turns = min(self.accelerator.encoders_per_mixer, self.layers)
        return max(self.cycles("attention"), turns * self.cycles("mixer"))

    @property
    def images_per_second(self) -> float:
        """Images a second."""
        return self.accelerator.clock / self.interval

    @property
    def encoder_joule(self) -> float:
        """Energy of one encoder, one image."""
        return sum(stage.joule for stage in self.stages)

    @property
    def joule(self) -> float:
        """Energy of all encoders, one image, of the stages alone."""
        return self.layers * self.encoder_joule

    @property
    def watt(self) -> float:
        """What the stages draw at full throughput."""
        return self.joule * self.images_per_second


@dataclass(frozen=True)
class Headroom:
    """How much more mixer the same interval has room for; one of the two, not both."""

    tables: int
    """In the last layer."""
    encoders: int
    """That one mixer can serve."""


def performance(model: Vit | Cct, image: tuple[int, int], accelerator: Accelerator) -> Performance:
    """Return what a model does on an accelerator, for images of (height, width).

    Raises
    ------
    RecipeError
        The image does not divide into patches.
    """
    tokens = token_count(model, image)
    return Performance(encoder_stages(model, tokens, accelerator), model.layers, accelerator)


def headroom(model: Vit | Cct, image: tuple[int, int], accelerator: Accelerator) -> Headroom:
    """Return how far the mixer can grow while attention still sets the interval.

    Raises
    ------
    RecipeError
        The mixer has no tables, or the image does not divide into patches.
    """
    if not isinstance(model.mixer, LutMixer):
        raise RecipeError("only a mixer of tables has last tables to add: choose kind 'lut'")
    found = performance(model, image, accelerator)
    clocks = found.cycles("attention") // token_count(model, image)
    encoders = found.cycles("attention") // found.cycles("mixer")
    return Headroom(clocks * accelerator.sums_per_clock, min(encoders, model.layers))
