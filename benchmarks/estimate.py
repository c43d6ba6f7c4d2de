"""LUT6 estimated from trained tables alone, beside those that mapping and Yosys make of them.

    lutra bench estimate                 # writes benchmarks/results/estimate.json

Up to `NEURONS` neurons from all over each network and fan-in, each alone with inputs of its own,
mapped in two rounds and synthesised; no inputs are left open. The estimate's one constant was
fitted on `FITTED`; all other networks, and the random tables, are held out. `core` is a whole
network without encoder and head: there, mapping knows what inputs never are and merges levels,
which the estimate does not. Errors are relative to the LUTs after synthesis; per neuron, to those
of mapping. Seconds are CPU time on one thread for 5,000 output bits, the mean of `REPEATS`.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutra.bench import record
from lutra.circuit import Builder, Circuit, Lut, pack_tables
from lutra.emit import emit_verilog
from lutra.flow import open_run
from lutra.passes import estimate_lut6, split, tables_of, without_unread
from lutra.tools import map_luts, synthesise

ROOT = Path(__file__).parents[1]
FITTED = "neuralut-jsc-2l"
NETWORKS = (FITTED, "neuralut-hdr-5l", "neuralut-nid", "lut6-2x2000-mnist", "dwn-nid")
WHOLE = (FITTED, "neuralut-nid", "lut6-2x2000-mnist", "dwn-nid")
"""Networks of which the core is mapped as well; that of the other takes a quarter of an hour."""
RANDOM = {"sub-MLP 12->4": (12, 4, 16), "uniform random 12->2": (12, 2, 0)}
"""Inputs, output bits, hidden neurons; none for random bits."""
TIMED = {
    "sub-MLP 12->1": (12, 1, 16),
    "uniform random 12->1": (12, 1, 0),
    "sub-MLP 12->4": (12, 4, 16),
    "uniform random 12->4": (12, 4, 0),
    "uniform random 6->1": (6, 1, 0),
}
NEURONS = 24
BITS = 5000
REPEATS = 3

Ints = NDArray[np.int64]


def main() -> int:
    """Train what is not trained yet, compare, time, write the figures."""
    rng = np.random.default_rng(0)
    alone: dict[str, Any] = {}
    cores: dict[str, Any] = {}
    for name in NETWORKS:
        run = open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs", None)
        run.train()
        circuit = without_unread(run.lower())
        ops = [op for op in circuit.ops if isinstance(op, Lut)]
        for inputs in sorted({op.fan_in for op in ops}):
            tables = np.concatenate([op.table for op in ops if op.fan_in == inputs])
            chosen = np.unique(np.linspace(0, len(tables) - 1, NEURONS).astype(int))
            key = f"{name} {inputs}->{tables.shape[1]}"
            alone[key] = _compare(_alone(tables[chosen], inputs), len(chosen))
            sys.stderr.write(f"{key}: {alone[key]}\n")
        core = split(circuit).core
        if name in WHOLE and core is not None:
            cores[name] = _compare(core)
            sys.stderr.write(f"{name}, core: {cores[name]}\n")
    for key, (inputs, outputs, hidden) in RANDOM.items():
        circuit = _alone(_random(rng, NEURONS, inputs, outputs, hidden), inputs)
        alone[key] = _compare(circuit, NEURONS)
        sys.stderr.write(f"{key}: {alone[key]}\n")
    seconds = {key: _seconds(rng, *shape) for key, shape in TIMED.items()}
    held_out = [row for key, row in alone.items() if not key.startswith(FITTED)]
    ours, peer = (sum(row[of] for row in held_out) for of in ("estimate", "lut"))
    figures = {
        "unit": "LUT6 of held-out neurons, estimated / after synthesis",
        "ours": ours,
        "peer": peer,
        "ratio": ours / peer,
        "fitted_on": FITTED,
        "alone": alone,
        "core": cores,
        "seconds": seconds,
        "most_seconds": max(seconds.values()),
        "output_bits": BITS,
    }
    record("estimate", figures)
    return 0


def _alone(tables: NDArray[np.uint8], inputs: int) -> Circuit:
    """Return neurons with inputs of their own."""
    b = Builder(len(tables), inputs)
    b.output("y", b.add(Lut(b.inputs.bits, tables, "neurons"), tables.shape[1]))
    return b.build("neurons")


def _compare(circuit: Circuit, neurons: int = 0) -> dict[str, Any]:
    """Estimate and map a circuit: as a whole, and each of its neurons if they stand alone."""
    estimate = float(estimate_lut6(circuit).sum())
    started = time.perf_counter()
    mapped = map_luts(circuit, rounds=2)
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        found = synthesise(emit_verilog(mapped, Path(folder), style="luts"))
    lut = found.lut6_total
    figures = {"estimate": estimate, "lut": lut, "muxf": found.muxf, "error": estimate / lut - 1}
    if neurons:
        (op,) = (op for op in circuit.ops if isinstance(op, Lut))
        each = [estimate_lut6(_alone(table[None], op.fan_in))[0] for table in op.table]
        made = _per_neuron(mapped, neurons, op.fan_in)
        off = np.abs(each - made)
        figures |= {"neurons": neurons, "error_per_neuron": float(off.mean() / made.mean())}
    return figures | {"mapping_seconds": seconds}


def _per_neuron(mapped: Circuit, neurons: int, inputs: int) -> Ints:
    """Count the LUTs of each neuron, which the inputs tell apart."""
    owner = {bit: bit // inputs for bit in range(neurons * inputs)}
    found = np.zeros(neurons, np.int64)
    for bit, table in tables_of(mapped).items():  # in an order in which none reads a later one
        if table.wires:
            owner[bit] = owner[table.wires[0]]
            found[owner[bit]] += len(table.wires) > 1
    return found


def _random(
    rng: np.random.Generator, n: int, inputs: int, outputs: int, hidden: int
) -> NDArray[np.uint8]:
    """Return tables of codes of hidden ReLUs' weighted sums, or of random bits."""
    codes = rng.integers(0, 1 << outputs, (n, 1 << inputs))
    x = 2.0 * (np.arange(1 << inputs) >> np.arange(inputs)[:, None] & 1) - 1
    for row in codes if hidden else ():
        y = np.maximum(rng.normal(size=(hidden, inputs)) @ x + rng.normal(size=(hidden, 1)), 0)
        y = rng.normal(size=hidden) @ y
        y = (y - y.mean()) / y.std()
        row[:] = np.clip((y + 2) / 4 * (1 << outputs), 0, (1 << outputs) - 1)
    return pack_tables(codes, outputs)


def _seconds(rng: np.random.Generator, inputs: int, outputs: int, hidden: int) -> float:
    circuit = _alone(_random(rng, BITS // outputs, inputs, outputs, hidden), inputs)
    started = time.process_time()
    for _ in range(REPEATS):
        estimate_lut6(circuit)
    return (time.process_time() - started) / REPEATS


if __name__ == "__main__":
    sys.exit(main())
