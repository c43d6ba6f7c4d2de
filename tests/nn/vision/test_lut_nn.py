"""Lookups of products with centroids: values, gradients, and what a layer of them takes."""

import pytest
import torch

from lutra.nn.vision import CentroidLinear
from lutra.vit import Operations


def quantised(layer: CentroidLinear, x: torch.Tensor) -> torch.Tensor:
    """Replace every sub-vector by its nearest centroid."""
    parts = x.view(*x.shape[:-1], -1, layer.length)
    found = torch.empty_like(parts)
    for index in range(parts.shape[-2]):
        distances = torch.cdist(parts[..., index, :], layer.centroids[index])
        found[..., index, :] = layer.centroids[index][distances.argmin(dim=-1)]
    return found.view(x.shape)


@pytest.mark.parametrize("length", [1, 2, 6])
def test_a_layer_multiplies_the_nearest_centroids(length: int) -> None:
    torch.manual_seed(0)
    layer = CentroidLinear(12, 5, length, centroids=7)
    x = torch.randn(3, 4, 12)
    expected = quantised(layer, x) @ layer.weight.T + layer.bias
    assert torch.allclose(layer(x), expected, atol=1e-5)
    assert torch.allclose(layer.lookup(x), expected, atol=1e-5)


def test_the_gradient_is_that_of_the_softmax_at_the_hard_tables() -> None:
    torch.manual_seed(1)
    layer = CentroidLinear(6, 4, 3, centroids=5, bias=False).double()
    x = torch.randn(8, 6, dtype=torch.float64, requires_grad=True)
    sent = torch.randn(8, 4, dtype=torch.float64)
    layer(x).backward(sent)
    found = [parameter.grad for parameter in (x, layer.centroids, layer.log_temperature)]
    by_weight = layer.weight.grad
    parts = x.view(8, 2, 1, 3)
    soft = torch.softmax(-(parts - layer.centroids).square().sum(-1) / 1.0, dim=-1)
    loss = 0.0
    for c in range(2):
        products = layer.centroids[c] @ layer.weight[:, 3 * c : 3 * c + 3].T
        hard = torch.nn.functional.one_hot(layer.nearest(x)[:, c], 5).double()
        loss = loss + (sent * (soft[:, c] @ products.detach())).sum()
        loss = loss + (sent * (hard @ products)).sum()
    by_x, by_centroids = torch.autograd.grad(loss, (x, layer.centroids))
    assert torch.allclose(found[0], by_x) and torch.allclose(found[1], by_centroids)
    assert found[2] is not None and found[2].abs() > 0
    assert torch.allclose(by_weight, sent.T @ quantised(layer, x.detach()))


def test_clusters_are_found() -> None:
    torch.manual_seed(2)
    centres = torch.randn(4, 6) * 5
    samples = centres[torch.arange(400) % 4] + 0.01 * torch.randn(400, 6)
    layer = CentroidLinear(6, 2, 6, centroids=8)
    layer.fit(samples)
    assert (quantised(layer, samples) - samples).abs().max() < 0.1
    with pytest.raises(ValueError, match="as many rows"):
        layer.fit(samples[:7])


def test_training_moves_centroids_and_temperature() -> None:
    torch.manual_seed(3)
    layer = CentroidLinear(8, 2, 2, centroids=8)
    x = torch.randn(512, 8)
    target = x @ torch.randn(8, 2)
    layer.fit(x)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.02)
    losses = []
    for _ in range(100):
        loss = (layer(x) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert layer.log_temperature.abs() > 0


def test_operations_are_those_of_an_evaluation_that_counts() -> None:
    torch.manual_seed(4)
    layer = CentroidLinear(6, 3, 2, centroids=4, bias=False)
    x = torch.randn(6)
    multiplications = additions = lookups = comparisons = 0
    tables = layer.tables.tolist()
    result = [0.0] * 3
    for c, codebook in enumerate(layer.centroids.tolist()):
        scores = []
        for centroid in codebook:
            score = sum(value**2 for value in centroid) / 2  # stored beforehand
            for value, element in zip(centroid, x[2 * c : 2 * c + 2].tolist(), strict=True):
                score -= value * element
                multiplications += 1
                additions += 1
            scores.append(score)
        best = 0
        for k in range(1, len(scores)):
            comparisons += 1
            best = k if scores[k] < scores[best] else best
        for o in range(3):
            result[o] += tables[c][best][o]
            lookups += 1
            additions += 1
    assert torch.allclose(layer(x), torch.tensor(result), atol=1e-6)
    assert layer.operations() == Operations(multiplications, additions, lookups, comparisons)


def test_impossible_shapes_are_errors() -> None:
    with pytest.raises(ValueError, match="do not fall into sub-vectors of 4"):
        CentroidLinear(6, 3, 4)
    with pytest.raises(ValueError, match="1 or more"):
        CentroidLinear(6, 3, 2, centroids=0)
