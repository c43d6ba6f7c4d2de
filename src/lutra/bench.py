"""Benchmarks: scripts of a checkout, each measuring one claim against its peer in one run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lutra.errors import LutraError
from lutra.files import write_json
from lutra.provenance import commit, cpu, packages
from lutra.tools import Synthesis

__all__ = ["area_figures", "benchmarks", "record", "run_benchmark"]

_FOLDER = Path(__file__).parents[2] / "benchmarks"


def benchmarks() -> dict[str, Path]:
    """Return the benchmark scripts of this checkout by name; none outside of a checkout."""
    return {path.stem.replace("_", "-"): path for path in sorted(_FOLDER.glob("*.py"))}


def run_benchmark(name: str) -> dict[str, Any]:
    """Run one benchmark in a process of its own and return its figures.

    Its progress goes to the standard error; the figures also lie in
    ``benchmarks/results/NAME.json``.

    Raises
    ------
    LutraError
        There is no such benchmark, or it failed.
    """
    known = benchmarks()
    if name not in known:
        listed = ", ".join(known) or "none: benchmarks run from a checkout of the repository"
        raise LutraError(f"no benchmark {name!r}; known: {listed}")
    done = subprocess.run([sys.executable, "-P", os.fspath(known[name])], stdout=subprocess.PIPE)
    if done.returncode:
        raise LutraError(f"benchmark {name}: {known[name]} ended with status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def area_figures(found: Synthesis) -> dict[str, Any]:
    """Return what benchmarks record of a synthesis."""
    return {
        "lut": found.lut6_total,
        "lut_by_inputs": found.luts,
        "muxf": found.muxf,
        "carry": found.carry,
        "levels": found.levels,
        "seconds": found.seconds,
    }


def record(name: str, figures: dict[str, Any]) -> None:
    """Write a benchmark's figures, with where they come from, and print them as one JSON line."""
    row = {
        "name": name,
        **figures,
        "commit": commit(),
        "machine": {"cpu": cpu(), "cores": os.cpu_count()},
        "tools": packages("lutra", "torch", "numpy"),
    }
    write_json(_FOLDER / "results" / f"{name}.json", row)
    sys.stdout.write(json.dumps(row) + "\n")
