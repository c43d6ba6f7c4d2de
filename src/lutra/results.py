"""Accuracy rows: one line per recipe over several seeds, kept in one JSON file."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lutra.errors import LutraError
from lutra.files import read_json, write_json
from lutra.recipe import Recipe
from lutra.report import RunResult

__all__ = ["accuracy_row", "best_run", "default_results", "write_row"]


def default_results(out: Path) -> Path:
    """Return the checkout's result file, or one beside the run folders."""
    folder = Path("benchmarks/results")
    return (folder if folder.is_dir() else out) / "accuracy.json"


def best_run(runs: Sequence[RunResult]) -> RunResult:
    """Return the run that is best on validation, whose areas stand for its recipe."""

    def validation(run: RunResult) -> float:
        return (run.accuracy.validation if run.accuracy else None) or 0.0

    return max(runs, key=validation)


def accuracy_row(recipe: Recipe, runs: Sequence[RunResult]) -> dict[str, Any]:
    """Return one row over finished runs of one recipe; what was not measured is None.

    Accuracies in per cent over the seeds, ``more`` the means on further test parts,
    ``exact_test_mean`` that of the trained models where circuits use don't-cares; areas of the seed
    that is best on validation. ``lut6_total`` leaves the argmax out and is synthesised as one, so
    that the parts need not sum to it; ``lut6_model`` is the tables' worst case.
    """
    finished = [(run, run.accuracy) for run in runs if run.accuracy is not None]
    if not finished:
        raise LutraError(f"recipe {recipe.name!r}: no run has an accuracy")
    tests = [found.test for _, found in finished]
    validations = [found.validation for _, found in finished if found.validation is not None]
    best = best_run([run for run, _ in finished])
    area = best.synthesis
    exact = [run.exact_accuracy.test for run, _ in finished if run.exact_accuracy is not None]
    more = {
        name: statistics.mean(found.more[name] for _, found in finished)
        for name in (best.accuracy.more if best.accuracy else {})
    }
    return {
        "system": recipe.system,
        "recipe": recipe.name,
        "dataset": best.dataset,
        "seeds": [run.seed for run, _ in finished],
        "test_mean": statistics.mean(tests),
        "test_std": statistics.stdev(tests) if len(tests) > 1 else None,
        "exact_test_mean": statistics.mean(exact) if exact else None,
        "val_mean": statistics.mean(validations) if validations else None,
        "more": more,
        "lut6_total": area.total.lut if area else None,
        "lut6_encoder": area.luts("encoder") if area else None,
        "lut6_core": area.luts("core") if area else None,
        "lut6_head": area.luts("head") if area else None,
        "lut6_argmax": area.luts("argmax") if area else None,
        "lut6_model": best.circuit.lut6_worst_case if best.circuit else None,
        "ff": area.total.ff if area else None,
        "levels": best.circuit.levels if best.circuit else None,
        "train_seconds": best.train.seconds if best.train else None,
        "commit": best.commit,
        "machine": best.machine.cpu,
        "tools": best.tools,
    }


def write_row(path: Path, row: dict[str, Any]) -> Path:
    """Put the row into the file, in place of an earlier one of the same recipe."""
    content = read_json(path) if path.exists() else {"rows": []}
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
        raise LutraError(f"{path}: not a file of accuracy rows; move it away")
    rows = [old for old in content["rows"] if old.get("recipe") != row["recipe"]]
    return write_json(path, {"rows": sorted([*rows, row], key=lambda item: item["recipe"])})
