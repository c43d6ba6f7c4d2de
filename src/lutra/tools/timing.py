"""What a post-synthesis depth lets expect of the clock: an estimate, between two bounds."""

from dataclasses import dataclass

__all__ = ["Timing", "estimate_timing"]

_REGISTERS = 0.077 + 0.050 + 0.025
"""Clock to output, from a LUT into the flip-flop beside it, setup; ns."""
_LUT = 0.150
"""From the slowest input of a LUT6 to its output, ns."""
_NET = (0.043, 0.790)
"""From one LUT to the next: a single hop, and the most that a published clock rate implies; ns."""

Range = tuple[float, float]
"""The least and the most that is expected."""


@dataclass(frozen=True)
class Timing:
    """What a clock could be, from cells alone: neither placed nor routed, not calibrated.

    Parameters
    ----------
    period
        Of the clock, ns.
    latency
        From input to output, ns.
    area_delay
        LUTs times latency, as the literature of LUT networks has it; LUT ns.
    kind
        Always ``estimate``; what it was made of is post-synthesis.
    """

    period: Range
    latency: Range
    area_delay: Range
    kind: str = "estimate"


def estimate_timing(levels: int, cycles: int, lut: int) -> Timing:
    """Estimate the timing of a design on UltraScale+ from its post-synthesis figures.

    Parameters
    ----------
    levels
        Most LUTs between registers or ports; carries and multiplexers count nothing, here neither.
    cycles
        Latency; of none, the one path through is the latency.
    lut
        Number of LUTs.

    Notes
    -----
    Cell delays are those of RapidWright's UltraScale+ model, version 0.5. No one net delay
    explains the clock rates published for LUT networks: they imply 26 to 790 ps per level, the
    lower ones less than a single hop takes. So the range is wide on purpose, and says nothing about
    congestion or a device's greatest clock rate.

    Raises
    ------
    ValueError
        A figure is negative.
    """
    if min(levels, cycles, lut) < 0:
        raise ValueError(f"{levels} levels, {cycles} cycles, {lut} LUTs; expected 0 or more")
    nets = max(levels, 1)  # a bit goes some way even between two registers
    low, high = (_REGISTERS + levels * _LUT + nets * net for net in _NET)
    times = max(cycles, 1)
    return Timing((low, high), (low * times, high * times), (low * times * lut, high * times * lut))
