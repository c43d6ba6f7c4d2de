"""Transformers of fewer bits: accuracy and energy with MLPs and with LUT mixers (LL-ViT, figure 8).

    lutra bench llvit-precision          # writes benchmarks/results/llvit-precision.json

The models of `llvit-gap`, trained on in integers from their weights in floating point: weights and
activations of 8 bits as their recipes say; of 4, of 2 and signs for as long, at a higher rate, for
their weights have further to go. Energies are of the closed-form model (`lutra.hardware`) on arrays
of 16 x 16. Run folders lie in those of `lutra run`.
"""

import sys
from pathlib import Path
from typing import Any

import torch

from lutra.bench import record
from lutra.flow import Run, open_run
from lutra.hardware import ll_vit, performance
from lutra.nn.vision import VisionTransformer
from lutra.train import restore, restore_float, train_integers
from lutra.vit import Cct, Precision

ROOT = Path(__file__).parents[1]
RECIPES = {"mlp": "cct-2-cifar10-mlp", "lut": "cct-2-cifar10-lut"}
BITS = (8, 4, 2, 1)
RATE = 0.5
"""Of fewer than 8 bits, as a share of the rate in floating point."""


def main() -> int:
    """Train what is not trained yet, measure every precision of both models."""
    rows: dict[str, dict[str, Any]] = {}
    for kind, name in RECIPES.items():
        run = open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs")
        run.train()
        rows[kind] = {str(bits): _measure(run, bits) for bits in BITS}
    mlp, lut = (rows[kind] for kind in RECIPES)
    ratios = {bits: mlp[bits]["energy_uj"] / lut[bits]["energy_uj"] for bits in mlp}
    record(
        "llvit-precision",
        {
            "ours": lut["4"]["test"],
            "peer": mlp["4"]["test"],
            "ratio": lut["4"]["test"] / mlp["4"]["test"],
            "unit": "per cent of CIFAR-10's test part, at four bits",
            "energy_ratio": ratios,
            "models": rows,
        },
    )
    return 0


def _measure(run: Run, bits: int) -> dict[str, float]:
    """Train one precision; return accuracies in per cent, and energy per image."""
    config, shape = run.recipe.model, run.data.image_shape
    assert isinstance(config, Cct) and shape is not None
    precision = Precision(weights=bits, activations=bits)
    if precision == config.precision:
        model = restore(run.recipe, run.data, run.seed, run.folder)
    else:
        state = restore_float(run.recipe, config, run.data, run.seed, run.folder).state_dict()
        config = config.model_copy(update={"precision": precision, "quantised_rate": RATE})
        model = VisionTransformer(config, shape, len(run.data.classes))
        model.load_state_dict(state)
        folder = run.folder / f"precision{bits}"
        model = train_integers(run.recipe, config, run.data, run.seed, folder, model)
    parts = {"validation": run.data.validation, "test": run.data.test}
    found = {
        name: 100 * float((model.codes(torch.from_numpy(x.x)).argmax(1).numpy() == x.y).mean())
        for name, x in parts.items()
    }
    found["energy_uj"] = 1e6 * performance(config, shape[1:], ll_vit(16)).joule
    sys.stderr.write(f"{run.recipe.name}, {bits} bits: {found}\n")
    return found


if __name__ == "__main__":
    sys.exit(main())
