"""Batch normalisation over weighted entries: samples, or table entries with their counts."""

import torch
from torch import Tensor, nn

__all__ = ["BatchNorm"]


class BatchNorm(nn.Module):
    """Batch normalisation of n neurons, as `torch.nn.BatchNorm1d` in momentum and epsilon.

    In the table domain the mean over samples is a histogram sum,
    ``mean = sum_e count[n, e] * T[n, e] / B``, and the variance likewise, exactly.
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

    def statistics(self, x: Tensor, counts: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and variance for ``x`` of shape (n, entries); running ones in eval mode.

        In training, the running statistics are updated with the unbiased variance.

        Parameters
        ----------
        x
            One value per neuron and entry. Shape (n, entries).
        counts
            How many samples share each entry, shape (n, entries); None means one each.
        """
        if not self.training:
            return self.mean, self.variance
        if counts is None:
            batch = x.shape[1]
            mean = x.mean(dim=1)
            variance = (x - mean[:, None]).square().mean(dim=1)
        else:
            batch = int(counts[0].sum())
            share = counts / batch
            mean = (share * x).sum(dim=1)
            variance = (share * (x - mean[:, None]).square()).sum(dim=1)
        with torch.no_grad():
            unbiased = variance * (batch / max(1, batch - 1))
            self.mean.lerp_(mean, self.momentum)
            self.variance.lerp_(unbiased, self.momentum)
        return mean, variance

    def normalise(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """Apply the affine map for given statistics. Shape of ``x``: (n, entries)."""
        scale = self.weight / (variance + self.eps).sqrt()
        return (x - mean[:, None]) * scale[:, None] + self.bias[:, None]

    def forward(self, x: Tensor) -> Tensor:
        """Normalise samples of shape (n, batch)."""
        return self.normalise(x, *self.statistics(x))
