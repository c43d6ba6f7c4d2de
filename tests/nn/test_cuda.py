"""The same network on a GPU: equal codes, equal gradients, and equal bits at every run."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lutra.data import Dataset
from lutra.nn import BitFlips, LutModel
from lutra.recipe import parse_recipe
from lutra.train import build

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def step(model: LutModel, raw: Tensor, y: Tensor, noise: BitFlips | None = None) -> list[Tensor]:
    """One training step's logits and gradients, on the CPU."""
    logits = model(raw, noise)
    model.zero_grad()
    F.cross_entropy(logits, y).backward()
    gradients = [p.grad.cpu() for p in model.parameters() if p.grad is not None]
    return [logits.detach().cpu(), *gradients]


@pytest.mark.parametrize("gradient", ["derivative", "difference"])
def test_a_gpu_computes_the_same(
    gradient: str, tiny_content: dict[str, Any], small_mnist: Dataset
) -> None:
    tiny_content["train"]["input_gradient"] = gradient
    here = build(parse_recipe(tiny_content), small_mnist, 0).double()
    there = copy.deepcopy(here).cuda()
    raw, y = (
        torch.from_numpy(small_mnist.train.x[:300]),
        torch.from_numpy(small_mnist.train.y[:300]),
    )
    for one, other in zip(step(here, raw, y), step(there, raw.cuda(), y.cuda()), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)
    assert torch.equal(here.codes(raw), there.codes(raw.cuda()).cpu())


def test_a_gpu_repeats_itself(tiny_content: dict[str, Any], small_mnist: Dataset) -> None:
    raw, y = (torch.from_numpy(a).cuda() for a in (small_mnist.train.x, small_mnist.train.y))
    runs = []
    for _ in range(2):
        model = build(parse_recipe(tiny_content), small_mnist, 0).cuda()
        runs.append(step(model, raw, y, BitFlips(0.05, torch.Generator().manual_seed(0))))
    for one, other in zip(*runs, strict=True):
        assert torch.equal(one, other)
