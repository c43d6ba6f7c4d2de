"""What is known of an accelerator: its clocks, and what its blocks take."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lutra.sections import AcceleratorConfig

__all__ = ["AcceleratorFigures", "BlockArea", "BlockClocks"]

Count = Annotated[int, Field(ge=0)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class BlockClocks(_Record):
    """Clocks per image of a block alone: by the closed form, and in simulation."""

    name: str
    expected: Count
    measured: Count


class BlockArea(_Record):
    """What a block takes, all that is in it; ``block_rams`` of 36 kbit."""

    name: str
    kind: Literal["post-synthesis"] = "post-synthesis"
    lut: Count
    ff: Count
    dsp: Count
    block_rams: Annotated[float, Field(ge=0)]


class AcceleratorFigures(_Record):
    """One design, all figures.

    ``latency`` and ``interval`` are clocks from the first pixel to the last score, and from image
    to image, in simulation; ``joule`` is the energy that the stages of the encoders take for an
    image by the closed form, see `lutra.hardware.performance`; ``weight_bits`` those of all
    memories that are loaded with the device.
    """

    side: Count
    sums_per_clock: Count
    encoders_per_mixer: Count
    clock_mhz: Annotated[float, Field(gt=0)]
    images: Count
    latency: Count
    interval: Count
    joule: Annotated[float, Field(ge=0)]
    weight_bits: Count
    clocks: tuple[BlockClocks, ...]
    areas: tuple[BlockArea, ...] = ()

    def describes(self, asked: AcceleratorConfig) -> bool:
        """Whether these are figures of the design that is asked for."""
        own = (self.side, self.sums_per_clock, self.encoders_per_mixer, self.clock_mhz)
        return own == (asked.side, asked.sums_per_clock, asked.encoders_per_mixer, asked.clock)

    @property
    def images_per_second(self) -> float:
        """Throughput at the clock that is aimed at; whether it is reached, no figure here says."""
        return self.clock_mhz * 1e6 / self.interval

    @property
    def milliseconds(self) -> float:
        """Latency at that clock."""
        return self.latency / self.clock_mhz / 1e3
