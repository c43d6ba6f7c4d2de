"""The table domain equals per-sample evaluation: codes exactly, gradients to float tolerance."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutra.nn import (
    Identity,
    Polynomial,
    Quantiser,
    Signal,
    SkipMlp,
    SubNetwork,
    TableLayer,
    random_wiring,
)
from lutra.nn.functions import TableFunction


@st.composite
def functions(
    draw: st.DrawFn, neurons: int, fan_in: int, generator: torch.Generator
) -> TableFunction:
    """One function of every kind."""
    kinds = [Polynomial, SkipMlp, SubNetwork, *([Identity] if fan_in == 1 else [])]
    kind = draw(st.sampled_from(kinds))
    if kind is Identity:
        return Identity(neurons)
    if kind is Polynomial:
        return Polynomial(neurons, fan_in, draw(st.integers(1, 4)), draw(st.booleans()), generator)
    if kind is SkipMlp:
        return SkipMlp(neurons, fan_in, draw(st.integers(1, 9)), draw(st.booleans()), generator)
    depth, skip = draw(st.integers(1, 5)), draw(st.integers(0, 3))
    return SubNetwork(neurons, fan_in, depth, draw(st.integers(1, 5)), skip, generator)


@st.composite
def cases(draw: st.DrawFn) -> tuple[TableLayer, TableLayer, Quantiser, Tensor]:
    bits = draw(st.integers(1, 4))
    fan_in = draw(st.integers(1, min(4, 10 // bits)))
    neurons, features = draw(st.integers(1, 5)), draw(st.integers(fan_in, 7))
    batch = draw(st.integers(2, 70))
    seed = draw(st.integers(0, 2**31))
    generator = torch.Generator().manual_seed(seed)

    def layer(neurons: int, fan_in: int, features: int, bits: int, signed: bool) -> TableLayer:
        function = draw(functions(neurons, fan_in, generator))
        wires = random_wiring(neurons, fan_in, features, generator)
        quantiser = Quantiser(draw(st.integers(1, 4)), signed)
        norm = draw(st.booleans())
        result = TableLayer(wires, bits, function, quantiser, "test", norm).double()
        if not norm:
            return result
        with torch.no_grad():
            result.norm.weight.uniform_(-1.5, 1.5, generator=generator)
            result.norm.bias.uniform_(-0.5, 0.5, generator=generator)
        return result

    first = layer(neurons, fan_in, features, bits, draw(st.booleans()))
    second_fan_in = min(neurons, 10 // first.quantiser.bits, 3)
    second = layer(3, second_fan_in, neurons, first.quantiser.bits, draw(st.booleans()))
    source = Quantiser(bits, draw(st.booleans())).double()
    return first, second, source, torch.randn(features, batch, generator=generator).double()


def signal(source: Quantiser, x: Tensor) -> Signal:
    values, codes = source(x)
    return Signal(codes, source.levels, source.bits, values)


def run(
    layers: list[TableLayer], source: Quantiser, x: Tensor, samples: bool
) -> tuple[list[Signal], dict[str, Tensor], Tensor]:
    """Two layers forward and backward; returns signals, parameter gradients, input gradient."""
    x = x.clone().requires_grad_()
    flow, seen = signal(source, x), []
    for layer in layers:
        flow = layer.forward_samples(flow) if samples else layer(flow)
        seen.append(flow)
    weight = torch.linspace(-1, 2, flow.values.numel(), dtype=x.dtype).view_as(flow.values)
    (flow.values * weight + 0.3 * flow.values**2).sum().backward()
    modules = {"source": source, **{str(i): layer for i, layer in enumerate(layers)}}
    gradients = {
        f"{name}.{key}": parameter.grad
        for name, module in modules.items()
        for key, parameter in module.named_parameters()
        if parameter.grad is not None
    }
    assert x.grad is not None
    return seen, gradients, x.grad


class ByDifferences(TableFunction):
    """A function, sample by sample, whose inputs' gradients are written out as differences."""

    def __init__(self, function: TableFunction, source: Quantiser) -> None:
        super().__init__()
        self.neurons, self.wrapped, self.source = function.neurons, function, [source]

    def forward(self, z: Tensor) -> Tensor:
        levels, fixed = self.source[0].levels, z.detach()
        code = (fixed[..., None] - levels).abs().argmin(-1)
        result = self.wrapped(fixed)
        for digit in range(z.shape[1]):
            ends = []
            for move in (1, -1):
                near = fixed.clone()
                near[:, digit] = levels[(code[:, digit] + move).clamp(0, len(levels) - 1)]
                ends.append((self.wrapped(near).detach(), near[:, digit]))
            (above, high), (below, low) = ends
            slope = (above - below) / (high - low)
            result = result + slope * (z[:, digit] - fixed[:, digit])
        return result


