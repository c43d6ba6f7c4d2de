"""Tables as parameters: their slopes by definition, their forms, their encoders and wiring."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import Builder, evaluate
from lutra.nn import (
    Direct,
    LearnedThermometer,
    ThermometerEncoder,
    _torch_ops,
    balanced_wiring,
    thermometer,
)
from lutra.nn._wiring import shuffled
from lutra.nn.functions import Entries, Parametrisation, bit_mixing

GATES = ["0", "~(a|b)", "a&~b", "~b", "~a&b", "~a", "a^b", "~(a&b)",
         "a&b", "~(a^b)", "a", "a|~b", "b", "~a|b", "a|b", "1"]  # fmt: skip


@pytest.mark.parametrize("gradient", ["difference", "extended", "extended-linear"])
@pytest.mark.parametrize("bits", [1, 2, 5])
def test_slopes_are_the_published_sums_over_all_pairs(gradient: str, bits: int) -> None:
    table = torch.randn(3, 1 << bits, generator=torch.Generator().manual_seed(bits)).double()
    mixed = table @ bit_mixing(bits, gradient)  # pyright: ignore[reportArgumentType]
    found = _torch_ops.differences(mixed, torch.tensor([0.0, 1.0]).double(), 1, bits)
    for address in range(1 << bits):
        for bit in range(bits):
            expected = torch.zeros(3).double()
            for other in range(1 << bits):
                distance = ((address ^ other) & ~(1 << bit)).bit_count()
                weight = {
                    "difference": float(distance == 0),
                    "extended": 0.5 * 0.75 ** (bits - 1) * (1 / 3) ** distance,
                    "extended-linear": 1 / (distance + 1),
                }[gradient]
                expected += (1 if other >> bit & 1 else -1) * weight * table[:, other]
            torch.testing.assert_close(found[:, address, bit], expected)


def test_full_softness_is_half_the_difference() -> None:
    assert torch.equal(bit_mixing(4, "extended", 1.0), torch.eye(16).double() / 2)


@pytest.mark.parametrize("parametrisation", ["entries", "logits", "walsh", "gates"])
def test_a_residual_table_passes_its_first_bit(parametrisation: Parametrisation) -> None:
    function = Direct(50, 2, parametrisation, residual=True)
    function.constrain()
    values = function.table(Entries(torch.tensor([0.0, 1.0]), 1, 2))
    passing = ((values > 0.5) == torch.tensor([False, True, False, True])).float().mean()
    assert passing > (0.6 if parametrisation == "entries" else 0.95)


def test_a_certain_gate_is_its_function() -> None:
    function = Direct(16, 2, "gates")
    with torch.no_grad():
        function.table_weight.copy_(100 * torch.eye(16))
    found = function.table(Entries(torch.tensor([0.0, 1.0]), 1, 2)) > 0.5
    for gate in range(16):
        bits = [gate >> entry & 1 for entry in range(4)]
        assert found[gate].tolist() == [bool(bit) for bit in bits]


def test_walsh_coefficients_are_parities() -> None:
    function = Direct(8, 3, "walsh")
    with torch.no_grad():
        function.table_weight.copy_(100 * torch.eye(8))
    found = function.table(Entries(torch.tensor([0.0, 1.0]), 1, 3)) > 0.5
    for subset in range(8):
        assert found[subset].tolist() == [(subset & e).bit_count() % 2 == 0 for e in range(8)]


@pytest.mark.parametrize("parametrisation", ["logits", "walsh"])
def test_a_relaxed_table_is_its_multilinear_extension(parametrisation: Parametrisation) -> None:
    function = Direct(3, 4, parametrisation, relaxed=True).double()
    corners = Entries(torch.tensor([0.0, 1.0]).double(), 1, 4).values.expand(3, -1, -1)
    torch.testing.assert_close(function.relax(corners), function.values())
    z = torch.rand(3, 4, 50, dtype=torch.float64, requires_grad=True)
    weight = torch.where(corners[:, :, :, None] > 0, z[:, :, None], 1 - z[:, :, None]).prod(1)
    expected = (function.values()[:, :, None] * weight).sum(1)
    torch.testing.assert_close(function.relax(z), expected)


def test_a_spectrum_counts_by_its_degree() -> None:
    function = Direct(8, 3, "entries", spectral=1.0)
    parity = [[(s & e).bit_count() % 2 for e in range(8)] for s in range(8)]
    with torch.no_grad():
        function.table_weight.copy_(torch.tensor(parity) - 0.5)
    found = function.penalty()
    assert found is not None
    degrees = sum(s.bit_count() for s in range(8))
    torch.testing.assert_close(found, torch.tensor(degrees / 4))  # values are +- 1/2
    assert Direct(2, 2).penalty() is None


def test_gumbel_noise_is_the_steps_and_the_seeds() -> None:
    def values(function: Direct) -> list[torch.Tensor]:
        found = []
        for _ in range(2):
            found += [function.values(), function.values()]
            function.constrain()
        return found

    one, two = (
        Direct(9, 2, "gates", gumbel=True, generator=torch.Generator().manual_seed(4))
        for _ in range(2)
    )
    first, again, second, _ = values(one)
    assert torch.equal(first, again) and not torch.equal(first, second)
    assert all(map(torch.equal, values(two), [first, again, second, second]))
    quiet = one.eval().values()
    assert torch.equal(quiet, two.eval().values()) and not torch.equal(quiet, second)


def test_what_a_table_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="two inputs"):
        Direct(2, 3, "gates")
    with pytest.raises(ValueError, match="Gumbel"):
        Direct(2, 2, "logits", gumbel=True)
    with pytest.raises(ValueError, match="no relaxation"):
        Direct(2, 2, "entries", relaxed=True)


@given(st.booleans(), st.integers(0, 999))
def test_learned_thresholds_begin_where_others_stay_and_move(signed: bool, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    low = -128 if signed else 0
    limits = torch.randint(low, low + 257, (5, 3), generator=draw)
    raw = torch.randint(low, low + 256, (5, 80), generator=draw)
    fixed, learned = (kind(limits, 8, signed) for kind in (ThermometerEncoder, LearnedThermometer))
    assert torch.equal(fixed(raw).codes, learned(raw).codes)
    assert torch.equal(fixed.thresholds(), learned.thresholds())
    carrier = learned(raw).carrier
    assert carrier is not None
    carrier.backward(torch.ones(carrier.shape))
    distance = (raw[:, None] / 256 - learned.position[:, :, None]).detach().double()
    expected = -(16 * (distance * 16).sigmoid() * (-distance * 16).sigmoid()).sum(2)
    torch.testing.assert_close(learned.position.grad, expected.float(), rtol=1e-4, atol=1e-5)


def test_entries_stay_where_gradients_pass() -> None:
    function = Direct(5, 3, "entries")
    with torch.no_grad():
        function.table_weight.mul_(10)
    function.constrain()
    assert (function.table_weight.abs() < 1).all()
    assert function.table_weight.abs().max() > 0.99


@given(st.integers(1, 6), st.sampled_from(["uniform", "gaussian", "quantile"]), st.integers(0, 99))
def test_the_circuit_builds_the_thresholds_that_are_read(count: int, kind: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    raw = draw.integers(-128, 128, (60, 4))
    limits = thermometer(torch.from_numpy(raw), count, kind)  # pyright: ignore[reportArgumentType]
    assert limits.shape == (4, count) and (limits.diff(dim=1) >= 0).all()
    encoder = ThermometerEncoder(limits, 8, True)
    read = np.sort(draw.permutation(4 * count)[: 1 + 2 * count])
    builder = Builder(4, 8, True)
    words, _ = encoder.lower(builder, read)
    builder.output("bits", type(words)(words.bits[read]))
    circuit = builder.build("encoder")
    assert circuit.ops[0].size == len(read)
    codes = encoder(torch.from_numpy(raw.T)).codes.numpy()
    assert np.array_equal(evaluate(circuit, raw)["bits"], codes[read].T)


def test_thresholds_stand_where_their_names_say() -> None:
    raw = torch.arange(100)[:, None] ** 2
    assert thermometer(raw, 3, "uniform").tolist() == [[2451, 4901, 7351]]
    assert thermometer(raw, 3, "quantile").tolist() == [[626, 2501, 5626]]
    middle = thermometer(raw, 3, "gaussian")[0, 1].item()
    assert middle == int(raw.double().mean()) + 1


@given(st.integers(1, 60), st.integers(1, 6), st.integers(6, 40), st.integers(0, 2**31))
def test_balanced_wiring_reads_all_features_alike(n: int, f: int, features: int, s: int) -> None:
    wires = balanced_wiring(n, f, features, torch.Generator().manual_seed(s))
    assert wires.shape == (n, f) and (wires >= 0).all() and (wires < features).all()
    assert (wires[:, 1:] > wires[:, :-1]).all()
    counts = wires.flatten().bincount(minlength=features)
    doubled = n * f // features  # a neuron where permutations meet may have been mended
    assert counts.max() - counts.min() <= 1 + 2 * (doubled + 1)


@given(st.integers(1, 20), st.integers(1, 5), st.integers(0, 99))
def test_shuffled_wires_are_the_same_in_another_order(n: int, f: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    wires = balanced_wiring(n, f, 40, draw)
    other = shuffled(wires, draw)
    assert torch.equal(other.sort(1).values, wires)
    if n * f > 30 and f > 1:
        assert not torch.equal(other, wires)
