"""What one layer holds and computes, and sums of layers."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

__all__ = ["Block", "LayerCount", "Operations", "total"]

Block = Literal["tokens", "norm", "attention", "mixer", "head", "total"]


@dataclass(frozen=True)
class Operations:
    """Scalar operations, whatever their precision."""

    multiplications: int = 0
    additions: int = 0
    """Those on accumulators included."""
    lookups: int = 0
    """Entries read from tables."""
    comparisons: int = 0

    def __add__(self, other: "Operations") -> "Operations":
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Operations(*(one + two for one, two in pairs))

    def __mul__(self, times: int) -> "Operations":
        return Operations(*(times * getattr(self, f.name) for f in fields(self)))


@dataclass(frozen=True)
class LayerCount:
    """One layer, for one image.

    A sum starts from the accumulator's first value, a bias or nothing: n products are n
    multiply-accumulates, and n summands n additions.
    """

    name: str
    block: Block
    encoder: int | None = None
    """Number of the encoder, from 0."""
    weights: int = 0
    """What published sizes count, elements of matrices, entries of tables (2**fan_in each) and
    summed values."""
    parameters: int = 0
    """Everything that is trained, so also biases, norms, positions and trained thresholds."""
    macs: int = 0
    """Multiply-accumulates of matrix products and convolutions, zeros of the border included."""
    additions: int = 0
    """Those outside, of residuals, positions and conditional sums with every bit set."""
    lookups: int = 0
    """Bits read from tables."""
    comparisons: int = 0
    """Thermometers, ReLU, maximum."""
    nonlinear: int = 0
    """Values that a norm, softmax or GELU computes; what one of them takes differs by design."""
    weight_bits: int = 0
    """Stored bits of `weights`."""
    stored_bits: int = 0
    """Those and all others, where biases and norms have 32 each, positions and class token 16,
    thresholds as many as the activations that they are compared with. Wiring and scales are not
    counted."""

    @property
    def operations(self) -> Operations:
        """Multiply-accumulates taken apart; nonlinear values not among them."""
        return Operations(self.macs, self.macs + self.additions, self.lookups, self.comparisons)


_SUMMED = [field.name for field in fields(LayerCount) if field.type is int]


def total(layers: Iterable[LayerCount], *blocks: Block) -> LayerCount:
    """Return the sum of layers, of some blocks only where blocks are named."""
    chosen = [layer for layer in layers if not blocks or layer.block in blocks]
    sums = {name: sum(getattr(layer, name) for layer in chosen) for name in _SUMMED}
    return LayerCount(" + ".join(blocks) or "all", "total", **sums)
