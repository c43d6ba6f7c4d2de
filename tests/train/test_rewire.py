"""Rewiring moves wires by the true gradients, keeps neurons' inputs distinct, and ends in time."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lutra.data import Dataset
from lutra.nn import (
    LutModel,
    Quantiser,
    Signal,
    SkipMlp,
    TableLayer,
    UniformEncoder,
    random_wiring,
)  # fmt: skip
from lutra.recipe import MappingConfig, parse_recipe
from lutra.train import build
from lutra.train._rewire import Regrow, Rewiring, Select, rewiring

NEURONS, FAN_IN, FEATURES = 7, 3, 9


def parts() -> tuple[TableLayer, Signal, Tensor]:
    draw = torch.Generator().manual_seed(4)
    layer = TableLayer(
        random_wiring(NEURONS, FAN_IN, FEATURES, draw),
        2,
        SkipMlp(NEURONS, FAN_IN, 5, True, draw),
        Quantiser(2, True),
    ).double()
    source = Quantiser(2, True).double()
    values, codes = source(torch.randn(FEATURES, 60, generator=draw).double())
    target = torch.randn(NEURONS, 60, generator=draw).double()
    return layer, Signal(codes, source.levels, 2, values.requires_grad_()), target


def samples(layer: TableLayer, z: Tensor, extra: Tensor) -> Tensor:
    """The layer on digit values (n, F, B), sample by sample; ``extra`` joins the table value."""
    return layer.quantiser(layer.norm(layer.function(z) + extra))[0]


def observed(rewire: Rewiring, layer: TableLayer, flow: Signal, target: Tensor) -> None:
    rewire.prepare(40, 100)
    (layer(flow).values * target).sum().backward()
    rewire.take(rewire.observed())


def test_a_regrowth_score_is_the_gradient_of_a_new_skip_weight() -> None:
    layer, flow, target = parts()
    rewire = Regrow({"0": layer}, {"0": FEATURES}, MappingConfig(method="regrow", every=50))
    observed(rewire, layer, flow, target)
    weight = torch.zeros(NEURONS, FEATURES, dtype=torch.float64, requires_grad=True)
    result = samples(layer, flow.values[layer.wires], weight @ flow.values)
    (expected,) = torch.autograd.grad((result * target).sum(), weight)
    torch.testing.assert_close(rewire.sums["0.score"], expected)


def test_a_selection_gradient_is_that_of_a_candidate_in_the_digits_place() -> None:
    layer, flow, target = parts()
    config = MappingConfig(method="select", candidates=4, selection_rate=1.0, until=1.0)
    rewire = Select({"0": layer}, {"0": FEATURES}, config, None, torch.Generator().manual_seed(1))
    before, candidates = rewire.logits["0"].clone(), rewire.candidates["0"]
    assert torch.equal(candidates[:, :, 0], layer.wires)
    observed(rewire, layer, flow, target)

    z = flow.values[layer.wires]
    mix = torch.zeros(NEURONS, FAN_IN, 4, dtype=torch.float64, requires_grad=True)
    change = torch.einsum("nfk,nfkb->nfb", mix, flow.values[candidates] - z[:, :, None])
    (gain,) = torch.autograd.grad((samples(layer, z + change, z[:, 0] * 0) * target).sum(), mix)
    gain = gain / gain.square().mean(2, keepdim=True).sqrt()
    torch.testing.assert_close(
        before - rewire.logits["0"], 0.6 * gain.float(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("method", ["select", "regrow"])
def test_wires_change_until_they_are_fixed(
    method: str, tiny_content: dict[str, Any], small_mnist: Dataset
) -> None:
    tiny_content["mapping"] = {
        "method": method, "every": 11, "until": 0.5, "candidates": 20, "selection_rate": 0.3,
    }  # fmt: skip
    recipe = parse_recipe(tiny_content)
    model = build(recipe, small_mnist, 0)
    rewire = rewiring(recipe, model, small_mnist.image_shape, torch.Generator().manual_seed(0))
    assert rewire is not None
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    x, y = torch.from_numpy(small_mnist.train.x), torch.from_numpy(small_mnist.train.y)
    wires = [level.wires for level in model.levels]  # pyright: ignore[reportAttributeAccessIssue]
    start, middle = [w.clone() for w in wires], []
    for step in range(60):
        if step == 30:
            middle = [w.clone() for w in wires]
        rewire.prepare(step, 60)
        optimizer.zero_grad()
        F.cross_entropy(model(x[:200]), y[:200]).backward()
        rewire.take(rewire.observed())
        optimizer.step()
        rewire.apply(step, 60, optimizer, None)
    mapped = [number for number, level in enumerate(recipe.model.levels(10)) if not level.tree]
    for number, (before, then, now) in enumerate(zip(start, middle, wires, strict=True)):
        assert torch.equal(then, now)
        assert torch.equal(before, now) == (number not in mapped)
        assert all(len(set(row)) == len(row) for row in now.tolist())


def near(data: Dataset, window: int, candidates: int) -> Select:
    """A selection that starts with near pixels, behind three thresholds each."""
    choice = {"method": "select", "start": "local", "window": window, "candidates": candidates}
    model = {"family": "dwn", "thresholds": 3, "hidden_layers": [50], "votes": 2}
    recipe = parse_recipe({"name": "near", "model": model, "mapping": choice})
    generator = torch.Generator().manual_seed(0)
    found = rewiring(recipe, build(recipe, data, 0), data.image_shape, generator)
    assert isinstance(found, Select)
    return found


def test_a_local_start_has_near_pixels_as_candidates(small_mnist: Dataset) -> None:
    """And any of their thresholds; behind the pixels, any node."""
    rewire = near(small_mnist, 7, 48)
    wired, pixels = rewire.layers["0"].wires[:, :, None] // 3, rewire.candidates["0"] // 3
    far = torch.maximum((wired // 28 - pixels // 28).abs(), (wired % 28 - pixels % 28).abs())
    assert far.max() == 3  # also in a corner, where 16 pixels are near
    assert rewire.candidates["0"].sort(dim=2).values.diff(dim=2).min() > 0
    spread = rewire.layers["0"].wires // 3
    assert (spread % 28).amax(1).sub((spread % 28).amin(1)).max() < 7
    assert rewire.candidates["1"].shape == (20, 6, 48)


def test_a_local_start_reads_any_plane_of_an_image(small_mnist: Dataset) -> None:
    """Of a data set of two planes of 14 x 28 pixels."""
    rewire = near(Dataset(**{**vars(small_mnist), "image": (14, 28)}), 5, 16)
    wires, candidates = rewire.layers["0"].wires // 3, rewire.candidates["0"] // 3
    plane, pixel, other = wires // 392, wires % 392, candidates % 392
    assert plane.unique().tolist() == [0, 1] and (plane.amin(1) != plane.amax(1)).any()
    for own, tried in ((pixel // 28, other // 28), (pixel % 28, other % 28)):
        assert (own.amax(1) - own.amin(1)).max() < 5
        assert (tried - own[:, :, None]).abs().max() == 2
    assert (candidates // 392).float().mean().sub(0.5).abs() < 0.1


def test_averages_begin_where_a_selection_ends() -> None:
    layer, _, _ = parts()
    config = MappingConfig(method="select", until=0.7)
    select = Select({"0": layer}, {"0": FEATURES}, config, None, torch.Generator())
    assert (select.settled(1001), Regrow({}, {}, config).settled(1001)) == (701, 0)


@pytest.mark.parametrize("method", ["learned", "random"])
def test_other_methods_leave_the_wires(
    method: str, tiny_content: dict[str, Any], small_mnist: Dataset
) -> None:
    tiny_content["mapping"]["method"] = method
    recipe = parse_recipe(tiny_content)
    assert rewiring(recipe, build(recipe, small_mnist, 0), None, torch.Generator()) is None


def test_an_exchanged_digit_begins_without_effect() -> None:
    layer, flow, target = parts()
    rewire = Regrow(
        {"0": layer},
        {"0": FEATURES},
        MappingConfig(method="regrow", every=41, share=0.99, until=1.0),
    )
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-2)
    observed(rewire, layer, flow, target)
    optimizer.step()
    before, average = layer.wires.clone(), copy.deepcopy(layer)
    rewire.apply(40, 100, optimizer, LutModel(UniformEncoder(1, 1, False, 1), [average]))
    rows, digits = (before != layer.wires).nonzero(as_tuple=True)
    assert len(rows) == int(0.99 * 0.5 * (1 - torch.cos(torch.tensor(0.6 * torch.pi))) * NEURONS)
    for parameter, digit in layer.function.by_digit():
        state = optimizer.state[parameter]
        own = dict(layer.function.named_parameters())
        (name,) = (name for name, value in own.items() if value is parameter)
        averaged = average.function.get_parameter(name)
        for tensor in (parameter, state["exp_avg"], state["exp_avg_sq"], averaged):
            theirs = digit[digits].expand(len(rows), *parameter.shape[1:])
            assert not tensor[rows].masked_select(theirs).any()
            assert tensor[rows].masked_select(~theirs).all()


def test_a_neuron_that_reads_everything_keeps_its_inputs() -> None:
    layer, flow, target = parts()
    layer.wires = torch.arange(FAN_IN).expand(NEURONS, FAN_IN).clone()
    flow = replace(flow, codes=flow.codes[:FAN_IN], carrier=flow.values[:FAN_IN])
    rewire = Regrow(
        {"0": layer},
        {"0": FAN_IN},
        MappingConfig(method="regrow", every=41, share=0.99, until=1.0),
    )
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-2)
    observed(rewire, layer, flow, target)
    optimizer.step()
    rewire.apply(40, 100, optimizer, None)
    assert torch.equal(layer.wires, torch.arange(FAN_IN).expand(NEURONS, FAN_IN))
