"""Cycles and energy of one encoder, stage by stage, in closed form."""

from dataclasses import dataclass
from typing import Literal

from lutra.hardware._accelerator import Accelerator
from lutra.vit import Cct, LutMixer, Vit, hidden_width

__all__ = ["Stage", "encoder_stages"]

_GROWTH = 8
"""Bits that an accumulator has beyond its summands."""


@dataclass(frozen=True)
class Stage:
    """What one stage of an encoder takes for one image."""

    name: str
    block: Literal["attention", "mixer"]
    cycles: int
    joule: float


def encoder_stages(model: Vit | Cct, tokens: int, accelerator: Accelerator) -> tuple[Stage, ...]:
    """Return the stages of one encoder.

    Energy is that of the slots of processing elements, idle ones at the edges included, or of the
    conditional additions. Beyond eight bits' it follows the cells that one slot has: w * a of the
    multiplier and w + a + 8 of the accumulator for w x a bits, and b + 8 for the addition of a
    value of b bits. Norms, softmax, GELU, requantisation, buffers and everything static are left
    out.

    Parameters
    ----------
    model
        Widths, heads, mixer and precision.
    tokens
        Of one image.
    accelerator
        Arrays and mixers.
    """
    n, dim, head = tokens, model.dim, model.dim // model.heads
    bits = model.precision

    def product(
        name: str, block: Literal["attention", "mixer"], weights: int, *cycles: int
    ) -> Stage:
        slots = sum(cycles) * accelerator.side**2
        relative = _slot_cells(weights, bits.activations) / _slot_cells(8, 8)
        return Stage(name, block, sum(cycles), slots * accelerator.slot_joule * relative)

    multiply = accelerator.product
    projection = multiply(n, dim, dim)
    scores = multiply(n, head, n)
    values = multiply(n, n, head, tokens=True)
    stages = [
        *(product(name, "attention", bits.weights, projection) for name in ("q", "k", "v")),
        product("q.k", "attention", bits.activations, *[scores] * model.heads),
        product("s.v", "attention", bits.activations, *[values] * model.heads),
        product("projection", "attention", bits.weights, projection),
    ]
    if isinstance(model.mixer, LutMixer):
        return (*stages, _mixer(model.mixer, n, dim, accelerator))
    hidden = hidden_width(model)
    return (
        *stages,
        product("dense 1", "mixer", bits.weights, multiply(n, dim, hidden)),
        product("dense 2", "mixer", bits.weights, multiply(n, hidden, dim)),
    )


def _mixer(mixer: LutMixer, n: int, dim: int, accelerator: Accelerator) -> Stage:
    """Comparisons and lookups of a token hide behind the sums of the one before."""
    tables = mixer.tables[-1]
    relative = (mixer.embedding_bits + _GROWTH) / (4 + _GROWTH)
    joule = n * tables * dim * accelerator.sum_joule * relative
    return Stage("mixer", "mixer", n * -(-tables // accelerator.sums_per_clock), joule)


def _slot_cells(weights: int, activations: int) -> int:
    return weights * activations + weights + activations + _GROWTH
