"""Trained networks in LUTs: as written, compressed, mapped; exactly, and with don't-cares.

    lutra bench area-dontcare            # writes benchmarks/results/area-dontcare.json
    python -P benchmarks/area_dontcare.py neuralut-jsc-2l ...  # these alone; the others' rows stay

Every form of a network goes through the same Yosys: `plain`, tables as indexed constants and sums
and comparisons as operators, as generators write them; `written`, as this Verilog writer has them;
`compressed`, tables in CompressedLUT's form; `reduced`, the same for what train rows read, as
ReducedLUT does; `ours`, mapped and paired; `ours_dontcare`, mapped for what train rows read. Of
networks with large tables the core is counted, of those with tables of six inputs everything but
the argmax. `ours` and `peer` sum up the networks of twelve-bit tables, `ours_dontcare` beside
`written`, which is less than `plain`.

LUTs are counted by their inputs, too: what the others' LUTs of up to five inputs could share of a
LUT6 each is not taken off.

All exact forms equal the network on every test row, those with don't-cares on every train row;
Verilog and netlist of every form equal it on every test row, or the netlist of a core for every
input, but for `UNDECIDED`. Accuracies are of all parts, and no choice depends on them.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutra.bench import area_figures, record
from lutra.circuit import Circuit, Output, Words, evaluate, operands
from lutra.data import Dataset
from lutra.emit import Style, emit_verilog
from lutra.files import write_json
from lutra.flow import open_run
from lutra.passes import (
    compress,
    observe,
    pack,
    part_names,
    split,
    without_argmax,
    without_unread,
)
from lutra.provenance import commit
from lutra.tools import map_luts, map_rows, read_netlist, synthesise
from lutra.verify import check_netlist, first_difference, verify_rtl

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "area-dontcare.json"
LARGE = ("neuralut-jsc-2l", "neuralut-hdr-5l")
"""Networks of twelve-bit tables."""
NETWORKS = {
    "neuralut-jsc-2l": "core",
    "neuralut-nid": "core",
    "neuralut-assemble-mnist": "core",
    "dwn-nid": "total",
    "dwn-mnist-sm": "total",
    "dwn-jsc-360": "total",
    "difflogic-jsc": "total",
    "lut6-2x2000-mnist": "total",
    "neuralut-hdr-5l": "core",
}
SLOW = ("neuralut-nid", "neuralut-assemble-mnist", "neuralut-hdr-5l")
"""Whose constants Yosys does not map within ten minutes."""
UNDECIDED = ("neuralut-hdr-5l",)
"""Whose netlists ABC does not prove within half an hour: they alone are compared, on test rows."""
TIMEOUT = 7200


def main() -> int:
    """Train what is not trained yet, measure all forms of each network, write the figures."""
    rows = json.loads(RESULTS.read_text())["networks"] if sys.argv[1:] and RESULTS.exists() else {}
    for name in sys.argv[1:] or NETWORKS:
        rows[name] = _measure(name, NETWORKS[name])
        found = [rows[of]["forms"] for of in LARGE if of in rows]
        ours = sum(forms["ours_dontcare"]["lut"] for forms in found)
        peer = sum(forms["written"]["lut"] for forms in found)
        record(
            "area-dontcare",
            {
                "unit": "LUT",
                "ours": ours,
                "peer": peer,
                "ratio": ours / peer if peer else None,
                "networks": rows,
            },
        )
    return 0


def _measure(name: str, part: str) -> dict[str, Any]:
    run = open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs")
    run.train()
    plain, data = without_unread(run.lower()), run.data
    cares = observe(plain, data.train.x)
    forms: dict[str, Callable[[], Circuit]] = {
        "written": lambda: plain,
        "compressed": lambda: compress(plain),
        "reduced": lambda: compress(plain, cares),
        "ours": lambda: pack(map_luts(plain, timeout=TIMEOUT)),
        "ours_dontcare": lambda: pack(map_rows(plain, data.train.x, timeout=TIMEOUT).circuit),
    }
    # The largest network takes an hour, so that what is measured of it is kept.
    path = run.folder / f"area-{run.recipe.digest[:16]}.json"
    seconds, found = json.loads(path.read_text()) if path.exists() else ({}, {})
    if name not in SLOW and "plain" not in found:
        found["plain"] = _area(plain, part, "constants", data)
    for kind, make in forms.items():
        if kind in found:
            continue
        started = time.perf_counter()
        form = make()
        seconds[kind] = time.perf_counter() - started
        rows = data.train.x if kind in ("reduced", "ours_dontcare") else data.test.x
        difference = first_difference(evaluate(plain, rows), evaluate(form, rows))
        if difference:
            raise SystemExit(f"{name}, {kind}: {difference}")
        found[kind] = _area(form, part, "luts", data) | _accuracies(form, data)
        if name not in UNDECIDED:
            with tempfile.TemporaryDirectory() as folder:
                verify_rtl(form, data.test.x, Path(folder))
        sys.stderr.write(f"{name}, {kind}: {found[kind]}\n")
        write_json(path, [seconds, found])
    base = found.get("plain", found["written"])["lut"]
    return {
        "part": part,
        "forms": found,
        "ratio": found["ours"]["lut"] / base,
        "ratio_dontcare": found["ours_dontcare"]["lut"] / base,
        "test_lost": found["written"]["test"] - found["ours_dontcare"]["test"],
        "mapping_seconds": {kind: seconds[kind] for kind in ("ours", "ours_dontcare")},
        "commit": commit(),
    }


def _area(circuit: Circuit, part: str, style: Style, data: Dataset) -> dict[str, Any]:
    """Count a part of a circuit; hold its netlist against it."""
    circuit = without_unread(circuit)  # a core takes the encoded words that it reads
    own = split(circuit).core if part == "core" else without_argmax(circuit)
    assert own is not None
    with tempfile.TemporaryDirectory() as folder:
        rtl = emit_verilog(own, Path(folder), style=style)
        found = synthesise(rtl, timeout=TIMEOUT)
        if part == "core" and circuit.name not in UNDECIDED:
            check_netlist(rtl, found, TIMEOUT)
        else:
            x = _core_inputs(circuit, data.test.x) if part == "core" else data.test.x
            netlist = read_netlist(rtl, found, TIMEOUT)
            difference = first_difference(evaluate(own, x), evaluate(netlist, x))
            if difference:
                raise SystemExit(f"{circuit.name}: the netlist differs: {difference}")
    return area_figures(found)


def _core_inputs(circuit: Circuit, x: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the encoded bits that the core reads, in the order of its inputs."""
    core = [n for n, name in enumerate(part_names(circuit)) if name == "core"]
    read = np.unique(np.concatenate([operands(circuit.ops[n]) for n in core]))
    read = read[~np.isin(circuit.sources(read), core)]
    return evaluate(replace(circuit, outputs=(Output("y", Words(read[:, None])),)), x)["y"]


def _accuracies(circuit: Circuit, data: Dataset) -> dict[str, float]:
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    return {
        name: 100 * float(np.mean(evaluate(circuit, part.x)["class"][:, 0] == part.y))
        for name, part in parts.items()
        if len(part)
    }


if __name__ == "__main__":
    sys.exit(main())
