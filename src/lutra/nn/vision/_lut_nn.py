"""A linear layer as lookups of products with centroids (LUT-NN, MobiCom 2023)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lutra.vit import Operations

__all__ = ["CentroidLinear"]


class CentroidLinear(nn.Module):
    """``y = sum_c table[c, nearest(x_c)] + b``: product quantisation of the inputs.

    The inputs fall into sub-vectors x_c. Each is replaced by the nearest of its codebook's
    centroids, whose products with the weights are tables once training is over. The nearest one
    is chosen in the forward pass; the gradient is that of a softmax of negative squared distances
    by a temperature that is trained, so that centroids move (Tang et al., LUT-NN).

    Parameters
    ----------
    inputs, outputs
        Widths.
    length
        Of a sub-vector; it divides ``inputs``.
    centroids
        Per codebook.
    bias
        Whether there is one.
    """

    def __init__(
        self, inputs: int, outputs: int, length: int, centroids: int = 16, bias: bool = True
    ) -> None:
        super().__init__()
        if min(inputs, outputs, length, centroids) < 1:
            raise ValueError("inputs, outputs, length and centroids must be 1 or more")
        if inputs % length:
            raise ValueError(f"{inputs} inputs do not fall into sub-vectors of {length}")
        self.inputs, self.outputs, self.length = inputs, outputs, length
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.centroids = nn.Parameter(torch.randn(inputs // length, centroids, length))
        self.log_temperature = nn.Parameter(torch.zeros(()))

    @property
    def tables(self) -> Tensor:
        """Products of centroids and weights. Shape (codebooks, centroids, outputs)."""
        weight = self.weight.view(self.outputs, -1, self.length)
        return torch.einsum("ckv,ocv->cko", self.centroids, weight)

    def nearest(self, x: Tensor) -> Tensor:
        """Return the centroid of every sub-vector, the first of equals. Shape (..., codebooks)."""
        return self._distances(x).argmin(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs) of (..., inputs)."""
        distances = self._distances(x)
        hard = functional.one_hot(distances.argmin(dim=-1), distances.shape[-1]).to(x.dtype)
        soft = torch.softmax(-distances / self.log_temperature.exp(), dim=-1)
        chosen = hard + (soft - soft.detach())  # the difference is exactly 0
        y = torch.einsum("...ck,cko->...o", chosen, self.tables)
        return y if self.bias is None else y + self.bias

    def lookup(self, x: Tensor) -> Tensor:
        """Return what `forward` does by reading tables alone, as a trained layer is run."""
        tables = self.tables
        y = tables[torch.arange(len(tables), device=x.device), self.nearest(x)].sum(dim=-2)
        return y if self.bias is None else y + self.bias

    @torch.no_grad()
    def fit(self, samples: Tensor, rounds: int = 10) -> None:
        """Move the centroids to the clusters of samples, (rows, inputs), by k-means.

        It starts from rows at equal distances, so more rows than centroids are needed.
        """
        count = self.centroids.shape[1]
        if len(samples) < count:
            raise ValueError(f"{count} centroids need as many rows, not {len(samples)}")
        parts = samples.view(len(samples), -1, self.length)
        rows = torch.linspace(0, len(samples) - 1, count, device=samples.device).long()
        self.centroids.copy_(parts[rows].transpose(0, 1))
        for _ in range(rounds):
            members = functional.one_hot(self.nearest(samples), count).to(samples.dtype)
            sums = torch.einsum("nck,ncv->ckv", members, parts)
            sizes = members.sum(dim=0)[..., None]
            self.centroids.copy_(torch.where(sizes > 0, sums / sizes.clamp(min=1), self.centroids))

    def operations(self) -> Operations:
        """Return what one row takes once tables and squared norms of centroids are stored.

        A distance is compared as ``|c|^2 / 2 - x.c``: one product per element of every centroid.
        """
        codebooks, centroids, _ = self.centroids.shape
        products, read = centroids * self.inputs, codebooks * self.outputs
        return Operations(products, products + read, read, codebooks * (centroids - 1))

    def _distances(self, x: Tensor) -> Tensor:
        """Return squared distances. Shape (..., codebooks, centroids)."""
        parts = x.unflatten(-1, (-1, 1, self.length))
        return (parts - self.centroids).square().sum(dim=-1)

    def extra_repr(self) -> str:
        """Return the settings for ``repr``."""
        codebooks, centroids, length = self.centroids.shape
        return f"{codebooks} codebooks of {centroids} x {length}, outputs={self.outputs}"
