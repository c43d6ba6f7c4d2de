"""Noise flips single bits of a share of the codes; gradients do not notice."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.nn import BitFlips, Quantiser, Signal


@given(st.integers(1, 8), st.booleans(), st.integers(0, 2**31))
def test_flips_change_one_bit_and_no_gradient(bits: int, signed: bool, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    quantiser = Quantiser(bits, signed)
    x = torch.randn(20, 50, generator=draw, requires_grad=True)
    values, codes = quantiser(x)
    before, (plain,) = codes.clone(), torch.autograd.grad(values.sum(), x, retain_graph=True)

    noisy = BitFlips(0.1, draw)(Signal(codes, quantiser.levels, bits, values))
    torch.testing.assert_close(noisy.values, quantiser.levels[noisy.codes.long()])
    changed = noisy.codes ^ before
    assert 50 <= (changed != 0).sum() <= 100  # of 1000, less those that were hit twice
    # A position hit twice may differ in two bits; most differ in one.
    assert ((changed & (changed - 1)) == 0)[changed != 0].double().mean() > 0.8
    assert int(noisy.codes.max()) < 1 << bits
    (through,) = torch.autograd.grad(noisy.values.sum(), x)
    assert torch.equal(through, plain)


def test_equal_generators_flip_equal_bits() -> None:
    quantiser = Quantiser(2, False)
    _, codes = quantiser(torch.randn(30, 40))

    def flipped(seed: int) -> torch.Tensor:
        draw = torch.Generator().manual_seed(seed)
        signal = Signal(codes.clone(), quantiser.levels, 2)
        return BitFlips(0.05, draw)(signal).codes

    assert torch.equal(flipped(1), flipped(1))
    assert not torch.equal(flipped(1), flipped(2))
