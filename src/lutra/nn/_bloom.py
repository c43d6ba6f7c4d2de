"""Bloom filters of real entries, which gradients train."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.nn._noise import Dropout
from lutra.nn._table_domain import operations

__all__ = ["BloomFilters"]


class BloomFilters(nn.Module):
    """One filter per class and tuple of bits: ``y = sign(min_j entry[hash_j])`` (ULEEN).

    "A Novel Architecture for Ultra Low-Energy Edge Neural Networks", TACO 2023, arXiv 2304.10618.
    Hardware keeps the signs and ANDs them. A gradient passes the sign as if it were not there, to
    the least entry alone. An address has the entries of all classes in a row: one look-up serves
    them all.

    Parameters
    ----------
    order
        Bits that each filter reads. Shape (n, t).
    words
        A bit that is 1 changes the addresses by these, XORed. Shape (hashes, t), from 0 to E - 1.
    address_bits
        E is ``2**address_bits``.
    classes
        Filters per tuple.
    generator
        Source of the initial entries.
    """

    def __init__(
        self,
        order: Tensor,
        words: Tensor,
        address_bits: int,
        classes: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.order: Tensor
        self.register_buffer("order", order.contiguous(), persistent=False)
        self.words: Tensor
        self.register_buffer("words", words, persistent=False)
        entries = torch.empty(len(order), 1 << address_bits, classes)
        self.entries = nn.Parameter(entries.uniform_(-1, 1, generator=generator))
        self.bias = nn.Parameter(torch.zeros(classes))
        """In filters, rounded: what it adds to the count of those that know a sample."""
        self.kept: Tensor
        self.register_buffer("kept", torch.ones(len(order), classes))
        """1 where a filter counts, 0 where it is pruned."""

    def forward(self, bits: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Return sums of answers of -1 and 1, and twice the bias: (batch, classes).

        Parameters
        ----------
        bits
            (features, batch) uint8.
        dropout
            Leaves answers out, those of all classes to a tuple at once.
        """
        addresses = operations(self.entries).hash_bits(bits, self.order, self.words)
        heard = None if dropout is None else dropout.draw(len(self.order), bits.shape[1])
        sums = _Answers.apply(self.entries, addresses, self.kept, heard)
        assert isinstance(sums, Tensor)
        if dropout is not None:
            sums = sums / (1 - dropout.rate)
        return sums + 2 * (self.bias + (self.bias.round() - self.bias).detach())

    @torch.no_grad()
    def counts(self, bits: Tensor) -> Tensor:
        """Return how many filters know the samples, bias included: (batch, classes), int64."""
        return (self(bits) + self.kept.sum(0)).long() // 2

    @torch.no_grad()
    def weigh(self, bits: Tensor, weights: Tensor) -> Tensor:
        """Return every filter's answers to samples, times weights (batch, classes), added up.

        Shape (n, classes).
        """
        run = operations(self.entries)
        addresses = run.hash_bits(bits, self.order, self.words)
        every = torch.ones_like(self.kept)
        sums = run.bloom_backward(weights, self.entries, addresses, every, None)
        return torch.where(self.entries >= 0, sums, -sums).sum(1)

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep entries where their gradients pass."""
        self.entries.clamp_(-1, 1)


class _Answers(torch.autograd.Function):
    """Sums over filters of the signs of the least entries."""

    @staticmethod
    def forward(
        ctx: Any, entries: Tensor, addresses: Tensor, kept: Tensor, heard: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(entries, addresses, kept, heard)
        return operations(entries).bloom(entries, addresses, kept, heard)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None, None]:
        run = operations(gradient)
        return run.bloom_backward(gradient, *ctx.saved_tensors), None, None, None
