"""The parts of the method, one at a time, on MNIST: pruning, mapping, skips, tree shapes.

    lutra bench ablations                # writes benchmarks/results/ablations.json

Small networks, so that five seeds of each cost minutes; without a teacher or augmentation.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from lutra.bench import record
from lutra.circuit import statistics as circuit_statistics
from lutra.data import Dataset, load
from lutra.recipe import parse_recipe
from lutra.train import accuracy, train

SEEDS = range(5)
EPOCHS = 15
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


def trees(widths: list[int], fan_in: int, skip: bool = True, bits: int = 1) -> dict[str, Any]:
    """Return assembled neurons of one tree each, whose roots vote for the classes."""
    return {
        "family": "neuralut-assemble",
        "encoder": "uniform",
        "hidden_layers": widths,
        "support_layers": [0] + [1] * (len(widths) - 1),
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


def pruning() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return networks by name, each with its mapping: how the fan-in is found."""
    return {
        "random": (POLYLUT, {"method": "random"}),
        "exponential": (POLYLUT, {**LEARNED, "regulariser": "exponential", "rate": 0.3}),
        "l2": (POLYLUT, {**LEARNED, "regulariser": "l2", "lambda1": 1e-3}),
        "none": (POLYLUT, {**LEARNED, "lambda1": 0.0}),
    }


def skips() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """The same with and without skips, by the levels of a tree of fan-in 2."""
    local = {"method": "local"}
    return {
        f"{depth} levels, {'skips' if skip else 'none'}": (
            trees([240 << level for level in reversed(range(depth))], 2, skip, 2),
            local,
        )
        for depth in (1, 2, 3, 4, 5)
        for skip in (True, False)
    }


def shapes() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Neurons of sixteen inputs: one table, five tables of four, fifteen tables of two."""
    local = {"method": "local"}
    return {
        "flat, 16": (trees([120], 16), local),
        "4, 1": (trees([480, 120], 4), local),
        "4, 1 without skips": (trees([480, 120], 4, False), local),
        "8, 4, 2, 1": (trees([960, 480, 240, 120], 2), local),
        "8, 4, 2, 1 without skips": (trees([960, 480, 240, 120], 2, False), local),
        "8, 4, 2, 1 of 2 bits": (trees([960, 480, 240, 120], 2, bits=2), local),
    }


def main() -> int:
    """Train every network with every seed, write the figures."""
    data = load("mnist", validation=5000)
    groups = {"pruning": pruning(), "skips": skips(), "shapes": shapes()}
    figures = {
        group: {name: _row(f"{group}: {name}", *setting, data) for name, setting in rows.items()}
        for group, rows in groups.items()
    }
    record("ablations", {"epochs": EPOCHS, "seeds": len(SEEDS), **figures})
    return 0


def _row(
    name: str, model: dict[str, Any], mapping: dict[str, Any], data: Dataset
) -> dict[str, Any]:
    x, y = torch.from_numpy(data.test.x), torch.from_numpy(data.test.y)
    tests, seconds, area = [], [], 0
    for seed in SEEDS:
        recipe = parse_recipe(
            {
                "name": "ablation",
                "data": {"name": "mnist", "validation": 5000},
                "model": model,
                "mapping": mapping,
                "train": {
                    "epochs": EPOCHS,
                    "batch": 512,
                    "learning_rate": 2e-2,
                    "beta1": 0.9,
                    "schedule": "cosine",
                    "warmup": 100,
                    "select": "last",
                    "input_gradient": "difference",
                },
            }
        )
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            trained = train(recipe, data, seed, Path(folder))
            seconds.append(time.perf_counter() - started)
        tests.append(accuracy(trained, x, y))
        area = circuit_statistics(trained.lower("ablation", data.classes)).lut6_worst_case
    mean, deviation = statistics.mean(tests), statistics.stdev(tests)
    sys.stderr.write(f"{name}: {mean:.2f} +- {deviation:.2f} %, {area} LUT6\n")
    return {
        "test_accuracy": tests,
        "test_accuracy_mean": mean,
        "test_accuracy_deviation": deviation,
        "lut6_worst_case": area,
        "seconds_mean": statistics.mean(seconds),
    }


if __name__ == "__main__":
    sys.exit(main())
