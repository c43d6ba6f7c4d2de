"""Operations that only a GPU uses."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lutra.nn._torch_ops import whole_sums


@given(st.integers(0, 1 << 32), st.integers(-90, 30))
def test_sums_in_whole_numbers_are_the_same_in_any_order(seed: int, exponent: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    gradient = torch.randn(3, 500, generator=draw) * 2.0**exponent
    addresses = torch.randint(8, (3, 500), generator=draw)
    found = whole_sums(gradient, addresses, 8)
    exact = torch.zeros(3, 8, dtype=torch.float64).scatter_add_(1, addresses, gradient.double())
    rounding = 2.0**-23 * exact.abs() + 500 * 2.0**-40 * gradient.abs().max()
    assert ((found - exact).abs() <= rounding).all()
    order = torch.randperm(500, generator=draw)
    assert torch.equal(found, whole_sums(gradient[:, order], addresses[:, order], 8))


def test_sums_of_nothing_and_of_no_numbers() -> None:
    addresses = torch.zeros(2, 4, dtype=torch.int64)
    assert torch.equal(whole_sums(torch.zeros(2, 4), addresses, 4), torch.zeros(2, 4))
    broken = torch.tensor([[1.0, 2.0, 3.0, torch.nan], [1.0] * 4])
    assert whole_sums(broken, addresses, 4).isnan().any()
