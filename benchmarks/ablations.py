"""The parts of the method, one at a time, on MNIST: pruning, mapping, skips, tree shapes.

    lutra bench ablations                # writes benchmarks/results/ablations.json

Small networks, so that five seeds of each cost minutes; without a teacher or augmentation. What is
trained stays in ``runs/ablations``, so that a stopped benchmark goes on from there.
"""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lutra.bench import record
from lutra.circuit import statistics as circuit_statistics
from lutra.data import Dataset, load
from lutra.recipe import parse_recipe
from lutra.train import accuracy, train

FOLDER = Path(__file__).parents[1] / "runs" / "ablations"
Setting = dict[str, dict[str, Any]]
"""Sections of a recipe: a model, its mapping, and what of its training differs."""
SEEDS = range(5)
EPOCHS = 12
TRAIN = {
    "epochs": EPOCHS,
    "batch": 512,
    "learning_rate": 2e-2,
    "beta1": 0.9,
    "schedule": "cosine",
    "warmup": 100,
    "select": "last",
    "input_gradient": "difference",
}
LOCAL = {"method": "local"}
LEARNED = {"method": "learned", "dense": "skip", "epochs": 5}
POLYLUT = {
    "family": "polylut",
    "hidden_layers": [128, 64, 64],
    "input_bitwidth": 2,
    "hidden_bitwidth": 2,
    "output_bitwidth": 4,
    "input_fanin": 4,
    "hidden_fanin": 4,
    "output_fanin": 4,
    "degree": 2,
}


def trees(
    widths: list[int],
    fan_in: int,
    skip: bool = True,
    bits: int = 1,
    starts: Sequence[int] = (0,),
) -> dict[str, Any]:
    """Return trees whose roots vote for the classes; they begin at the levels ``starts``."""
    return {
        "family": "neuralut-assemble",
        "encoder": "uniform",
        "hidden_layers": widths,
        "support_layers": [int(level not in starts) for level in range(len(widths))],
        "votes": widths[-1] // 10,
        "input_bitwidth": 1,
        "hidden_bitwidth": 1,
        "support_bitwidth": bits,
        "output_bitwidth": 1,
        "input_fanin": fan_in,
        "hidden_fanin": fan_in,
        "support_fanin": fan_in,
        "width_n": 16,
        "skip": skip,
        "balanced": True,
    }


def pruning() -> dict[str, Setting]:
    """Return one network by how its fan-ins are found."""
    return {
        name: {"model": POLYLUT, "mapping": mapping}
        for name, mapping in {
            "random": {"method": "random"},
            "exponential": {**LEARNED, "regulariser": "exponential", "rate": 0.3},
            "l2": {**LEARNED, "regulariser": "l2", "lambda1": 1e-3},
            "none": {**LEARNED, "lambda1": 0.0},
        }.items()
    }


def mappings() -> dict[str, Setting]:
    """Return trees of 36 pixels by how these are chosen."""
    model = trees([720, 120], 6)
    return {
        name: {"model": model, "mapping": mapping}
        for name, mapping in {
            "random": {"method": "random"},
            "learned": {**LEARNED, "rate": 0.3},
            "local": LOCAL,
        }.items()
    }


def skips(published: bool) -> dict[str, Setting]:
    """Return trees of fan-in 2 with and without skips, by their levels.

    ``published``: codes start unbalanced and gradients are derivatives.
    """
    ours = {"balanced": not published}
    gradient = "derivative" if published else "difference"
    return {
        f"{depth} levels, {'skips' if skip else 'none'}": {
            "model": trees([240 << level for level in reversed(range(depth))], 2, skip, 2) | ours,
            "mapping": LOCAL,
            "train": {"input_gradient": gradient},
        }
        for depth in (1, 2, 3, 4, 5)
        for skip in (True, False)
    }


def shapes() -> dict[str, Setting]:
    """Return neurons of 16 inputs: one table, 5 tables of 4, 15 of 2; and trees upon trees."""
    two = trees([960, 480, 240, 960, 480, 240, 120], 2, starts=(0, 3))
    models = {
        "16": trees([120], 16),
        "4, 1": trees([480, 120], 4),
        "4, 1 without skips": trees([480, 120], 4, False),
        "8, 4, 2, 1": trees([960, 480, 240, 120], 2),
        "8, 4, 2, 1 without skips": trees([960, 480, 240, 120], 2, False),
        "8, 4, 2, 1 of 2 bits": trees([960, 480, 240, 120], 2, bits=2),
        "8, 4, 2 | 8, 4, 2, 1": two,
    }
    return {name: {"model": model, "mapping": LOCAL} for name, model in models.items()}


def main() -> int:
    """Train every network with every seed, write the figures."""
    data = load("mnist", validation=5000)
    groups = {
        "pruning": pruning(),
        "mapping": mappings(),
        "skips": skips(published=False),
        "skips_published": skips(published=True),
        "shapes": shapes(),
    }
    figures = {
        group: {
            name: _row(f"{group}: {name}", FOLDER / f"{group}{number}", setting, data)
            for number, (name, setting) in enumerate(rows.items())
        }
        for group, rows in groups.items()
    }
    record("ablations", {"epochs": EPOCHS, "seeds": len(SEEDS), **figures})
    return 0


def _row(name: str, folder: Path, setting: Setting, data: Dataset) -> dict[str, Any]:
    x, y = torch.from_numpy(data.test.x), torch.from_numpy(data.test.y)
    tests, area = [], 0
    for seed in SEEDS:
        recipe = parse_recipe(
            {
                "name": "ablation",
                "data": {"name": "mnist", "validation": 5000},
                **setting,
                "train": {**TRAIN, **setting.get("train", {})},
            }
        )
        trained = train(recipe, data, seed, folder / f"seed{seed}")
        tests.append(accuracy(trained, x, y))
        area = circuit_statistics(trained.lower("ablation", data.classes)).lut6_worst_case
    mean, deviation = statistics.mean(tests), statistics.stdev(tests)
    sys.stderr.write(f"{name}: {mean:.2f} +- {deviation:.2f} %, {area} LUT6\n")
    return {
        "test_accuracy": tests,
        "test_accuracy_mean": mean,
        "test_accuracy_deviation": deviation,
        "lut6_worst_case": area,
    }


if __name__ == "__main__":
    sys.exit(main())
