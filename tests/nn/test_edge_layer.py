"""Sums of one-input tables: exact values, true gradients, widths that follow their price."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lutra.circuit import Builder, Encode, evaluate, statistics
from lutra.nn import EdgeLayer, LutModel, Signal, UniformEncoder

FEATURES, NODES, BATCH = 4, 3, 50


def layer(bits: int, node_bits: int | None, seed: int = 0, **more: Any) -> EdgeLayer:
    draw = torch.Generator().manual_seed(seed)
    result = EdgeLayer(FEATURES, NODES, bits, node_bits, 5, "edges", draw, **more)
    with torch.no_grad():
        result.fraction_bits.uniform_(-1.0, 7.0, generator=draw)
        result.input_bits.uniform_(-0.4, bits + 0.4, generator=draw)
        result.fraction_bits[0] = -8.0  # pruned
    return result


def signal(bits: int, seed: int = 1) -> Signal:
    draw = torch.Generator().manual_seed(seed)
    codes = torch.randint(1 << bits, (FEATURES, BATCH), generator=draw).to(torch.uint8)
    levels = torch.linspace(-1, 1, 1 << bits)
    carrier = torch.zeros(FEATURES, BATCH, requires_grad=True)
    return Signal(codes, levels, bits, carrier)


@given(st.integers(1, 8), st.sampled_from([None, 1, 3, 6, 8]), st.integers(0, 2**31))
def test_the_circuit_holds_the_same_codes(bits: int, node_bits: int | None, seed: int) -> None:
    edges, x = layer(bits, node_bits, seed), signal(bits, seed)
    with torch.no_grad():
        edges.function.output_weight.mul_(4)  # some sums go beyond a node's code
    builder = Builder(FEATURES, bits)
    thresholds = np.tile(np.arange(1, 1 << bits), (FEATURES, 1))
    words = builder.add(Encode(builder.inputs, thresholds), bits)
    words, levels = edges.lower(builder, words, x.levels)
    builder.output("nodes", words)
    found = evaluate(builder.build("edges"), x.codes.T.numpy())["nodes"]
    y = edges(x)
    assert np.array_equal(found.T, y.codes.numpy())
    assert torch.equal(levels[: len(y.levels)], y.levels)


def test_gradients_are_those_of_the_sum_per_sample() -> None:
    edges, x = layer(5, None), signal(5)
    with torch.no_grad():
        edges.input_bits.fill_(5.0)
    weight = torch.randn(NODES, BATCH, generator=torch.Generator().manual_seed(3))
    (edges(x).values * weight).sum().backward()
    found = {name: p.grad for name, p in edges.function.named_parameters()}
    assert x.carrier is not None and x.carrier.grad is not None
    z = x.levels[x.codes.long()][edges.source][:, None]
    edges.zero_grad()
    values = edges.function(z) * edges.gain
    (values.unflatten(0, (NODES, FEATURES)).sum(1) * weight).sum().backward()
    for name, parameter in edges.function.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)
    table = (edges.function(x.levels.expand(len(z), 1, -1)) * edges.gain).detach()
    slopes = torch.gradient(table, spacing=(x.levels,), dim=1)[0]
    own = slopes.gather(1, x.codes.long()[edges.source]).unflatten(0, (NODES, FEATURES))
    expected = (own * weight[:, None]).sum(0)
    torch.testing.assert_close(x.carrier.grad, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bits", [1, 4])
def test_inputs_without_a_gradient_are_read_by_products(bits: int) -> None:
    x = signal(bits)
    found = []
    for carrier in (x.carrier, None):
        edges = layer(bits, 5)
        y = edges(replace(x, carrier=carrier))
        y.values.square().sum().backward()
        found.append((y.codes, [parameter.grad for parameter in edges.parameters()]))
    assert torch.equal(found[0][0], found[1][0])
    for first, second in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def test_area_is_what_the_bits_cost() -> None:
    edges = layer(8, 6)
    with torch.no_grad():
        edges.input_bits.copy_(torch.tensor([8.0, 7.0, 6.0, 3.0] * NODES))
    codes = edges._edges(torch.linspace(-1, 1, 256)).codes
    width = torch.log2(1.0 + codes.amax(1) - codes.amin(1)).ceil()
    expected = (width * torch.tensor([5.0, 3.0, 2.0, 1.0] * NODES)).sum() + NODES * 6
    torch.testing.assert_close(edges.area(torch.linspace(-1, 1, 256)), expected)
    edges.area(torch.linspace(-1, 1, 256)).backward()
    assert edges.fraction_bits.grad is not None and edges.input_bits.grad is not None
    live, wide = width > 0, torch.tensor([True, True, True, False] * NODES)
    assert not live[0] and (edges.fraction_bits.grad[live] > 0).all()
    assert (edges.input_bits.grad[live & wide] > 0).all()


def test_a_node_within_its_code_needs_no_cut() -> None:
    cuts = []
    for gain in (4.0, 0.02):
        edges, x = layer(4, 5), signal(4)
        with torch.no_grad():
            edges.fraction_bits.fill_(6.0)
            edges.input_bits.fill_(4.0)
            for parameter in (edges.function.output_weight, edges.function.skip_weight):
                parameter.mul_(gain)
        builder = Builder(FEATURES, 4)
        builder.output("nodes", edges.lower(builder, builder.inputs, x.levels)[0])
        cuts.append(builder.build("cut").ops[-1].name == "edges")
    assert cuts == [True, False]


def test_a_pruned_edge_takes_no_hardware() -> None:
    edges, x = layer(4, None), signal(4)
    with torch.no_grad():
        edges.fraction_bits.fill_(-8.0)
    builder = Builder(FEATURES, 4)
    builder.output("nodes", edges.lower(builder, builder.inputs, x.levels)[0])
    assert statistics(builder.build("none")).tables == 0


@pytest.mark.parametrize(("budget", "rises"), [(1, True), (10_000, False)])
def test_the_price_follows_the_budget(budget: int, rises: bool) -> None:
    encoder = UniformEncoder(FEATURES, 4, False, 4)
    model = LutModel(encoder, [layer(4, None)], budget=budget)
    assert model.price is not None
    before = model.price.item()
    loss: Tensor = model.penalty()
    loss.backward()
    assert (model.price.item() > before) is rises
    area = loss.item() / model.price.item()
    assert math.isclose(area, model.area().item(), rel_tol=1e-5)
