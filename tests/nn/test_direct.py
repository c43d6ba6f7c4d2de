"""Tables as parameters: their slopes by definition, their forms, their encoders and wiring."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import Builder, evaluate
from lutra.nn import Direct, ThermometerEncoder, _torch_ops, balanced_wiring, thermometer
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
