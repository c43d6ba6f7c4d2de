"""Ranges of activations, and the scales that follow from them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lutra.nn.vision._values import STEPS

__all__ = ["Range", "Ranged", "update_ranges"]

_MOMENTUM = 0.95
"""Of a range's running maximum, as in I-ViT."""
_FALL = 0.999
"""How slowly the range of the residual stream shrinks."""
_DEVIATIONS = 5.0
"""That the greatest of a million normal values is away from 0."""


class Range(nn.Module):
    """The greatest magnitude that an activation has, averaged over the training steps.

    A step looks at the range of the steps before it, so that it does not matter in which parts,
    or on how many processes, its batch is evaluated; `update_ranges` then takes in what it met.

    Parameters
    ----------
    stream
        Of the residual stream, which is observed at many places and must not overflow: follow a
        greater maximum at once, and shrink slowly.
    """

    def __init__(self, stream: bool = False) -> None:
        super().__init__()
        self.stream = stream
        self.peak: Tensor
        self.register_buffer("peak", torch.zeros(()))
        self.met: Tensor
        self.register_buffer("met", torch.zeros(()), persistent=False)

    @torch.no_grad()
    def observe(self, real: Tensor) -> None:
        """Take note of real values in training."""
        if self.training:
            least, most = real.detach().aminmax()
            torch.maximum(self.met, torch.maximum(-least, most).float(), out=self.met)

    def scale(self, bits: int) -> Tensor:
        """Return the real value of code 1 where the range takes so many bits; float64."""
        top = _DEVIATIONS / STEPS[bits - 1] if bits <= len(STEPS) else (1 << (bits - 1)) - 1
        return self.peak.double().clamp_min(1e-6) / top


@torch.no_grad()
def update_ranges(ranges: Sequence[Range]) -> None:
    """Let ranges take in what each met since the last update: a few operations for all of them."""
    peak = torch.stack([part.peak for part in ranges])
    met = torch.stack([part.met for part in ranges])
    mean = torch.where(peak > 0, peak, met).lerp(met, 1 - _MOMENTUM)
    known = torch.stack([
        torch.maximum(old * _FALL, new) if part.stream else slow
        for part, old, new, slow in zip(ranges, peak, met, mean, strict=True)
    ])  # fmt: skip
    known = torch.where(met > 0, known, peak)
    for part, value in zip(ranges, known, strict=True):
        part.peak.copy_(value)
        part.met.zero_()


class Ranged(nn.Module):
    """An operation whose result has so many bits, and a scale that follows from a range.

    Parameters
    ----------
    bits
        Of the result, 1 to 16.
    range_
        That of another module; one of its own where None.
    """

    def __init__(self, bits: int, range_: Range | None = None) -> None:
        super().__init__()
        self.bits = bits
        if range_ is None:
            range_ = self.own = Range()
        self._range = (range_,)  # in a tuple, lest a shared one becomes a part of many modules

    @property
    def range(self) -> Range:
        """What the scale follows from."""
        return self._range[0]

    @property
    def scale(self) -> Tensor:
        """Real value of code 1, float64."""
        return self.range.scale(self.bits)
