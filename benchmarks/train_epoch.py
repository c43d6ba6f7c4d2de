"""One epoch of the published MNIST network: table domain against per-sample training.

    lutra bench train-epoch              # writes benchmarks/results/train-epoch.json

Ours is a whole epoch of training steps on MNIST. The peer is the same network in plain torch, every
neuron evaluated for every sample by batched matrix products, on the same cores: a few steps are
timed and scaled to the epoch, at the batch size that suits it best; so is ours.
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from lutra.bench import record
from lutra.data import load
from lutra.nn import LutModel, TableLayer
from lutra.recipe import load_recipe
from lutra.train import build
from lutra.train._threads import cores_for

RECIPE = Path(__file__).parents[1] / "recipes" / "neuralut-assemble-mnist.toml"
BATCHES = (128, 512, 2048, 8192)
PEER_BATCHES = (128, 512, 2048)
PEER_STEPS = 3


def main() -> int:
    """Measure both, write the figures."""
    recipe, data = load_recipe(RECIPE), load("mnist", validation=5000)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    model, order = build(recipe, data, seed=0), torch.randperm(len(y))
    _use_differences(model, False)  # the same gradients as the peer's

    def train(forward: Callable[[Tensor], Tensor], batch: int, steps: int) -> list[float]:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        seconds = []
        for step in range(-2, steps):  # two to warm up
            rows = order[torch.arange(step * batch, (step + 1) * batch) % len(order)]
            started = time.perf_counter()
            loss = F.cross_entropy(forward(x.index_select(0, rows)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seconds.append(time.perf_counter() - started)
        return seconds[2:]

    ours, peers = _ours(model, train, len(y)), {}
    _use_differences(model, True)
    differences = _ours(model, train, len(y))
    _use_differences(model, False)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for batch in PEER_BATCHES:
        step = statistics.median(train(model.forward_samples, batch, PEER_STEPS))
        peers[batch] = step * (len(y) // batch)
        sys.stderr.write(f"per sample, batch {batch}: {peers[batch]:.1f} s per epoch\n")
    best, peer_best = min(ours, key=lambda b: ours[b]), min(peers, key=lambda b: peers[b])
    figures = {
        "ours": ours[best],
        "peer": peers[peer_best],
        "ratio": peers[peer_best] / ours[best],
        "unit": "seconds per epoch",
        "batch": best,
        "peer_batch": peer_best,
        "ours_by_batch": ours,
        "ours_by_batch_with_differences": differences,
        "peer_by_batch": peers,
        "ratio_at_equal_batch": {b: peers[b] / ours[b] for b in PEER_BATCHES},
        "ours_peak_memory_mib": round(memory),
    }
    record("train-epoch", figures)
    return 0


def _use_differences(model: LutModel, on: bool) -> None:
    for level in model.levels:
        assert isinstance(level, TableLayer)
        level.differences = on


def _ours(
    model: LutModel, train: Callable[[Callable[[Tensor], Tensor], int, int], list[float]], rows: int
) -> dict[int, float]:
    seconds = {}
    with cores_for(model):
        for batch in BATCHES:
            seconds[batch] = sum(train(model, batch, rows // batch))
            sys.stderr.write(f"table domain, batch {batch}: {seconds[batch]:.2f} s per epoch\n")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
