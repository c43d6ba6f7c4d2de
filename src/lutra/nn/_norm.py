"""Batch normalisation with its statistics at hand."""

import torch
from torch import Tensor, nn

__all__ = ["BatchNorm", "NoNorm"]


class BatchNorm(nn.Module):
    """Batch normalisation of n neurons, as `torch.nn.BatchNorm1d` in momentum and epsilon.

    In the table domain the batch's statistics are sums over a table's entries, weighted by how
    many samples meet each (`lutra.nn._torch_ops.quantise`).
    """

    by_batch = True

    def __init__(self, size: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and biased variance of ``x``, shape (n, batch); running ones in eval mode."""
        if not self.training:
            return self.mean, self.variance
        mean = x.mean(dim=1)
        variance = (x - mean[:, None]).square().mean(dim=1)
        self.update(mean, variance, x.shape[1])
        return mean, variance

    @torch.no_grad()
    def update(self, mean: Tensor, variance: Tensor, batch: int) -> None:
        """Move the running statistics towards a batch's mean and biased variance."""
        self.mean.lerp_(mean, self.momentum)
        self.variance.lerp_(variance * (batch / max(1, batch - 1)), self.momentum)

    def normalise(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Apply the affine map for given statistics. Shape of ``x``: (n, entries)."""
        scale = self.weight / (variance + self.eps).sqrt()
        return (x - mean[:, None]) * scale[:, None] + self.bias[:, None]

    def forward(self, x: Tensor) -> Tensor:
        """Normalise samples of shape (n, batch)."""
        return self.normalise(x, *self.statistics(x))


class NoNorm(nn.Module):
    """What stands behind a table in the place of `BatchNorm` where values stay as they are."""

    by_batch = False
    eps = 1.0

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor
        self.mean: Tensor
        self.variance: Tensor
        for name, value in (("weight", 1.0), ("bias", 0.0), ("mean", 0.0), ("variance", 0.0)):
            self.register_buffer(name, torch.full((size,), value), persistent=False)

    def update(self, mean: Tensor, variance: Tensor, batch: int) -> None:
        """Do nothing: there are no statistics."""

    def normalise(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Return ``x``."""
        del mean, variance
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``."""
        return x
