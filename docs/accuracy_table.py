"""The page of all accuracy rows, written when the manual is built.

python docs/accuracy_table.py    # the same, on the terminal
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lutra.recipe import Recipe, load_recipe
from lutra.report import CONVENTIONS, Published, published

ROOT = Path(__file__).parents[1]
DATASETS = {
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "tiny-imagenet-32": "Tiny-ImageNet at 32 x 32 pixels (no published figure compares)",
    "nid": "NID (one partition of UNSW-NB15, no published figure compares)",
    "jsc-pythia": "JSC-Pythia (simulated jets, no published figure compares)",
}
HEAD = (
    "recipe", "family", "test accuracy, %", "LUT6", "worst case", "FF", "levels", "training",
    "published: accuracy, %", "LUT", "FF", "ns", "measured on, with",
)  # fmt: skip


def page() -> Iterator[str]:
    """Yield the lines of the page, in Markdown."""
    rows = json.loads((ROOT / "benchmarks/results/accuracy.json").read_text())["rows"]
    yield "# Accuracy\n"
    yield (
        "One row per recipe, by `lutra run RECIPE --seeds N`: mean and standard deviation over the "
        "seeds; area of the seed that is best on validation, after synthesis with Yosys, encoder "
        "and popcounts included, argmax apart. *Worst case* counts tables alone. Many "
        "trainings shared two cores with up to four others, so that times are upper bounds.\n"
    )
    yield f"{CONVENTIONS}\n"
    for name, title in DATASETS.items():
        ours = [row for row in rows if row["dataset"] == name]
        if ours:
            yield f"\n## {title}\n"
            yield f"| {' | '.join(HEAD)} |"
            yield "|---" * len(HEAD) + "|"
        for row in sorted(ours, key=lambda row: row["recipe"]):
            cells = _cells(row, load_recipe(ROOT / f"recipes/{row['recipe']}.toml"))
            yield f"| {' | '.join(cells)} |"


def _cells(row: dict[str, Any], recipe: Recipe) -> Iterator[str]:
    yield f"`{row['recipe']}`"
    yield row["system"]
    spread = "" if row["test_std"] is None else f" ± {row['test_std']:.2f}"
    more = "".join(f"; {name} {share:.1f}" for name, share in row.get("more", {}).items())
    if row.get("exact_test_mean") is not None:
        more += f"; without don't-cares {row['exact_test_mean']:.2f}"
    yield f"{row['test_mean']:.2f}{spread} ({len(row['seeds'])} seeds{more})"
    for key in ("lut6_total", "lut6_model", "ff", "levels"):
        yield _number(row[key])
    yield f"{row['train_seconds'] / 60:.1f} min"
    yield from _published(recipe)


def _published(recipe: Recipe) -> Iterator[str]:
    if recipe.published is None:
        yield from [""] * 5
        return
    dataset, method = recipe.published.dataset, recipe.published.method
    point: Published = next(p for p in published(dataset) if p.method == method)
    yield f"{point.accuracy}{'*' if point.recalled else ''}"
    yield _number(point.lut)
    yield _number(point.ff)
    yield "" if point.ns is None else f"{point.ns}"
    recalled = " (* quoted, not verified)" if point.recalled else ""
    yield f"{dataset}; {point.notes}{recalled}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
