"""Ways to choose the wiring, side by side on MNIST: accuracy over seeds, and time.

    lutra bench wiring                   # writes benchmarks/results/wiring.json

The published network's shape with 16 hidden units, the same sparse training for all, without a
teacher; the dense phase, where there is one, comes before it and is counted in the time.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from lutra.bench import record
from lutra.data import load
from lutra.recipe import load_recipe, parse_recipe
from lutra.train import accuracy, train

RECIPE = Path(__file__).parents[1] / "recipes" / "neuralut-assemble-mnist.toml"
SEEDS = (0, 1, 2)
EPOCHS, DENSE_EPOCHS = 12, 2
METHODS: dict[str, dict[str, Any]] = {
    "random": {"method": "random"},
    "local": {"method": "local"},
    "dense full": {"method": "learned", "dense": "full", "epochs": DENSE_EPOCHS, "rate": 0.3},
    "dense skip": {"method": "learned", "dense": "skip", "epochs": DENSE_EPOCHS, "rate": 0.3},
    "select": {"method": "select"},
    "regrow": {"method": "regrow"},
}


def main() -> int:
    """Train every method with every seed, write the figures."""
    data = load("mnist", validation=5000)
    x, y = torch.from_numpy(data.test.x), torch.from_numpy(data.test.y)
    content = load_recipe(RECIPE).model_dump()
    content["model"]["width_n"] = 16
    content["train"] |= {"epochs": EPOCHS, "select": "last", "ema": 0.998, "distill": {}}
    figures = {}
    for name, mapping in METHODS.items():
        recipe = parse_recipe({**content, "mapping": mapping})
        tests, validations, seconds = [], [], []
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                model = train(recipe, data, seed, Path(folder))
                seconds.append(time.perf_counter() - started)
            part = data.validation
            validations.append(accuracy(model, torch.from_numpy(part.x), torch.from_numpy(part.y)))
            tests.append(accuracy(model, x, y))
            sys.stderr.write(f"{name}, seed {seed}: {tests[-1]:.2f} %, {seconds[-1]:.0f} s\n")
        figures[name] = {
            "test_accuracy": tests,
            "test_accuracy_mean": statistics.mean(tests),
            "test_accuracy_deviation": statistics.stdev(tests),
            "validation_accuracy": validations,
            "seconds": seconds,
            "seconds_mean": statistics.mean(seconds),
        }
    record("wiring", {"epochs": EPOCHS, "dense_epochs": DENSE_EPOCHS, "methods": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
