"""Time `make demo` as a new user meets it: a fresh clone, no environment, no data, one command.

    lutra bench demo                     # writes benchmarks/results/demo.json

The figures are the run's own record; the wall time includes the installation.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lutra.bench import record

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Clone, run, and write what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "lutra"
        subprocess.run(["git", "clone", "-q", os.fspath(ROOT), os.fspath(clone)], check=True)
        environment = {**os.environ, "LUTRA_CACHE": os.fspath(Path(folder) / "cache")}
        environment.pop("LUTRA_DATA", None)
        started = time.monotonic()
        command = ["make", "demo"]
        subprocess.run(command, cwd=clone, env=environment, check=True, stdout=sys.stderr)
        wall = time.monotonic() - started
        run = clone / "runs" / "demo-mnist" / "seed0"
        result = json.loads((run / "result.json").read_text())
        report_bytes = (run / "report.html").stat().st_size
    figures = {
        "wall_seconds": round(wall, 1),
        "train_seconds": result["train"]["seconds"],
        "test_accuracy": result["accuracy"]["test"],
        "validation_accuracy": result["accuracy"]["validation"],
        "verify": result["verify"],
        "lut6_total_post_synthesis": result["synthesis"]["total"]["lut"],
        "ff_post_synthesis": result["synthesis"]["total"]["ff"],
        "lut6_worst_case_model": result["circuit"]["lut6_worst_case"],
        "levels": result["circuit"]["levels"],
        "report_bytes": report_bytes,
    }
    record("demo", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
