"""Products by addition of bit patterns: values, gradients, and what a layer of them takes."""

import math
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutra.nn.vision import PiecewiseAffineLinear, piecewise_affine_product
from lutra.vit import Operations

numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


def bits(value: float) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


def product(a: float, b: float) -> float:
    return float(piecewise_affine_product(torch.tensor(a), torch.tensor(b)))


def reference(a: float, b: float) -> float:
    """Follow the definition with exponents and fractions instead of patterns."""
    least, greatest = 2.0**-126, (2 - 2.0**-23) * 2.0**127
    sign = math.copysign(1, a) * math.copysign(1, b)
    if min(abs(a), abs(b)) < least:
        return sign * 0.0
    (f, i), (g, j) = math.frexp(abs(a)), math.frexp(abs(b))
    f, g, i, j = 2 * f - 1, 2 * g - 1, i - 1, j - 1
    size = math.ldexp(1 + f + g, i + j) if f + g < 1 else math.ldexp(f + g, i + j + 1)
    return sign * (0.0 if size < least else min(size, greatest))


@settings(max_examples=300, deadline=None)
@given(numbers, numbers)
def test_the_product_is_its_definition(a: float, b: float) -> None:
    found = product(a, b)
    assert bits(found) == bits(reference(a, b))
    if 2.0**-100 < abs(a) < 2.0**60 and 2.0**-20 < abs(b) < 2.0**60:
        assert 8 / 9 - 1e-6 <= found / (a * b) <= 1 + 1e-6


def test_powers_of_two_are_exact_and_special_values_multiply() -> None:
    assert [product(a, b) for a, b in ((0.25, -3.7), (3.7, 8.0), (0.0, 5e30))] == [
        pytest.approx(-0.925), pytest.approx(29.6), 0.0,
    ]  # fmt: skip
    assert product(1.5, 1.5) == 2.0
    assert product(3e38, -3e38) == -3.4028234663852886e38
    assert product(math.inf, -2.0) == -math.inf
    assert math.isnan(product(math.nan, 2.0))
    with pytest.raises(ValueError, match="float32"):
        piecewise_affine_product(torch.zeros(1, dtype=torch.float64), torch.zeros(1))


@pytest.mark.parametrize("rows", [1, 3])
def test_a_layer_is_the_sum_of_its_products(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lutra.nn.vision._piecewise_affine._AT_ONCE", rows * 35)
    torch.manual_seed(0)
    layer = PiecewiseAffineLinear(5, 7)
    x = torch.randn(2, 4, 5)
    expected = torch.zeros(2, 4, 7)
    for o in range(7):
        for i in range(5):
            expected[..., o] += piecewise_affine_product(x[..., i], layer.weight[o, i].detach())
    assert torch.allclose(layer(x), expected + layer.bias, atol=1e-6)


@pytest.mark.parametrize("exact", [True, False])
def test_gradients(exact: bool) -> None:
    torch.manual_seed(1)
    layer = PiecewiseAffineLinear(6, 4, exact=exact)
    x = torch.randn(9, 6, requires_grad=True)
    sent = torch.randn(9, 4)
    layer(x).backward(sent)
    assert layer.bias is not None and layer.bias.grad is not None
    assert torch.allclose(layer.bias.grad, sent.sum(dim=0), atol=1e-6)
    weight = layer.weight.detach()
    values = x.detach()[:, None].expand(9, 4, 6).contiguous()
    weights = weight.expand(9, 4, 6).contiguous()
    g = sent[..., None].expand(9, 4, 6).contiguous()
    if exact:  # within a segment, a difference is the derivative
        step = 2.0**-16

        def slope(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            there = one * (1 + step)
            rise = piecewise_affine_product(there, other) - piecewise_affine_product(one, other)
            return 2 ** torch.log2((rise / (there - one)).abs()).round() * other.sign()

        by_x, by_weight = g * slope(values, weights), g * slope(weights, values)
    else:
        by_x, by_weight = (piecewise_affine_product(g, other) for other in (weights, values))
    assert x.grad is not None and layer.weight.grad is not None
    assert torch.allclose(x.grad, by_x.sum(dim=1), rtol=1e-5, atol=1e-6)
    assert torch.allclose(layer.weight.grad, by_weight.sum(dim=0), rtol=1e-5, atol=1e-6)


def test_operations_are_those_of_an_evaluation_that_counts() -> None:
    torch.manual_seed(2)
    layer = PiecewiseAffineLinear(5, 3, bias=False)
    x = torch.randn(5)
    x[2] = 0
    additions = comparisons = 0
    result = []
    patterns = [bits(float(value)) for value in x]
    positive = []
    for pattern in patterns:
        comparisons += 1
        positive.append(pattern & 0x7FFFFFFF >= 1 << 23)
    for row in layer.weight.tolist():
        total = 0.0
        for pattern, normal, weight in zip(patterns, positive, row, strict=True):
            stored = (bits(weight) & 0x7FFFFFFF) - (127 << 23)  # once, beforehand
            pattern, sign = pattern & 0x7FFFFFFF, (pattern ^ bits(weight)) >> 31
            pattern += stored
            additions += 1
            comparisons += 1
            if not (normal and 1 << 23 <= pattern < 255 << 23):
                pattern = 0
            value = struct.unpack("<f", struct.pack("<I", pattern))[0]
            total += -value if sign else value
            additions += 1
        result.append(total)
    assert torch.allclose(layer(x), torch.tensor(result), atol=1e-6)
    assert layer.operations() == Operations(0, additions, 0, comparisons)


def test_a_network_of_such_layers_learns() -> None:
    torch.manual_seed(3)
    x = torch.randn(128, 8)
    target = x @ torch.randn(8, 2)
    for exact in (True, False):
        layer = PiecewiseAffineLinear(8, 2, exact=exact)
        optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)
        losses = []
        for _ in range(120):
            loss = (layer(x) - target).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < 0.02 * losses[0]


def test_impossible_widths_are_errors() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        PiecewiseAffineLinear(0, 3)
