"""The table domain: evaluate each neuron on its 2**k entries, look the samples up.

A neuron of k address bits can only see E = 2**k inputs. The forward pass packs each sample's
address and reads one entry; the backward pass adds each sample's gradient to its entry and lets
autograd do the rest on (n, E) arrays. Two autograd functions join the two worlds:

`Lookup`   table values (n, E) -> sample values (n, B)
`Feed`     sample values (features, B) -> entry inputs (n, F, E)

With g the gradient at the lookup's output, G its sum per entry, and A = dY/dv the derivative of
the table value by digit f at fixed batch statistics, a sample's input gradient is
``g[n, b] * A[n, f, e] + C[n, f, e]`` where e is its address and
``C = (dL/dv - G * A) / count`` is what reaches the entry through the batch statistics, shared
equally by its samples. This equals per-sample autograd exactly (see tests/nn).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lutra._kernels import native

__all__ = ["Feed", "Link", "Lookup", "histogram", "pack_addresses", "pack_addresses_torch"]


@dataclass
class Link:
    """What `Lookup` and `Feed` of one layer share during one step."""

    wires: Tensor
    """(n, F) source feature of every digit."""
    addresses: Tensor
    """(n, B) int64."""
    counts: Tensor
    """(n, E) samples at every entry."""
    slopes: Tensor | None = None
    """A = dY/dv at fixed batch statistics, (n, F, E)."""
    gradient: Tensor | None = None
    """g, (n, B); set by the backward pass of `Lookup`."""
    entry_gradient: Tensor | None = None
    """G, (n, E); set with it."""


def pack_addresses(codes: Tensor, wires: Tensor, bits: int) -> Tensor:
    """Concatenate each neuron's digits to its table address, digit 0 in the lowest bits.

    Parameters
    ----------
    codes
        (features, batch) uint8.
    wires
        (n, F) feature read by each digit.
    bits
        Bits per digit; ``F * bits <= 16``.

    Returns
    -------
    (n, batch) int64.
    """
    if native is not None and codes.device.type == "cpu":
        addresses = torch.empty(len(wires), codes.shape[1], dtype=torch.int64)
        native.pack_addresses(codes.contiguous(), wires.contiguous(), bits, addresses)
        return addresses
    return pack_addresses_torch(codes, wires, bits)


def pack_addresses_torch(codes: Tensor, wires: Tensor, bits: int) -> Tensor:
    """Do the same in plain torch: the oracle of the native kernel, and the path elsewhere."""
    address = codes[wires[:, 0]].to(torch.int32)
    for digit in range(1, wires.shape[1]):
        address += codes[wires[:, digit]].to(torch.int32) << (digit * bits)
    return address.long()


def histogram(addresses: Tensor, entries: int, dtype: torch.dtype) -> Tensor:
    """Count how often each neuron meets each address. Shape (n, entries)."""
    n = addresses.shape[0]
    rows = torch.arange(n, device=addresses.device)[:, None] * entries
    counts = torch.bincount((addresses + rows).view(-1), minlength=n * entries)
    return counts.view(n, entries).to(dtype)


class Lookup(torch.autograd.Function):
    """Read each sample's table entry; backward sums the samples' gradients per entry."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, link: Link) -> Tensor:
        """Return ``table[n, addresses[n, b]]``. Shape (n, batch)."""
        ctx.link, ctx.shape = link, table.shape
        return table.gather(1, link.addresses)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None]:
        """Scatter the gradient into the entries."""
        link: Link = ctx.link
        entry = gradient.new_zeros(ctx.shape).scatter_add_(1, link.addresses, gradient)
        link.gradient, link.entry_gradient = gradient, entry
        return entry, None


class Feed(torch.autograd.Function):
    """Give a layer its (n, F, E) entry inputs; backward returns the samples' input gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, entries: Tensor, link: Link) -> Tensor:
        """Return ``entries`` unchanged, tied to ``values`` in the autograd graph."""
        ctx.link, ctx.shape = link, values.shape
        return entries.clone()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        """Split the entries' gradients over the samples and add them up per feature."""
        link: Link = ctx.link
        slopes, sample, entry = link.slopes, link.gradient, link.entry_gradient
        assert slopes is not None and sample is not None and entry is not None
        shared = (gradient - slopes * entry[:, None]) / link.counts.clamp_min(1)[:, None]
        result = sample.new_zeros(ctx.shape)
        for digit in range(link.wires.shape[1]):
            part = slopes[:, digit].gather(1, link.addresses).mul_(sample)
            part += shared[:, digit].gather(1, link.addresses)
            result.index_add_(0, link.wires[:, digit], part)
        link.slopes = link.gradient = link.entry_gradient = None
        return result, None, None
