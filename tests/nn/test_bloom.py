"""Bloom filters that gradients train: by definition, sample by sample."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lutra.nn import BloomFilters, Dropout


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        del ctx
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        del ctx
        return gradient


def by_sample(filters: BloomFilters, bits: Tensor, heard: Tensor, rate: float) -> Tensor:
    rows = []
    for sample in range(bits.shape[1]):
        total = 2 * (filters.bias + (filters.bias.round() - filters.bias).detach())
        for number, order in enumerate(filters.order):
            found = []
            for words in filters.words:
                address = 0
                for place, word in zip(order, words, strict=True):
                    address ^= int(word) * int(bits[place, sample])
                found.append(filters.entries[number, address])
            answer = Sign.apply(torch.stack(found).min(0).values)
            counts = filters.kept[number] * heard[number, sample]
            total = total + counts * answer / (1 - rate)
        rows.append(total)
    return torch.stack(rows)


@given(
    st.integers(1, 5), st.integers(1, 7), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4),
    st.integers(0, 999),
)  # fmt: skip
def test_sums_and_gradients_are_those_of_the_definition(
    count: int, size: int, hashes: int, address_bits: int, classes: int, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    order = torch.randint(0, 12, (count, size), generator=draw)
    words = torch.randint(0, 1 << address_bits, (hashes, size), generator=draw)
    filters = BloomFilters(order, words, address_bits, classes, draw).double()
    with torch.no_grad():
        filters.bias.uniform_(-3, 3, generator=draw)
        filters.kept.random_(0, 2, generator=draw)
    bits = torch.randint(0, 2, (12, 6), generator=draw).to(torch.uint8)
    gradient = torch.randn(6, classes, generator=draw, dtype=torch.float64)
    for rate in (0.0, 0.5):
        dropout = Dropout(rate, torch.Generator().manual_seed(seed)) if rate else None
        heard = torch.ones(count, 6)
        if rate:
            heard = Dropout(rate, torch.Generator().manual_seed(seed)).draw(count, 6)
        ours, reference = filters(bits, dropout), by_sample(filters, bits, heard, rate)
        assert torch.equal(ours, reference)
        parameters = list(filters.parameters())
        one = torch.autograd.grad(ours, parameters, gradient)
        other = torch.autograd.grad(reference, parameters, gradient)
        for x, y in zip(one, other, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)
    known = (
        filters(bits) - 2 * filters.bias.round() + filters.kept.sum(0)
    ) / 2 + filters.bias.round()
    assert torch.equal(filters.counts(bits), known.long())


def test_entries_stay_within_1() -> None:
    filters = BloomFilters(torch.zeros(2, 3, dtype=torch.int64), torch.ones(1, 3).long(), 2, 3)
    with torch.no_grad():
        filters.entries.mul_(5)
    filters.constrain()
    assert filters.entries.abs().max() == 1
