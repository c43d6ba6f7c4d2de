"""Uniform quantisers with a learned scale and exact integer codes."""

import torch
from torch import Tensor, nn

__all__ = ["Quantiser"]

_LEAST_THRESHOLD = 1e-6
_OFF_MIDDLE = 1e-3
"""Steps."""


class Quantiser(nn.Module):
    """``y = s * clamp(round(x / s), q_min, q_max)`` with one learned positive threshold t.

    Unsigned (after a ReLU): ``q`` in ``0 .. 2**bits - 1``, ``s = t / (2**bits - 1)``. Signed (an
    identity, ``narrow_range = False``): ``q`` in ``-2**(bits - 1) .. 2**(bits - 1) - 1``,
    ``s = t / 2**(bits - 1)``. Rounding is to nearest, ties to even; its gradient is passed
    straight through, and t is trained through s and the clamp. These are the integer activations
    of the LogicNets lineage. The code is ``q - q_min``, unsigned, as hardware stores it.

    Parameters
    ----------
    bits
        Bits per code, 1 to 8.
    signed
        Identity (True) or ReLU (False).
    threshold
        Initial t.
    """

    def __init__(self, bits: int, signed: bool, threshold: float = 1.33) -> None:
        super().__init__()
        if not 1 <= bits <= 8:
            raise ValueError(f"a quantiser has 1 to 8 bits, not {bits}")
        self.bits, self.signed = bits, signed
        self.q_min = -(1 << (bits - 1)) if signed else 0
        self.q_max = self.q_min + (1 << bits) - 1
        self.threshold = nn.Parameter(torch.tensor(threshold))

    @property
    def step(self) -> Tensor:
        """The real value of one code step, s."""
        divisor = 1 << (self.bits - 1) if self.signed else (1 << self.bits) - 1
        return self.threshold.abs().clamp_min(_LEAST_THRESHOLD) / divisor

    @property
    def levels(self) -> Tensor:
        """Real value of every code, without gradient. Shape (2**bits,)."""
        step = self.step.detach()
        codes = torch.arange(self.q_min, self.q_max + 1, device=step.device, dtype=step.dtype)
        return step * codes

    @property
    def middle(self) -> float:
        """The real value half-way between the least and the greatest level, and a little more.

        A norm that starts here gives neurons which never vary this very value; exactly half-way
        between two codes, rounding noise would choose theirs.
        """
        return float(self.step.detach()) * ((self.q_min + self.q_max) / 2 + _OFF_MIDDLE)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the quantised values, with gradient, and their codes (uint8)."""
        step = self.step
        ratio = x / step
        rounded = ratio + (ratio.round() - ratio).detach()
        # Adding the rounding error back is not exact in floating point; the codes are.
        q = ratio.detach().round().clamp(self.q_min, self.q_max)
        clamped = rounded.clamp(self.q_min, self.q_max)
        values = step * (clamped + (q - clamped).detach())
        return values, (q - self.q_min).to(torch.uint8)

    def extra_repr(self) -> str:
        """Return the settings for ``repr``."""
        return f"bits={self.bits}, signed={self.signed}"
