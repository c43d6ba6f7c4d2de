"""How well mixers of tables can say what a trained MLP says: shapes compared in minutes.

    lutra bench mixer-fit                # writes benchmarks/results/mixer-fit.json

The MLPs of a trained CCT-2/3x2 (recipe ``cct-2-cifar10-mlp``, trained first where it is not) are
what a mixer of tables is to imitate, encoder by encoder: by least squares, from nothing, in the
same steps and at the same rates for every shape. A figure is the share of the outputs' variance
that is explained (R2) on tokens of images that the fit has not seen; ``linear`` is the best affine
map. `ratio` is what 512 tables leave unexplained by what two layers of 256 do.
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lutra.bench import record
from lutra.flow import open_run
from lutra.nn.functions import TableFunction
from lutra.nn.vision import LutChannelMixer, MlpChannelMixer
from lutra.nn.vision._range import Range
from lutra.nn.vision._values import Values
from lutra.recipe import MappingConfig
from lutra.train import restore_float
from lutra.train._rewire import Select
from lutra.vit import Cct, LutMixer

ROOT = Path(__file__).parents[1]
IMAGES, HELD_OUT = 4096, 256
STEPS, WARMUP, BATCH, RATE = 800, 50, 4096, 1e-3
SHAPES = {
    "256": {"tables": [256]},
    "256, 256": {"tables": [256, 256]},
    "512": {"tables": [512]},
    "512, 512": {"tables": [512, 512]},
    "1024": {"tables": [1024]},
    "512, random wiring": {"tables": [512], "candidates": 0},
    "512, 4 thresholds": {"tables": [512], "thresholds": 4},
    "512, 16 thresholds": {"tables": [512], "thresholds": 16},
    "512, learns tables tenfold": {"tables": [512], "table_rate": 10},
    "512, learns tables a thousandfold": {"tables": [512], "table_rate": 1000},
}
Pairs = tuple[Tensor, Tensor]
"""A mixer's normalised input and what it adds, both (tokens, channels)."""


def main() -> int:
    """Fit every shape to every encoder's MLP."""
    found: dict[str, list[float]] = {}
    for x, y in _observed():
        tokens = HELD_OUT * len(x) // IMAGES
        seen, unseen = (x[:-tokens], y[:-tokens]), (x[-tokens:], y[-tokens:])
        found.setdefault("linear", []).append(_linear(seen, unseen))
        for name, shape in SHAPES.items():
            found.setdefault(name, []).append(_fit(shape, seen, unseen))
            sys.stderr.write(f"{name}: {found[name][-1]:.4f}\n")
    left = {name: 1 - sum(values) / len(values) for name, values in found.items()}
    record(
        "mixer-fit",
        {
            "ours": left["512"],
            "peer": left["256, 256"],
            "ratio": left["512"] / left["256, 256"],
            "unit": "share of an MLP mixer's variance that tables leave unexplained",
            "explained": found,
            "steps": STEPS,
        },
    )
    return 0


@torch.no_grad()
def _observed() -> list[Pairs]:
    """Return what every encoder's MLP reads and adds, over the first images of the train part."""
    run = open_run(ROOT / "recipes" / "cct-2-cifar10-mlp.toml", ROOT / "runs")
    run.train()
    config = run.recipe.model
    assert isinstance(config, Cct)
    model = restore_float(run.recipe, config, run.data, run.seed, run.folder)
    heard: list[list[Pairs]] = [[] for _ in model.encoders]

    def listener(number: int) -> Callable[[nn.Module, Any, Any], None]:
        def listen(_mixer: nn.Module, given: Any, result: Any) -> None:
            heard[number].append((given[0].x, result.x - given[1].x))

        return listen

    mixers = [part for part in model.modules() if isinstance(part, MlpChannelMixer)]
    for number, mixer in enumerate(mixers):
        mixer.register_forward_hook(listener(number))
    model.codes(torch.from_numpy(run.data.train.x[:IMAGES]))
    joined = [[torch.cat(side).flatten(0, 1) for side in zip(*h, strict=True)] for h in heard]
    return [(x, y - y.mean(0)) for x, y in joined]


def _explained(error: Tensor, y: Tensor) -> float:
    return 1 - (error.square().sum() / y.square().sum()).item()


def _linear(seen: Pairs, unseen: Pairs) -> float:
    x, more = (torch.cat([side, torch.ones(len(side), 1)], 1) for side in (seen[0], unseen[0]))
    return _explained(more @ torch.linalg.lstsq(x, seen[1]).solution - unseen[1], unseen[1])


def _fit(shape: dict[str, Any], seen: Pairs, unseen: Pairs) -> float:
    """Train one mixer by least squares, its values at the full rate whatever the width."""
    table_rate, draw = shape.get("table_rate", 100), torch.Generator().manual_seed(1)
    given = {key: value for key, value in shape.items() if key != "table_rate"}
    config, dim = LutMixer(kind="lut", **given), seen[0].shape[1]
    mixer = LutChannelMixer(config, dim, Range(stream=True), generator=draw).train()
    offset = nn.Parameter(torch.zeros(dim))
    functions = [part for part in mixer.modules() if isinstance(part, TableFunction)]
    tables = [weight for function in functions for weight in function.parameters()]
    others = [mixer.thresholds, mixer.embedding, offset]
    groups = [{"params": tables, "factor": table_rate}, {"params": others, "factor": 1}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0, fused=True)
    select = None
    if config.candidates:
        mapping = MappingConfig(method="select", candidates=config.candidates, until=0.5)
        layers = {layer.name: layer for layer, _ in mixer.features_before()}
        features = {layer.name: before for layer, before in mixer.features_before()}
        select = Select(layers, features, mapping, None, draw, 2048)
    for step in range(STEPS):
        rate = RATE * min(1, (step + 1) / WARMUP) * (1 + math.cos(math.pi * step / STEPS)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        rows = torch.randint(len(seen[0]), (BATCH,), generator=draw)
        if select is not None:
            select.prepare(step, STEPS)
        loss = (_add(mixer, offset, seen[0][rows]) - seen[1][rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        if select is not None:
            select.take(select.observed())
        optimizer.step()
        mixer.constrain()
        for function in functions:
            function.constrain()
        if select is not None:
            select.apply(step, STEPS, optimizer, None)
    mixer.train(False)
    with torch.no_grad():
        return _explained(_add(mixer, offset, unseen[0]) - unseen[1], unseen[1])


def _add(mixer: LutChannelMixer, offset: Tensor, x: Tensor) -> Tensor:
    return mixer.features(Values(x)).values.T @ mixer.embedding + offset


if __name__ == "__main__":
    sys.exit(main())
