"""An accelerator for transformer encoders: systolic arrays and channel mixers of tables."""

from dataclasses import dataclass

from lutra.errors import LutraError

__all__ = ["Accelerator", "ll_vit"]


@dataclass(frozen=True)
class Accelerator:
    """Per encoder an output-stationary array for attention and one for the MLP, or a mixer.

    Parameters
    ----------
    side
        Processing elements per row and column of an array.
    clock
        Hz.
    slot_joule
        Of one processing element and clock, at weights and activations of eight bits.
    sum_joule
        Of one conditional addition to one channel, of values of four bits, with its share of
        everything else in the mixer.
    sums_per_clock
        Tables of the last layer that a mixer adds to all channels in one clock.
    encoders_per_mixer
        Encoders that take turns at one mixer (or at one MLP array).
    """

    side: int
    clock: float
    slot_joule: float
    sum_joule: float
    sums_per_clock: int = 1
    encoders_per_mixer: int = 1

    def __post_init__(self) -> None:
        whole = (self.side, self.sums_per_clock, self.encoders_per_mixer)
        if min(whole) < 1 or min(self.clock, self.slot_joule, self.sum_joule) <= 0:
            raise LutraError(f"{self}: sizes are 1 or more, clock and energies above 0")

    def product(self, rows: int, depth: int, columns: int, tokens: bool = False) -> int:
        """Return the cycles of a (rows, depth) x (depth, columns) matrix product.

        Tiles of outputs stay while ``depth`` passes; filling and draining hide behind the next
        tile. Where the depth is the token axis (``tokens``), it is padded to whole tiles, as the
        product before left it.
        """
        if tokens:
            depth = -(-depth // self.side) * self.side
        return -(-rows // self.side) * -(-columns // self.side) * depth


def ll_vit(side: int) -> Accelerator:
    """Return LL-ViT's accelerator (FPT 2025, arXiv 2511.00812) with arrays of some side.

    Its two energies are fitted, each on one published stage of an encoder of DeiT-T on arrays of
    32 x 32: 94.35 uJ for one matrix of the MLP, 32,256 cycles; 28.8 uJ for a mixer that adds 192
    tables to 192 channels of 197 tokens.
    """
    return Accelerator(
        side=side,
        clock=200e6,
        slot_joule=94.35e-6 / (32_256 * 32**2),
        sum_joule=28.8e-6 / (197 * 192 * 192),
    )
