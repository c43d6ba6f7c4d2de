"""The table domain: evaluate each neuron on its 2**k entries, look the samples up.

A neuron of k address bits can only see E = 2**k inputs. The forward pass packs each sample's
address and reads one entry; the backward pass adds each sample's gradient to its entry, and
parameters get theirs from (n, E) arrays. Two autograd functions join the two worlds:

`QuantisedLookup`   table values (n, E) -> the samples' normalised, quantised codes (n, B)
`Feed`              samples (features, B) -> the table values that depend on them

With g the gradient at the lookup's output, G its sum per entry, D = dy/dT at fixed batch statistics
and P[f] = dT/dz_f the derivative of a table value by digit f, a sample with address e sends
``(g * D[e] + K[e]) * P[f, e]`` to the feature of digit f. Here K, the same for all samples of an
entry, is what reaches it through the batch statistics: with x the normalised table value,
``K = -D_max / B * (sum_e dy + x * sum_e (dy * x))``, D_max being D inside the quantiser's range.
This equals per-sample autograd exactly (see tests/nn).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lutra.nn import _native_ops, _torch_ops
from lutra.nn._signal import Signal
from lutra.nn._torch_ops import NormQuantise, sample_gradient

__all__ = ["Feed", "Link", "Observer", "QuantisedLookup", "operations"]

Observer = Callable[[Signal, Tensor, "Link"], None]
"""Called in a backward pass with a layer's input and its samples' table gradients (n, B)."""


def operations(x: Tensor) -> ModuleType:
    """Return the operations for ``x``'s device and float type: native kernels or plain torch."""
    return _native_ops if _native_ops.usable(x) else _torch_ops


@dataclass
class Link:
    """What the two functions of one layer share during one step."""

    operations: ModuleType
    wires: Tensor
    """(n, F) source feature of every digit."""
    addresses: Tensor
    """(n, B)."""
    counts: Tensor | None
    """(n, E) samples at every entry; None where no norm wants statistics of them."""
    slopes: Callable[[], Tensor]
    """P, see `lutra.nn.functions.TableFunction.slopes`."""
    mixed: Callable[[], Tensor | None] = lambda: None
    """See `lutra.nn.functions.TableFunction.mixed`."""
    observer: Callable[[Tensor, "Link"], None] | None = None
    mean: Tensor = field(init=False)
    """Batch statistics, (n,); set by the forward pass of `QuantisedLookup`."""
    variance: Tensor = field(init=False)
    gradients: tuple[Tensor, Tensor, Tensor | None] | None = field(init=False)
    """g (n, B), D and K (n, E); set by its backward pass."""

    def given_slopes(self) -> Tensor:
        """Return slopes in the cheaper form for `lutra.nn._torch_ops.gather`."""
        mixed = self.mixed()
        return self.slopes() if mixed is None else mixed

    def met(self, entries: int) -> Tensor:
        """Return how many samples meet each entry, (n, E)."""
        if self.counts is not None:
            return self.counts
        at = self.addresses.long()
        return torch.zeros(len(at), entries, device=at.device).scatter_add_(
            1, at, torch.ones(at.shape, device=at.device)
        )


class QuantisedLookup(torch.autograd.Function):
    """Normalise and quantise a table, read each sample's entry."""

    @staticmethod
    def forward(
        ctx: Any,
        table: Tensor,
        weight: Tensor,
        bias: Tensor,
        step: Tensor,
        link: Link,
        eps: float,
        q_min: int,
        q_max: int,
    ) -> tuple[Tensor, Tensor]:
        """Return the carrier and the codes (uint8) of a `lutra.nn._signal.Signal`, both (n, B)."""
        output = NormQuantise(weight, bias, eps, step, q_min, q_max)
        run, batch = link.operations, link.addresses.shape[1]
        table_codes, link.mean, link.variance = run.quantise(table, link.counts, batch, output)
        codes = run.lookup(table_codes, link.addresses)
        ctx.link, ctx.output, ctx.table = link, output, table
        ctx.mark_non_differentiable(codes)
        return table.new_empty(()).expand(codes.shape), codes

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor, _codes: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Sum the samples' gradients per entry; go back through quantiser and norm."""
        link: Link = ctx.link
        *gradients, direct, shared = link.operations.quantise_backward(
            gradient, link.addresses, ctx.table, link.counts, link.mean, link.variance, ctx.output
        )
        link.gradients = gradient, direct, shared
        if link.observer is not None:
            at = link.addresses.long()
            link.observer(sample_gradient(gradient, direct, shared, at), link)
        return *gradients, None, None, None, None


class Feed(torch.autograd.Function):
    """Tie a table to the samples that read it; backward returns the samples' gradients."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, carrier: Tensor, link: Link) -> Tensor:
        """Return the table unchanged."""
        ctx.link, ctx.features = link, len(carrier)
        return table.view_as(table)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        """Send every sample's gradient to the features that its neurons read."""
        link: Link = ctx.link
        assert link.gradients is not None
        result = link.operations.gather(
            *link.gradients, link.given_slopes(), link.addresses, link.wires, ctx.features
        )
        link.gradients = None
        return gradient, result, None
