"""Quantisers, wiring and the dense phase against their written formulas."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.nn import (
    DenseLayer,
    Quantiser,
    Signal,
    SkipMlp,
    local_wiring,
    random_wiring,
    tree_wiring,
)


@given(st.integers(1, 8), st.booleans(), st.floats(0.1, 5.0), st.integers(0, 2**31))
def test_quantiser_is_the_written_formula(
    bits: int, signed: bool, threshold: float, seed: int
) -> None:
    quantiser = Quantiser(bits, signed, threshold).double()
    x = 3 * threshold * torch.randn(200, generator=torch.Generator().manual_seed(seed)).double()
    values, codes = quantiser(x)
    if signed:
        low, high, step = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, threshold / 2 ** (bits - 1)
    else:
        low, high, step = 0, 2**bits - 1, threshold / (2**bits - 1)
    q = (x / quantiser.step).round().clamp(low, high)
    assert quantiser.step.item() == pytest.approx(step, rel=1e-6)
    assert torch.equal(values, quantiser.step * q)
    assert torch.equal(codes.long(), (q - low).long())
    assert torch.equal(quantiser.levels[codes.long()], values)


def test_quantiser_gradients_are_straight_through_and_clamped() -> None:
    quantiser = Quantiser(2, signed=False, threshold=3.0).double()  # step 1, codes 0..3
    x = torch.tensor([-2.0, 0.2, 1.4, 2.9, 5.0], dtype=torch.float64, requires_grad=True)
    values, _ = quantiser(x)
    values.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 1, 1, 1, 0]
    # d(value)/d(step) is q - x / s inside, the clamped code outside; d(step)/d(t) = 1/3.
    expected = (0 + (0 - 0.2) + (1 - 1.4) + (3 - 2.9) + 3) / 3
    assert quantiser.threshold.grad is not None
    assert float(quantiser.threshold.grad) == pytest.approx(expected)


@given(st.integers(1, 8), st.booleans())
def test_the_middle_parts_the_codes(bits: int, signed: bool) -> None:
    quantiser = Quantiser(bits, signed)
    x = quantiser.middle + torch.tensor([-0.01, 0.01]) * float(quantiser.step.detach())
    assert quantiser(x)[1].tolist() == [(1 << bits) // 2 - 1, (1 << bits) // 2]


def test_quantiser_refuses_impossible_bits() -> None:
    with pytest.raises(ValueError, match="1 to 8 bits"):
        Quantiser(9, signed=True)


@given(st.integers(1, 20), st.integers(1, 6), st.integers(0, 2**31))
def test_random_wiring_is_distinct_in_range_and_seeded(
    neurons: int, fan_in: int, seed: int
) -> None:
    def draw() -> torch.Tensor:
        return random_wiring(neurons, fan_in, 9, torch.Generator().manual_seed(seed))

    wires = draw()
    assert wires.shape == (neurons, fan_in)
    assert ((wires >= 0) & (wires < 9)).all()
    assert (wires.diff(dim=1) > 0).all()
    assert torch.equal(wires, draw())


def test_random_wiring_needs_enough_features() -> None:
    with pytest.raises(ValueError, match="exceeds the 3 features"):
        random_wiring(2, 4, 3)


@given(
    trees=st.integers(1, 6),
    leaves=st.integers(1, 8),
    fan_in=st.integers(1, 6),
    image=st.tuples(st.integers(7, 12), st.integers(7, 12)),
    window=st.integers(7, 14),
    seed=st.integers(0, 99),
)
def test_local_wiring_reads_distinct_pixels_of_one_window(
    trees: int, leaves: int, fan_in: int, image: tuple[int, int], window: int, seed: int
) -> None:
    def draw() -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return local_wiring(trees, leaves, fan_in, image, window, generator)

    wires = draw()
    assert wires.shape == (trees * leaves, fan_in)
    assert torch.equal(wires, draw())
    for pixels in wires.view(trees, -1):
        assert len(pixels.unique()) == leaves * fan_in
        for places, side in ((pixels // image[1], image[0]), (pixels % image[1], image[1])):
            assert places.min() >= 0 and places.max() < side
            assert places.max() - places.min() < window


def test_leaves_of_local_wiring_are_nearer_than_chance() -> None:
    generator = torch.Generator().manual_seed(0)
    wires = local_wiring(50, 6, 6, (28, 28), 9, generator)

    def spread(leaves: torch.Tensor) -> float:
        return torch.stack([leaves // 28, leaves % 28]).double().std(dim=-1).mean().item()

    assert spread(wires) < 0.9 * spread(wires.view(50, 36)[:, torch.randperm(36)].view(-1, 6))


def test_local_wiring_needs_a_window_of_enough_pixels() -> None:
    with pytest.raises(ValueError, match="36 distinct pixels; a window has 25"):
        local_wiring(2, 6, 6, (28, 28), 5)


def test_tree_wiring_is_contiguous() -> None:
    assert tree_wiring(2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_node_is_the_written_formula() -> None:
    node = SkipMlp(3, 4, 5, generator=torch.Generator().manual_seed(0))
    z = torch.randn(3, 4, 7, generator=torch.Generator().manual_seed(1))
    assert node.skip_weight is not None
    for n in range(3):
        hidden = (node.hidden_weight[n] @ z[n] + node.hidden_bias[n]).relu()
        expected = node.output_weight[n].T @ hidden + node.skip_weight[n].T @ z[n]
        torch.testing.assert_close(node(z)[n], expected[0])


@pytest.mark.parametrize("hidden", [0, 4])
def test_dense_twin_is_the_written_formula(hidden: int) -> None:
    generator = torch.Generator().manual_seed(2)
    layer = DenseLayer(6, 3, hidden, Quantiser(2, True), generator)
    source = Quantiser(1, False)
    values, codes = source(torch.randn(6, 40, generator=generator))
    found = layer(Signal(codes, source.levels, 1, values))
    raw = layer.skip_weight @ values
    penalty = (2 ** (0.1 * layer.skip_weight.abs().sum(1)) - 1).sum()
    if hidden:
        inner = (layer.hidden_weight @ values + layer.hidden_bias).relu().view(3, hidden, -1)
        raw = raw + torch.stack([layer.output_weight[n, 0] @ inner[n] for n in range(3)])
        penalty = penalty + (2 ** (0.1 * layer.hidden_weight.abs().sum(1)) - 1).sum()
    mean, variance = raw.mean(1, keepdim=True), raw.var(1, keepdim=True, unbiased=False)
    expected = layer.quantiser((raw - mean) / (variance + 1e-5).sqrt())[1]
    assert torch.equal(found.codes, expected)
    torch.testing.assert_close(layer.regulariser(0.5, 0.1), 0.5 * penalty)
    square = layer.skip_weight.square().sum() + (
        layer.hidden_weight.square().sum() if hidden else 0
    )
    torch.testing.assert_close(layer.regulariser(0.5, None), 0.5 * square)


def test_top_inputs_are_the_greatest_by_magnitude() -> None:
    layer = DenseLayer(5, 2, 0, Quantiser(1, True))
    with torch.no_grad():
        layer.skip_weight.copy_(torch.tensor([[0.1, -3, 0, 2, 0], [1, 1, 1, 1, 1]]))
    assert layer.top_inputs(2).tolist() == [[1, 3], [0, 1]]
    # A genuine input of index 0 is kept, where the released code drops all-zero columns.
    assert layer.top_inputs(3).tolist() == [[0, 1, 3], [0, 1, 2]]
