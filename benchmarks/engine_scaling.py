"""Software inference from raw features to the class, over batch, threads and size of the circuit.

    lutra bench engine-scaling           # writes benchmarks/results/engine-scaling.json

``raw``: trained networks from uint8 pixels, or from real numbers as a user has them, encoder
included, `SAMPLES` test rows a call. ``batch``: the first of them, by samples per call; a batch of
one is the latency of a single sample. ``size``: random wires, two layers of six-input threshold
functions and ten sums, up to a million tables; memory is what the process has more after building
and running than before. Rates are the best of `REPEATS` calls, on one thread unless said.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lutra.bench import record
from lutra.circuit import Argmax, Circuit, Lut, Output, Sum, Words, evaluate, pack_tables
from lutra.engine import Model, Program
from lutra.flow import open_run

ROOT = Path(__file__).parents[1]
RECIPES = ("neuralut-assemble-mnist", "neuralut-jsc-2l", "dwn-nid")
BATCHES = (1, 8, 64, 512, 4096, 32768)
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SAMPLES, REPEATS, FEATURES, FAN_IN, CLASSES = 1 << 15, 9, 784, 6, 10


def main() -> int:
    """Train what is not trained yet, measure, write the figures."""
    if sys.argv[1:]:
        sys.stdout.write(json.dumps(_size(int(sys.argv[1]))))
        return 0
    raw = {name: _raw(name) for name in RECIPES}
    sizes = {}
    for tables in SIZES:
        command = [sys.executable, "-P", __file__, str(tables)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        sizes[str(tables)] = json.loads(done.stdout)
        sys.stderr.write(f"{tables} tables: {sizes[str(tables)]}\n")
    record("engine-scaling", {"unit": "samples/s", "raw": raw, "size": sizes})
    return 0


def _raw(name: str) -> dict[str, Any]:
    run = open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs")
    run.train()
    data, circuit = run.data, run.lower()
    rows = np.resize(data.test.x, (SAMPLES, data.test.x.shape[1]))
    expected = evaluate(circuit, data.test.x)["class"][:, 0][:SAMPLES]
    inputs = {"words": rows, "real": (rows * data.scale + data.offset).astype(np.float32)}
    if data.width == 8:
        inputs["words"] = rows.astype(np.uint8)
    found: dict[str, Any] = {"features": rows.shape[1], "width": data.width}
    for kind, x in inputs.items():
        for threads in (1, os.cpu_count() or 1):
            model = Model(circuit, scale=data.scale, offset=data.offset, threads=threads)
            classes = model.predict(x)
            if kind == "words" and not np.array_equal(classes[: len(expected)], expected):
                raise SystemExit(f"{name}: the engine's classes differ from the circuit's")
            rate = SAMPLES / _best(lambda model=model, x=x: model.predict(x))
            found[f"{kind}, {x.dtype}, {threads} threads"] = rate
    model = Model(circuit, threads=1)
    model.predict(inputs["words"][:1])
    found["batch"] = {
        str(batch): batch / _best(lambda batch=batch: model.predict(inputs["words"][:batch]), 50)
        for batch in BATCHES
    }
    return found


def _size(tables: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (1 << 13, FEATURES)).astype(np.uint8)
    circuit = _network(tables, rng)
    before = _memory()
    started = time.perf_counter()
    program = Program(circuit)
    build = time.perf_counter() - started
    some = x[:64]
    if not np.array_equal(program.run(some)["class"], evaluate(circuit, some, 64)["class"]):
        raise SystemExit(f"{tables} tables: the program's classes differ from the circuit's")
    rate = len(x) / _best(lambda: program.run(x, 1), 3)
    return {
        "samples_per_second": rate,
        "tables_per_second": rate * tables,
        "operations": program.operations,
        "build_seconds": build,
        "memory_mib": (_memory() - before) / 2**20,
    }


def _memory() -> int:
    """Return the bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _network(tables: int, rng: np.random.Generator) -> Circuit:
    n = tables // 2 // CLASSES * CLASSES
    address = np.arange(1 << FAN_IN)[:, None] >> np.arange(FAN_IN) & 1
    ops, at, before = [], 0, FEATURES
    for _ in range(2):
        weights = rng.normal(size=(FAN_IN, n)).astype(np.float32)
        entries = ((2 * address - 1).astype(np.float32) @ weights > 0).T
        wires = at + rng.integers(0, before, (n, FAN_IN))
        ops.append(Lut(wires, pack_tables(entries.astype(np.int64), 1)))
        at, before = at + before, n
    width = (n // CLASSES).bit_length()
    votes = at + np.arange(n).reshape(CLASSES, -1)
    ops.append(Sum(votes, np.ones_like(votes), np.zeros(CLASSES, np.int64), width, False))
    scores = Words(at + n + np.arange(CLASSES * width).reshape(CLASSES, width))
    ops.append(Argmax(scores))
    winner = Words(at + n + CLASSES * width + np.arange(4)[None])
    return Circuit("random", FEATURES, 1, tuple(ops), (Output("class", winner),))


def _best(call: Callable[[], object], repeats: int = REPEATS) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    sys.exit(main())
