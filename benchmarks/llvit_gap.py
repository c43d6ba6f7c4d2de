"""What learned-LUT channel mixers cost a transformer in accuracy, and what integers cost both.

    lutra bench llvit-gap                # writes benchmarks/results/llvit-gap.json

CCT-2/3x2 on CIFAR-10 with its MLPs and with LUT mixers: the same recipe but for the mixer, so the
same epochs and rates, one seed each. `points` is what the mixers lose on test, both in integers,
`points_cutmix` the same where both learn from images with boxes of others, there with twice the
tables.
Every accuracy of the integer models is that of the codes of the numpy reference, which are held
against the trained model on all test rows. `embedding` has the LUT model at other bits per summed
value: quantised after training in floating point, as published, and trained so. Run folders are
those of `lutra run`, under ``runs``.
"""

import sys
from pathlib import Path
from typing import Any

import torch

from lutra.bench import record
from lutra.flow import Run, open_run
from lutra.nn.vision import VisionTransformer
from lutra.train import restore_float, train_integers
from lutra.vit import Cct, LutMixer

ROOT = Path(__file__).parents[1]
RECIPES = {
    "mlp": "cct-2-cifar10-mlp",
    "lut": "cct-2-cifar10-lut",
    "mlp_cutmix": "cct-2-cifar10-mlp-cutmix",
    "lut_cutmix": "cct-2-cifar10-lut-cutmix",
}
BITS = (8, 4, 2)
PUBLISHED = {
    "source": "LL-ViT, FPT 2025: CCT-2/3x2 after 300 epochs; values of DeiT-T after training",
    "mlp": 89.7,
    "lut": 87.4,
    "embedding": {8: 95.6, 4: 95.5, 2: 90.3},
}


def main() -> int:
    """Train what is not trained yet, measure all models, write the figures."""
    models = {kind: _measure(name) for kind, name in RECIPES.items()}
    test = {kind: model["integer"]["test"] for kind, model in models.items()}
    record(
        "llvit-gap",
        {
            "points": test["mlp"] - test["lut"],
            "points_cutmix": test["mlp_cutmix"] - test["lut_cutmix"],
            "ours": test["lut"],
            "peer": test["mlp"],
            "ratio": test["lut"] / test["mlp"],
            "unit": "per cent of CIFAR-10's test part",
            "models": models,
            "embedding": _embedding(RECIPES["lut"], models["lut"]["integer"]),
            "published": PUBLISHED,
        },
    )
    return 0


def _open(name: str) -> Run:
    return open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs")


def _measure(name: str) -> dict[str, Any]:
    """Train and compile one recipe."""
    run = _open(name)
    run.train()
    run.compile()
    result = run.result()
    assert result.accuracy is not None and result.train is not None and result.verify is not None
    found = {
        "recipe": name,
        "parameters": sum(parameter.numel() for parameter in _float(run).parameters()),
        "float": _accuracies(_float(run), run),
        "integer": {"validation": result.accuracy.validation, "test": result.accuracy.test},
        "rows_equal": result.verify.samples,
        "epochs": result.train.epochs,
        "train_seconds": result.train.seconds,
        "seed": run.seed,
    }
    sys.stderr.write(f"{found}\n")
    return found


def _embedding(name: str, own: dict[str, float]) -> dict[str, Any]:
    """Measure the LUT model's summed values at several precisions; ``own`` is the recipe's."""
    found: dict[str, Any] = {}
    for bits in BITS:
        run = _open(name)
        config = run.recipe.model
        assert isinstance(config, Cct) and isinstance(config.mixer, LutMixer)
        model = _float(run)
        for mixer in model.mixers():
            mixer.bits = bits
        model.quantise()
        rows = {"after_training": _accuracies(model, run), "trained": own}
        if bits != config.mixer.embedding_bits:
            folder = run.folder / f"embedding{bits}"
            model = train_integers(run.recipe, config, run.data, run.seed, folder, model)
            rows["trained"] = _accuracies(model, run)
        found[str(bits)] = rows
        sys.stderr.write(f"{bits} bits: {rows}\n")
    return found


def _float(run: Run) -> VisionTransformer:
    """Return the model as it was trained in floating point."""
    config = run.recipe.model
    assert isinstance(config, Cct)
    return restore_float(run.recipe, config, run.data, run.seed, run.folder)


def _accuracies(model: VisionTransformer, run: Run) -> dict[str, float]:
    parts = {"validation": run.data.validation, "test": run.data.test}
    return {
        name: 100 * float((model.codes(torch.from_numpy(x.x)).argmax(1).numpy() == x.y).mean())
        for name, x in parts.items()
    }


if __name__ == "__main__":
    sys.exit(main())
