"""What figures 7, 8 and 9 of LL-ViT show, recomputed."""

from collections.abc import Sequence

from lutra.hardware import ll_vit, performance
from lutra.nn.vision import CentroidLinear, PiecewiseAffineLinear
from lutra.report.llvit._numbers import BASELINE, IMAGE, LL_VIT
from lutra.vit import (
    PAPER_MIXER,
    Operations,
    Precision,
    Vit,
    count,
    deit_tiny,
    hidden_width,
    token_count,
    total,
)

__all__ = ["ratios_by_bits", "ratios_by_dim", "ratios_by_side", "ways_to_mix"]

CENTROIDS = 16
SUB_VECTORS = (1, 32)
"""A lookup per product, as LL-ViT describes LUT-NN; and sub-vectors of a useful length."""
BITS = (8, 4, 2, 1)
DIMS = (64, 128, 192, 256, 384, 512, 768)
SIDES = (96, 128, 160, 192, 224, 256, 320, 384)
HEAD = 64
"""Channels of a head, as in DeiT."""


def ways_to_mix() -> dict[str, Operations]:
    """Return figure 7: operations of one encoder's mixer of DeiT-T, one image.

    Those of the other ways are what the layers of `lutra.nn.vision` say of themselves, for the
    MLP's two matrices. The residual is added in all of them; GELU is in none.
    """
    n, dim, hidden = token_count(BASELINE, IMAGE), BASELINE.dim, hidden_width(BASELINE)
    shapes = ((dim, hidden), (hidden, dim))

    def both(layers: Sequence[PiecewiseAffineLinear | CentroidLinear]) -> Operations:
        first, second = (layer.operations() for layer in layers)
        return (first + second) * n + Operations(additions=n * dim)

    found = {
        "MLP": _mixer(BASELINE),
        "piecewise-affine": both([PiecewiseAffineLinear(*shape) for shape in shapes]),
    }
    for length in SUB_VECTORS:
        layers = [CentroidLinear(*shape, length, CENTROIDS) for shape in shapes]
        found[f"LUT-NN, {CENTROIDS} centroids of {length}"] = both(layers)
    return found | {"LL-ViT": _mixer(LL_VIT)}


def _mixer(model: Vit) -> Operations:
    layers = count(model, (3, *IMAGE), 10)
    return total((layer for layer in layers if layer.encoder == 0), "mixer").operations


def ratios_by_bits() -> list[tuple[int, float, float]]:
    """Return figure 8: bits of weights and activations, and two ratios of energy, I-ViT by LL-ViT.

    The first has the mixer's additions scale by their own cells, with summed values of at most
    four bits and at least two; the second has the mixer scale as the arrays do, which is what a
    ratio that stays the same supposes.
    """
    whole = performance(LL_VIT, IMAGE, ll_vit(32))
    rows = []
    for bits in BITS:
        base, ours = (
            performance(_with_bits(model, bits), IMAGE, ll_vit(32)) for model in (BASELINE, LL_VIT)
        )
        shrunk = ours.stages[0].joule / whole.stages[0].joule
        rows.append((bits, base.joule / ours.joule, base.joule / (shrunk * whole.joule)))
    return rows


def _with_bits(model: Vit, bits: int) -> Vit:
    update: dict[str, object] = {"precision": Precision(weights=bits, activations=bits)}
    if model is LL_VIT:
        values = {"embedding_bits": max(2, min(PAPER_MIXER.embedding_bits, bits))}
        update["mixer"] = PAPER_MIXER.model_copy(update=values)
    return model.model_copy(update=update)


def ratios_by_dim() -> list[tuple[int, float]]:
    """Return figure 9(a): latent dimension, ratio of energy; as many tables as channels."""
    rows = []
    for dim in DIMS:
        mixer = PAPER_MIXER.model_copy(update={"tables": [dim, dim]})
        rows.append((dim, _ratio({"dim": dim, "heads": dim // HEAD}, {"mixer": mixer})))
    return rows


def ratios_by_side() -> list[tuple[int, float]]:
    """Return figure 9(b): side of the image, ratio of energy."""
    return [(side, _ratio({"resize": side}, {})) for side in SIDES]


def _ratio(update: dict[str, object], mixer: dict[str, object]) -> float:
    base = deit_tiny().model_copy(update=update)
    ours = LL_VIT.model_copy(update=update | mixer)
    one, other = (performance(model, IMAGE, ll_vit(32)) for model in (base, ours))
    return one.joule / other.joule
