"""Counts against plain torch modules of the same shapes, whose products a counter sees."""

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from lutra.nn.vision import VisionTransformer
from lutra.nn.vision._linear import Linear
from lutra.vit import (
    Cct,
    MlpMixer,
    Precision,
    Vit,
    cct_2_3x2,
    count,
    deit_tiny,
    hidden_width,
    total,
)


class Encoder(nn.Module):
    def __init__(self, model: Vit | Cct) -> None:
        super().__init__()
        self.heads, dim, hidden = model.heads, model.dim, hidden_width(model)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=isinstance(model, Vit))
        self.projection = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).view(len(x), 3, self.heads, -1).permute(1, 2, 0, 3)
        scores = torch.softmax(q @ k.transpose(1, 2), dim=-1)
        x = x + self.projection((scores @ v).transpose(0, 1).reshape(x.shape))
        return x + self.mlp(self.norm2(x))


class Reference(nn.Module):
    def __init__(self, model: Vit | Cct, planes: int, image: tuple[int, int], classes: int) -> None:
        super().__init__()
        dim, self.vit = model.dim, isinstance(model, Vit)
        if isinstance(model, Vit):
            self.tokens = nn.Sequential(nn.Conv2d(planes, dim, model.patch, model.patch))
            self.first = nn.Parameter(torch.zeros(1, dim))
        else:
            widths = [planes, *[64] * (model.convolutions - 1), dim]
            self.tokens = nn.Sequential()
            for one, other in itertools.pairwise(widths):
                self.tokens.append(nn.Conv2d(one, other, 3, padding=1, bias=False))
                self.tokens.append(nn.ReLU())
                self.tokens.append(nn.MaxPool2d(3, 2, padding=1))
            self.pooling = nn.Linear(dim, 1)
        self.positions = nn.Parameter(torch.zeros(model.tokens(image), dim))
        self.encoders = nn.Sequential(*(Encoder(model) for _ in range(model.layers)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.tokens(image)[0].flatten(1).T
        if self.vit:
            x = torch.cat([self.first, x])
        x = self.norm(self.encoders(x + self.positions))
        if self.vit:
            return self.head(x[:1])
        return self.head(functional.softmax(self.pooling(x), dim=0).T @ x)


MIXER = MlpMixer(kind="mlp", ratio=1.5)


@pytest.mark.parametrize(
    "model",
    [
        Vit(family="vit", layers=2, heads=3, dim=12, patch=4, mixer=MIXER),
        Cct(family="cct", layers=2, heads=2, dim=8, convolutions=1, mixer=MIXER),
        Cct(family="cct", layers=1, heads=1, dim=6, convolutions=3, mixer=MIXER),
    ],
    ids=["vit", "cct-1", "cct-3"],
)
def test_parameters_and_products_are_those_of_torch(model: Vit | Cct) -> None:
    reference = Reference(model, 3, (12, 20), 5)
    found = total(count(model, (3, 12, 20), 5))
    assert found.parameters == sum(parameter.numel() for parameter in reference.parameters())
    with FlopCounterMode(display=False) as counter:
        reference(torch.zeros(1, 3, 12, 20))
    assert 2 * found.macs == counter.get_total_flops()


@pytest.mark.parametrize("model", [deit_tiny(), cct_2_3x2()], ids=["deit-t", "cct-2/3x2"])
def test_bits_of_weights_are_those_of_the_layers(model: Vit | Cct) -> None:
    model = model.model_copy(update={"precision": Precision(weights=4)})
    module = VisionTransformer(model, (3, 32, 32), 10)
    linear = [part for part in module.modules() if isinstance(part, Linear)]
    held = sum(part.bits * part.linear_weight.numel() for part in linear)
    assert total(count(model, (3, 32, 32), 10)).weight_bits == held
