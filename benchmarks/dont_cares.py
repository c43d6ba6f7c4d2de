"""Circuits before and after the use of don't-cares: LUTs after Yosys, accuracy on every part.

    lutra bench dont-cares               # writes benchmarks/results/dont-cares.json

The NullaNet recipes, one seed each; run folders are those of `lutra run`, under ``runs``.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from lutra.bench import record
from lutra.circuit import Circuit, evaluate
from lutra.data import Dataset
from lutra.flow import open_run
from lutra.passes import observe, pipeline, specialise, without_unread
from lutra.tools import synthesise_parts

ROOT = Path(__file__).parents[1]
RECIPES = ("nullanet-nid", "nullanet-jsc-s", "nullanet-jsc-m")


def figures(circuit: Circuit, data: Dataset) -> dict[str, Any]:
    """Measure one circuit, registered after every level."""
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    with tempfile.TemporaryDirectory() as folder:
        found = synthesise_parts(pipeline(circuit, 1), Path(folder), levels=False)
    return {
        "lut": found.total.lut6_total,
        "muxf": found.total.muxf,
        "ff": found.total.ff,
        **{
            f"{name}_accuracy": 100 * np.mean(evaluate(circuit, part.x)["class"][:, 0] == part.y)
            for name, part in parts.items()
            if len(part)
        },
    }


def main() -> int:
    """Train what is not trained yet, measure both circuits of every recipe, write the figures."""
    rows = {}
    for name in RECIPES:
        run = open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs", 0)
        run.train()
        exact = run.lower()
        started = time.perf_counter()
        cares = observe(exact, run.data.train.x)
        smaller = without_unread(specialise(exact, cares))
        seconds = time.perf_counter() - started
        read = np.concatenate([care.ravel() for care in cares.values()])
        rows[name] = {
            "entries_read": float(read.mean()),
            "exact": figures(exact, run.data),
            "dont_cares": figures(smaller, run.data),
            "seconds": seconds,
        }
        rows[name]["lut_ratio"] = rows[name]["dont_cares"]["lut"] / rows[name]["exact"]["lut"]
        sys.stderr.write(f"{name}: {rows[name]}\n")
    record("dont-cares", {"recipes": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
