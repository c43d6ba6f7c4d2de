"""Convolutions of tables against tables at every position, one by one; pooling against `amax`."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lutra.circuit import Builder, Words, evaluate
from lutra.nn import (
    ConvLayer,
    Direct,
    OrPool,
    Quantiser,
    Signal,
    TableLayer,
    patches,
    random_wiring,
    tree_wiring,
)

LEVELS = torch.tensor([0.0, 1.0], dtype=torch.float64)
Shape = tuple[int, int, int]
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))


def bits(shape: tuple[int, ...], seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(2, shape, dtype=torch.uint8, generator=draw)


def signal(codes: Tensor) -> tuple[Signal, Tensor]:
    """The codes as a signal, and the carrier that gets their gradient."""
    carrier = LEVELS[codes.long()].requires_grad_()
    return Signal(codes, LEVELS, 1, carrier), carrier


def layer(taps: Tensor, seed: int) -> ConvLayer:
    """Three trees of two levels of tables of two inputs."""
    draw = torch.Generator().manual_seed(seed)
    trees = []
    for nodes, wires in ((6, random_wiring(6, 2, len(taps), draw)), (3, tree_wiring(3, 2))):
        quantiser = Quantiser(1, signed=False, threshold=1.0)
        function = Direct(nodes, 2, "gates", "difference", generator=draw)
        trees.append(TableLayer(wires, 1, function, quantiser, norm=False))
    return ConvLayer(taps, trees, "conv").double()


@st.composite
def windows(draw: st.DrawFn) -> tuple[Shape, int, int, int]:
    """An image, and side, stride and padding of windows that fit it."""
    shape, padding = draw(SHAPES), draw(st.integers(0, 2))
    least = min(shape[1:]) + 2 * padding
    return shape, draw(st.integers(2, max(2, min(3, least)))), draw(st.integers(1, 3)), padding


@given(windows())
def test_patches_are_the_windows_of_the_image(window: tuple[Shape, int, int, int]) -> None:
    (channels, height, width), side, stride, padding = window
    if min(height, width) + 2 * padding < side:
        return
    image = torch.arange(channels * height * width).view(channels, height, width)
    expected = [
        [
            int(image[channel, y + row, x + column])
            if 0 <= y + row < height and 0 <= x + column < width
            else -1
            for y in range(-padding, height + padding - side + 1, stride)
            for x in range(-padding, width + padding - side + 1, stride)
        ]
        for channel in range(channels)
        for row in range(side)
        for column in range(side)
    ]
    assert patches(image, side, stride, padding).tolist() == expected


@given(st.integers(1, 5), st.integers(2, 9), st.integers(1, 7), st.integers(0, 2**31))
def test_every_position_has_the_same_trees(
    positions: int, taps: int, batch: int, seed: int
) -> None:
    features = 6
    generator = torch.Generator().manual_seed(seed)
    sources = torch.randint(-1, features, (taps, positions), generator=generator)
    conv = layer(sources, seed)
    codes = bits((features, batch), seed)
    with_zero = torch.cat([codes, codes.new_zeros(1, batch)])
    weight = torch.randn(3 * positions, batch, generator=generator).double()

    (ours, carrier), (theirs, reference) = signal(codes), signal(with_zero)
    found = conv(ours)
    (found.values * weight).sum().backward()
    gradients = [p.grad for p in conv.parameters() if p.grad is not None]
    conv.zero_grad()
    for position in range(positions):
        flow = Signal(
            with_zero[sources[:, position]], LEVELS, 1, theirs.values[sources[:, position]]
        )
        for level in conv.levels:
            flow = level.forward_samples(flow)
        assert torch.equal(found.codes[position::positions], flow.codes)
        (flow.values * weight[position::positions]).sum().backward(retain_graph=True)
    expected = [p.grad for p in conv.parameters() if p.grad is not None]
    torch.testing.assert_close(gradients, expected)
    assert reference.grad is not None
    torch.testing.assert_close(carrier.grad, reference.grad[:-1])
    assert torch.equal(conv.eval()(ours).codes, found.codes)

    builder = Builder(1, features)
    words, _ = conv.lower(builder, Words(builder.inputs.bits.T), LEVELS)
    builder.output("bits", words)
    raw = (codes.long() << torch.arange(features)[:, None]).sum(0)[:, None]
    circuit = builder.build("conv")
    assert np.array_equal(evaluate(circuit, raw.numpy())["bits"], found.codes.T.numpy())


@given(SHAPES, st.integers(1, 3), st.integers(1, 5), st.integers(0, 2**31))
def test_pooling_is_the_maximum_whose_gradient_is_shared(
    squares: Shape, side: int, batch: int, seed: int
) -> None:
    channels, rows, columns = squares
    pool = OrPool(channels, rows * side, columns * side, side, "pool")
    codes = bits((channels * rows * columns * side**2, batch), seed)
    (ours, carrier), (_, reference) = signal(codes), signal(codes)
    found = pool(ours)
    expected = reference.view(channels, rows, side, columns, side, batch).amax((2, 4))
    assert len(found.codes) == pool.neurons
    assert torch.equal(found.values, expected.reshape(pool.neurons, batch))
    weight = torch.randn(pool.neurons, batch).double()
    (found.values * weight).sum().backward()
    (expected.reshape(weight.shape) * weight).sum().backward()
    torch.testing.assert_close(carrier.grad, reference.grad)

    builder = Builder(len(codes), 1)
    builder.output("bits", pool.lower(builder, builder.inputs, LEVELS)[0])
    circuit = builder.build("pool")
    assert np.array_equal(evaluate(circuit, codes.T.numpy())["bits"], found.codes.T.numpy())


def test_squares_must_fill_the_image() -> None:
    with pytest.raises(ValueError, match="pool: an image of 4 x 5 has no whole squares of 2 x 2"):
        OrPool(1, 4, 5, 2, "pool")
    with pytest.raises(ValueError, match="pool: squares of 5 x 5; a table has 16 inputs"):
        OrPool(1, 5, 5, 5, "pool")


def test_what_is_read_is_known() -> None:
    conv = layer(torch.tensor([[0, 3], [-1, 8], [2, 5]]), 1)
    conv.levels[0].wires.copy_(torch.tensor([[0, 1]] * 6))
    assert conv.read.tolist() == [0, 3, 8]
    assert conv.outside(8).tolist() == [8]
    conv.levels[1].wires[2, 1] = 6
    assert conv.outside(9).tolist() == [6]
