"""Batch normalisation with its statistics at hand."""

import torch
from torch import Tensor, nn

__all__ = ["BatchNorm"]


class BatchNorm(nn.Module):
    """Batch normalisation of n neurons, as `torch.nn.BatchNorm1d` in momentum and epsilon.

    In the table domain the batch's statistics are sums over a table's entries, weighted by how
    many samples meet each (`lutra.nn._torch_ops.quantise`).
    """

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
