"""Where registers go: after every level of neurons, or at a logic depth of the mapped tables.

    lutra bench pipeline                 # writes benchmarks/results/pipeline.json

Trained networks from their codes to their class scores, without encoder and argmax. ``every_level``
is the circuit as trained with a bank after every level; ``area_1`` and so on are the circuit mapped
to LUT6 as a whole, for area or for delay, retimed to that depth and paired. LUTs, flip-flops and
levels are post-synthesis, with output registers; ``earliest_ff`` are those of the mapped circuit
with every table as early as can be, in as many stages. Timing is an estimate, and a range. Each
circuit gives the scores of the trained one on every test row, and so does its Verilog in Verilator.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutra.bench import record
from lutra.circuit import Circuit, evaluate
from lutra.flow import open_run
from lutra.passes import (
    encoder_words,
    pack,
    pipeline,
    retime,
    without_argmax,
    without_encoder,
)
from lutra.tools import Objective, estimate_timing, map_luts, synthesise_parts
from lutra.verify import verify_rtl

ROOT = Path(__file__).parents[1]
NETWORKS = ("neuralut-assemble-nid", "neuralut-jsc-2l")
DEPTHS = (1, 2, 3)
OBJECTIVES: tuple[Objective, ...] = ("area", "delay")


def main() -> int:
    """Train what is not trained yet, measure every way of each network, write the figures."""
    record(
        "pipeline",
        {
            "unit": {"area_delay": "LUT ns", "period": "ns", "latency": "ns"},
            "rounds": 2,
            "networks": {name: _measure(name) for name in NETWORKS},
        },
    )
    return 0


def _measure(name: str) -> dict[str, Any]:
    run = open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs")
    run.train()
    whole = run.lower()
    plain, x = without_argmax(without_encoder(whole)), encoder_words(whole, run.data.test.x)
    scores = evaluate(plain, x)["scores"]
    found = {"every_level": _figures(pipeline(plain, 1), x, scores)}
    mapping = {}
    for objective in OBJECTIVES:
        started = time.perf_counter()
        mapped = map_luts(pipeline(plain, 0), rounds=2, objective=objective)
        mapping[objective] = time.perf_counter() - started
        for depth in DEPTHS:
            started = time.perf_counter()
            circuit = retime(mapped, depth)
            seconds = time.perf_counter() - started
            found[f"{objective}_{depth}"] = {
                **_figures(pack(circuit), x, scores),
                "earliest_ff": _figures(pipeline(mapped, depth), x, scores)["ff"],
                "retiming_seconds": seconds,
            }
    for kind, figures in found.items():
        sys.stderr.write(f"{name}, {kind}: {figures}\n")
    return {"rows": len(x), "mapping_seconds": mapping, **found}


def _figures(circuit: Circuit, x: NDArray[np.int64], scores: NDArray[np.int64]) -> dict[str, Any]:
    """Measure one circuit; a score that differs from the trained circuit's ends the benchmark."""
    if not np.array_equal(evaluate(circuit, x)["scores"], scores):
        raise SystemExit(f"{circuit.name}: a class score changed")
    with tempfile.TemporaryDirectory() as folder:
        report = verify_rtl(circuit, x, Path(folder) / "rtl", output_register=True)
        parts = synthesise_parts(
            circuit, Path(folder) / "synth", output_register=True, levels=False
        )
    total = parts.total
    timing = estimate_timing(total.levels, parts.latency, total.lut6_total)
    return {
        "lut": total.lut6_total,
        "muxf": total.muxf,
        "ff": total.ff,
        "levels": total.levels,
        "latency_cycles": parts.latency,
        "kind": total.kind,
        "timing": {
            "kind": timing.kind,
            **{
                key: [round(end, 3) for end in getattr(timing, key)]
                for key in ("period", "latency", "area_delay")
            },
        },
        "rtl_rows": report.samples,
        "rtl_mismatches": 0,  # or `verify_rtl` had ended it
    }


if __name__ == "__main__":
    sys.exit(main())
