"""Small transformers of every kind, and images for them."""

import itertools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutra.nn.vision import VisionTransformer
from lutra.vit import Cct, LutMixer, MlpMixer, Precision, Vit

MIXERS: dict[str, MlpMixer | LutMixer] = {
    "mlp": MlpMixer(kind="mlp", ratio=1.5),
    "lut": LutMixer(kind="lut", tables=[40, 24], thresholds=5, fan_in=4, candidates=0),
}
KINDS = [
    f"{kind}-{mixer}-{bits}"
    for kind, mixer, bits in itertools.product(("vit", "cct"), MIXERS, (8, 4, 2, 1))
]


def build(
    kind: str,
    shape: tuple[int, int, int],
    classes: int = 10,
    seed: int = 0,
    **changes: Any,
) -> VisionTransformer:
    """Return a transformer by a name of `KINDS`, whose mixers add something."""
    family, mixer, bits = kind.split("-")
    precision = Precision(weights=int(bits), activations=int(bits))
    common = {"layers": 2, "heads": 2, "dim": 12, "mixer": MIXERS[mixer], "precision": precision}
    patch = 7 if shape[1] % 8 else 8
    config = (
        Vit(family="vit", patch=patch, **common)
        if family == "vit"
        else Cct(family="cct", convolutions=2, **common)
    ).model_copy(update=changes)
    draw = torch.Generator().manual_seed(seed)
    model = VisionTransformer(config, shape, classes, draw)
    for part in model.mixers():
        nn.init.normal_(part.embedding, std=0.2, generator=draw)
    return model


def step(model: VisionTransformer, x: Tensor, y: Tensor, steps: int = 3) -> None:
    """Train for a few steps in either mode."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        model.constrain()


def trained(kind: str, x: Tensor, y: Tensor, shape: tuple[int, int, int]) -> VisionTransformer:
    """Return a model after steps in floating point, then in integers."""
    model = build(kind, shape)
    step(model, x, y)
    model.quantise()
    step(model, x, y)
    return model.train(False)
