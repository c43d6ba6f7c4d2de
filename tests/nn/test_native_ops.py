"""Native kernels equal plain torch: codes exactly, floats to tolerance, any thread count."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutra._kernels import native
from lutra.nn import Quantiser, Signal, SkipMlp, TableLayer, random_wiring
from lutra.nn import _native_ops as native_ops
from lutra.nn import _torch_ops as torch_ops
from lutra.nn._torch_ops import NormQuantise
from lutra.nn.functions import Entries, TableFunction

assert native is not None, "native kernels are not built"
SETS = native.instruction_sets()


@pytest.fixture(params=SETS, autouse=True)
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    assert native is not None
    before = native.instruction_set()
    native.choose(request.param)
    yield request.param
    native.choose(before)


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, Any]:
    bits = draw(st.integers(1, 8))
    most = draw(st.sampled_from([8, 10, 13, 16]))  # address bits
    fan_in = draw(st.integers(1, max(1, most // bits)))
    return {
        "bits": bits,
        "fan_in": fan_in,
        "neurons": draw(st.integers(1, 40 if fan_in * bits <= 10 else 2)),
        "features": draw(st.integers(fan_in, 18)),
        "batch": draw(st.integers(1, 400)),
        "seed": draw(st.integers(0, 2**31)),
    }


def close(ours: Tensor, reference: Tensor) -> None:
    torch.testing.assert_close(ours, reference, rtol=2e-4, atol=2e-4)


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([torch.uint8, torch.int16]))
def test_transpose_equals_torch(rows: int, columns: int, dtype: torch.dtype) -> None:
    x = torch.arange(rows * columns).view(rows, columns).to(dtype)
    assert torch.equal(native_ops.transpose(x), torch_ops.transpose(x))
    part = x[:, columns // 2 :]  # not contiguous
    assert torch.equal(native_ops.transpose(part), torch_ops.transpose(part))


@given(shapes(), st.integers(1, 4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_operations_equal_torch(shape: dict[str, Any], out_bits: int, signed: bool) -> None:
    draw = torch.Generator().manual_seed(shape["seed"])
    n, bits, features, batch = (shape[key] for key in ("neurons", "bits", "features", "batch"))
    codes = torch.randint(0, 1 << bits, (features, batch), generator=draw, dtype=torch.uint8)
    wires = random_wiring(n, shape["fan_in"], features, draw)
    if shape["seed"] % 2:  # neurons that read a feature more than once
        wires = torch.randint(0, features, wires.shape, generator=draw)
    addresses, counts = native_ops.address(codes, wires, bits)
    plain, plain_counts = torch_ops.address(codes, wires, bits)
    assert torch.equal(addresses.long(), plain)
    assert torch.equal(counts, plain_counts)

    for run in (native_ops, torch_ops):
        numbers, met, chosen = run.unique_address(codes, wires, bits)
        assert torch.equal(chosen.gather(1, numbers.long()), plain)
        found = (met > 0).sum(1)
        assert torch.equal(found, (plain_counts > 0).sum(1))
        assert met.shape[1] == int(found.max())
        assert torch.equal(met, torch.where(met > 0, plain_counts.gather(1, chosen), 0))

    quantiser = Quantiser(out_bits, signed)
    table = torch.randn(counts.shape, generator=draw)
    weight, bias = torch.randn(2, n, generator=draw)
    output = NormQuantise(weight, bias, 1e-5, quantiser.step, quantiser.q_min, quantiser.q_max)
    table_codes, mean, variance = native_ops.quantise(table, counts, batch, output)
    _, plain_mean, plain_variance = torch_ops.quantise(table, counts, batch, output)
    close(mean, plain_mean)
    close(variance, plain_variance)
    # Given the same statistics, a code may differ where the ratio is half-way to rounding alone.
    _, ratio = torch_ops._ratio(table, mean, variance, output)
    expected = ratio.round().clamp(output.q_min, output.q_max) - output.q_min
    tie = ((ratio - ratio.floor() - 0.5).abs() < 1e-4 * (1 + ratio.abs())) & (ratio.abs() < 300)
    assert torch.equal(table_codes[~tie], expected.to(torch.uint8)[~tie])

    read = native_ops.lookup(table_codes, addresses)
    assert torch.equal(read, torch_ops.lookup(table_codes, plain))

    gradient = torch.randn(n, batch, generator=draw)
    arguments = (table, counts, mean, variance, output)
    ours = native_ops.quantise_backward(gradient, addresses, *arguments)
    reference = torch_ops.quantise_backward(gradient, plain, *arguments)
    calm = ~tie.any(1)
    for one, other in zip(ours[:3] + ours[4:], reference[:3] + reference[4:], strict=True):
        scale = 1 + other.abs().amax(dim=-1, keepdim=True) if other.dim() > 1 else 1 + other.abs()
        close((one / scale)[calm], (other / scale)[calm])
    if calm.all():
        close(ours[3] / (1 + reference[3].abs()), reference[3] / (1 + reference[3].abs()))

    alone = native_ops.quantise(table, None, batch, output)
    assert not alone[1].any() and torch.equal(
        native_ops.address(codes, wires, bits, False)[0], addresses
    )
    nothing = (table, None, *alone[1:], output)
    ours = native_ops.quantise_backward(gradient, addresses, *nothing)
    reference = torch_ops.quantise_backward(gradient, plain, *nothing)
    _, ratio = torch_ops._ratio(table, *alone[1:], output)
    calm = ~((ratio - ratio.floor() - 0.5).abs() < 1e-4 * (1 + ratio.abs())).any(1)
    close(ours[0][calm], reference[0][calm])
    assert ours[5] is None and reference[5] is None

    row = Entries(quantiser.levels, bits, shape["fan_in"]).row
    slopes = torch.randn(*counts.shape, row, generator=draw)
    shares = torch.randn(2, *counts.shape, generator=draw)
    close(
        native_ops.gather(gradient, *shares, slopes, addresses, wires, features),
        torch_ops.gather(gradient, *shares, slopes, plain, wires, features),
    )
    for form in (slopes, *([slopes[:, :, 0]] if bits == 1 else [])):
        lone = (gradient, shares[0], None, form)
        close(
            native_ops.gather(*lone, addresses, wires, features),
            torch_ops.gather(*lone, plain, wires, features),
        )
        candidates = torch.randint(0, features, (*wires.shape, 3), generator=draw)
        wanted = (codes, wires, candidates)
        ours = native_ops.gains(gradient, form, addresses, *wanted)
        reference = torch_ops.gains(gradient, form, plain, *wanted)
        scale = 1 + reference.abs().max() + 256 * batch**0.5
        close(ours / scale, reference / scale)


@given(shapes(), st.integers(1, 40), st.booleans())
@settings(max_examples=60, deadline=None)
def test_skip_mlp_equals_torch(shape: dict[str, Any], hidden: int, skip: bool) -> None:
    draw = torch.Generator().manual_seed(shape["seed"])
    function = SkipMlp(shape["neurons"], shape["fan_in"], hidden, skip, draw)
    levels = torch.randn(1 << shape["bits"], generator=draw)
    entries = Entries(levels, shape["bits"], shape["fan_in"])
    table = function.table(entries)
    reference = function(entries.values)
    close(table, reference)
    digits = slice(shape["fan_in"])
    arguments = table.detach(), levels.sort().values, shape["bits"], entries.row
    one, other = (ops.differences(*arguments) for ops in (native_ops, torch_ops))
    assert torch.equal(one[..., digits], other[..., digits])
    gradient = torch.randn(table.shape, generator=draw)
    parameters = list(function.parameters())
    # A unit at the very edge of its ReLU may be on in one and off in the other.
    z = entries.values.expand(shape["neurons"], -1, -1)
    inputs = torch.baddbmm(function.hidden_bias, function.hidden_weight, z)
    if (inputs.abs() < 1e-4).any():
        return
    for one, other in zip(
        torch.autograd.grad(table, parameters, gradient),
        torch.autograd.grad(reference, parameters, gradient),
        strict=True,
    ):
        close(one / (1 + other.abs().max()), other / (1 + other.abs().max()))
    reference = TableFunction.slopes(function, entries)[..., digits]
    close(function.slopes(entries)[..., digits], reference)


@given(
    st.integers(1, 9), st.integers(1, 12), st.integers(1, 3), st.integers(1, 9), st.integers(1, 40),
    st.booleans(), st.integers(0, 999),
)  # fmt: skip
def test_bloom_filters_equal_torch(
    filters: int, size: int, hashes: int, address_bits: int, classes: int, drop: bool, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)

    def whole(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=draw)

    bits = whole(0, 2, 20, 70).to(torch.uint8)
    hashing = bits, whole(0, 20, filters, size), whole(0, 1 << address_bits, hashes, size)
    plain = torch_ops.hash_bits(*hashing)
    addresses = native_ops.hash_bits(*hashing)
    assert torch.equal(addresses.long(), plain)
    entries = whole(-3, 3, filters, 1 << address_bits, classes).float()  # many are equal
    heard = whole(0, 2, filters, 70).to(torch.uint8) if drop else None
    kept = whole(0, 2, filters, classes).float()
    sums = native_ops.bloom(entries, addresses, kept, heard)
    assert torch.equal(sums, torch_ops.bloom(entries, plain, kept, heard))
    gradient = whole(-9, 9, 70, classes).float()  # whose sums are exact
    ours = native_ops.bloom_backward(gradient, entries, addresses, kept, heard)
    assert torch.equal(ours, torch_ops.bloom_backward(gradient, entries, plain, kept, heard))
    with pytest.raises(IndexError, match="outside of its filter"):
        native_ops.bloom(entries, addresses | (1 << address_bits), kept, heard)


def step(threads: int) -> list[Tensor]:
    """One forward and backward pass of two layers; every result of it."""
    assert native is not None
    draw = torch.Generator().manual_seed(5)
    source = Quantiser(2, signed=True)
    layers = [
        TableLayer(
            random_wiring(500, 3, 60, draw), 2, SkipMlp(500, 3, 9, True, draw), Quantiser(1, False)
        ),
        TableLayer(
            random_wiring(70, 6, 500, draw), 1, SkipMlp(70, 6, 20, True, draw), Quantiser(4, True)
        ),
    ]
    x = torch.randn(60, 300, generator=draw, requires_grad=True)
    values, codes = source(x)
    flow = Signal(codes, source.levels, source.bits, values)
    before = native.threads()
    native.set_threads(threads)
    try:
        for layer in layers:
            flow = layer(flow)
        (flow.values * torch.randn(flow.values.shape, generator=draw)).sum().backward()
    finally:
        native.set_threads(before)
    gradients = [p.grad for layer in layers for p in layer.parameters() if p.grad is not None]
    assert x.grad is not None
    return [flow.codes, x.grad, *gradients]


def test_any_thread_count_gives_the_same_bits() -> None:
    alone = step(1)
    for threads in (2, 3, 8):
        for one, other in zip(step(threads), alone, strict=True):
            assert torch.equal(one, other)


def test_bad_arguments_are_refused() -> None:
    codes = torch.zeros(2, 3, dtype=torch.uint8)
    with pytest.raises(IndexError, match="does not exist"):
        native_ops.address(codes, torch.tensor([[2]]), 1)
    with pytest.raises(ValueError, match="more bits"):
        native_ops.address(codes + 2, torch.tensor([[1]]), 1)
    with pytest.raises(ValueError, match="1 to 16 bits"):
        native_ops.address(codes, torch.zeros(1, 17, dtype=torch.int64), 1)
    with pytest.raises(ValueError, match="1 to 16 bits"):
        native_ops.address(codes, torch.zeros(1, 0, dtype=torch.int64), 1)
    with pytest.raises(ValueError, match="row of slopes"):
        native_ops.differences(torch.zeros(1, 2), torch.zeros(2), 1, 5)
    shares, slopes = torch.zeros(2, 1, 2), torch.zeros(1, 2, 8)
    addresses = torch.zeros(1, 3, dtype=torch.uint8)
    with pytest.raises(IndexError, match="does not exist"):
        native_ops.gather(torch.zeros(1, 3), *shares, slopes, addresses, torch.tensor([[2]]), 2)
    with pytest.raises(ValueError, match="each of their combinations"):
        native_ops.gather(
            torch.zeros(1, 3), *shares, torch.zeros(1, 2), addresses, torch.tensor([[1, 0]]), 2
        )
    with pytest.raises(IndexError, match="does not exist"):
        native_ops.gains(
            torch.zeros(1, 3), slopes, addresses, torch.zeros(9, 3, dtype=torch.uint8),
            torch.tensor([[1]]), torch.tensor([[[9, 1]]]),
        )  # fmt: skip
    with pytest.raises(TypeError, match="contiguous"):
        native_ops.pointer(torch.zeros(3, 2).T)
    with pytest.raises(TypeError, match="uint8"):
        native_ops.address(codes.long(), torch.tensor([[1]]), 1)


def test_no_samples_and_no_neurons_are_no_work() -> None:
    codes, wires = torch.zeros(3, 0, dtype=torch.uint8), torch.tensor([[0, 2]])
    for run in (native_ops, torch_ops):
        assert run.transpose(codes.T).shape == (3, 0)
        assert [x.shape for x in run.address(codes, wires, 1)] == [(1, 0), (1, 4)]
        assert [x.shape for x in run.address(codes, wires[:0], 1)] == [(0, 0), (0, 4)]
        assert [x.shape for x in run.unique_address(codes, wires, 1)] == [(1, 0)] * 3


def test_what_is_not_a_number_stays_so() -> None:
    function = SkipMlp(2, 3, 5)
    with torch.no_grad():
        function.hidden_weight[0] = torch.nan
    table = function.table(Entries(torch.tensor([-1.0, 1.0]), 1, 3))
    assert table[0].isnan().all() and table[1].isfinite().all()


@given(
    st.integers(1, 9),
    st.integers(1, 200),
    st.integers(1, 12),
    st.integers(0, 1 << 31),
    st.booleans(),
)
@settings(max_examples=60)
def test_thermometers_equal_torch(
    features: int, batch: int, thresholds: int, seed: int, whole: bool
) -> None:
    draw = torch.Generator().manual_seed(seed)
    x, limits = (
        torch.randn(features, batch, generator=draw),
        torch.randn(features, thresholds, generator=draw),
    )
    unit = 1.0
    if whole:  # codes, many of which are at a threshold
        x, limits, unit = (20 * x).round(), (20 * limits).round(), 0.05
    x[0, 0] = limits[0, 0]
    codes = native_ops.thermometer(x, limits)
    assert codes[0, 0] == 1 and torch.equal(codes, torch_ops.thermometer(x, limits))
    gradient = torch.randn(features * thresholds, batch, generator=draw)
    for sent in (gradient, gradient.T.contiguous().T, gradient[:, :1].expand_as(gradient)):
        ours = native_ops.thermometer_backward(sent, x, limits * unit, unit)
        reference = torch_ops.thermometer_backward(sent, x, limits * unit, unit)
        for one, other in zip(ours, reference, strict=True):
            close(one, other)
    near = torch.full((1, 3), 0.5)
    slopes, _ = native_ops.thermometer_backward(torch.ones(1, 3), near, torch.tensor([[0.2]]), 1.0)
    close(slopes, torch.full((1, 3), 0.7))
