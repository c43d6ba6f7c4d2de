"""The backbones of published figures, with an MLP or tables as channel mixer."""

from lutra.vit._config import Cct, LutMixer, MlpMixer, Vit

__all__ = ["PAPER_MIXER", "TEXT_MIXER", "cct_2_3x2", "cct_7_3x1", "cct_7_3x2", "deit_tiny"]

PAPER_MIXER = LutMixer(kind="lut", tables=[192, 192], fan_in=6, thresholds=8, embedding_bits=4)
"""LL-ViT's mixer for DeiT-T as its published sizes, parameters and latency have it.

They fix 192 tables in the last layer and 119 to 207 of six inputs in the first, 261 if the size was
cut off; no published figure depends on the thresholds.
"""

TEXT_MIXER = PAPER_MIXER.model_copy(update={"tables": [768, 192]})
"""The same as the text of the paper reads: as many tables as the MLP has neurons."""


def deit_tiny(mixer: MlpMixer | LutMixer | None = None) -> Vit:
    """Return DeiT-T, which I-ViT-T and LL-ViT are made from, with its own MLP by default."""
    mixer = mixer or MlpMixer(kind="mlp", ratio=4)
    return Vit(family="vit", layers=12, heads=3, dim=192, patch=16, resize=224, mixer=mixer)


def cct_2_3x2(mixer: MlpMixer | LutMixer | None = None) -> Cct:
    """Return CCT-2/3x2, with its own MLP by default."""
    mixer = mixer or MlpMixer(kind="mlp", ratio=1)
    return Cct(family="cct", layers=2, heads=2, dim=128, convolutions=2, mixer=mixer)


def cct_7_3x1(mixer: MlpMixer | LutMixer | None = None) -> Cct:
    """Return CCT-7/3x1, with its own MLP by default."""
    mixer = mixer or MlpMixer(kind="mlp", ratio=2)
    return Cct(family="cct", layers=7, heads=4, dim=256, convolutions=1, mixer=mixer)


def cct_7_3x2(mixer: MlpMixer | LutMixer | None = None) -> Cct:
    """Return CCT-7/3x2, with its own MLP by default."""
    return cct_7_3x1(mixer).model_copy(update={"convolutions": 2})