@given(cases(), st.sampled_from([0.0, float("inf")]), st.booleans())
@settings(max_examples=160, deadline=None)
def test_equals_per_sample_evaluation(
    case: tuple[TableLayer, TableLayer, Quantiser, Tensor], unique_above: float, differences: bool
) -> None:
    first, second, source, x = case
    tables, samples = [first, second], [copy.deepcopy(first), copy.deepcopy(second)]
    sources = source, copy.deepcopy(source)
    if differences:
        for layer, reference, before in zip(
            tables, samples, (sources[1], samples[0].quantiser), strict=True
        ):
            layer.differences = True
            reference.function = ByDifferences(reference.function, before)
    for layer in tables:
        layer.function.unique_above = (unique_above, unique_above)
    a, a_gradients, a_input = run(tables, sources[0], x, samples=False)
    b, b_gradients, b_input = run(samples, sources[1], x, samples=True)
    for ours, reference in zip(a, b, strict=True):
        assert torch.equal(ours.codes, reference.codes)
        assert torch.equal(ours.values, reference.values)
    b_gradients = {name.replace("wrapped.", ""): value for name, value in b_gradients.items()}
    assert a_gradients.keys() == b_gradients.keys()
    for name, gradient in b_gradients.items():
        torch.testing.assert_close(a_gradients[name], gradient, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(a_input, b_input, rtol=1e-8, atol=1e-9)
    for ours, reference in zip(tables, samples, strict=True):
        torch.testing.assert_close(ours.norm.mean, reference.norm.mean, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(
            ours.norm.variance, reference.norm.variance, rtol=1e-10, atol=1e-12
        )


@given(cases())
@settings(max_examples=30, deadline=None)
def test_evaluation_mode_equals_per_sample_evaluation(
    case: tuple[TableLayer, TableLayer, Quantiser, Tensor],
) -> None:
    first, second, source, x = case
    run([first, second], source, x, samples=False)  # moves the running statistics
    a = b = signal(source, x)
    for layer in (first, second):
        layer.eval()
        a, b = layer(a), layer.forward_samples(b)
        assert torch.equal(a.codes, b.codes)
        assert torch.equal(a.values, b.values)


def test_batch_statistics_match_torch_batch_norm() -> None:
    generator = torch.Generator().manual_seed(3)
    layer = TableLayer(
        random_wiring(4, 3, 6, generator), 1, SkipMlp(4, 3, 8, True, generator), Quantiser(3, True)
    ).double()
    x = torch.randn(6, 50, generator=generator).double()
    source = Quantiser(1, True).double()
    reference = torch.nn.BatchNorm1d(4).double()
    flow = signal(source, x)
    expected = reference(layer.function(flow.values[layer.wires]).T)
    layer(flow)
    torch.testing.assert_close(layer.norm.mean, reference.running_mean)
    torch.testing.assert_close(layer.norm.variance, reference.running_var)
    codes = layer.quantiser(expected.T)[1]
    assert torch.equal(codes, layer.forward_samples(flow).codes)


def test_too_wide_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 16"):
        TableLayer(torch.zeros(2, 5), 4, SkipMlp(2, 5, 4), Quantiser(1, True), "wide")
