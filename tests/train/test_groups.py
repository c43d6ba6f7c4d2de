"""Rates and decay of every parameter."""

import pytest
import torch

from lutra.recipe import TrainConfig
from lutra.train._groups import parameter_groups
from lutra.vit import LutMixer

from ..nn.vision.models import build

CONFIG = TrainConfig(learning_rate=1e-3, weight_decay=0.05, table_rate=30)


@pytest.mark.parametrize("tables, rate", [(12, 1.0), (24, 1.0), (48, 0.5), (96, 0.25)])
def test_values_of_wide_mixers_learn_more_slowly(tables: int, rate: float) -> None:
    mixer = LutMixer(kind="lut", tables=[tables], candidates=0)
    model = build("vit-lut-8", (1, 28, 28), mixer=mixer)
    found = {
        parameter: (group["weight_decay"], group["factor"])
        for group in parameter_groups(model, CONFIG)
        for parameter in group["params"]
    }
    assert len(found) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        if name.endswith("table_weight"):
            assert found[parameter] == (0, 30)
        elif name.endswith("embedding") and "mixer" in name:
            assert found[parameter] == (0, rate)
        else:
            assert found[parameter] == (0.05 if name.endswith("_weight") else 0, 1)


def test_a_wide_mixer_moves_as_a_layer_of_the_streams_width() -> None:
    moved = []
    for tables in (24, 96):
        mixer = LutMixer(kind="lut", tables=[tables], candidates=0)
        model = build("vit-lut-8", (1, 28, 28), mixer=mixer)
        groups = parameter_groups(model, CONFIG)
        optimizer = torch.optim.AdamW([group | {"lr": group["factor"]} for group in groups])
        (part, *_) = model.mixers()
        before = part.embedding.detach().clone()
        for other in model.parameters():
            other.grad = torch.ones_like(other)
        optimizer.step()
        moved.append((part.embedding.detach() - before).sum(0))
    assert torch.allclose(*moved)
