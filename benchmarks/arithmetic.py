"""Sums and comparisons with constants in LUTs: Yosys on operators, and on this package's Verilog.

    lutra bench arithmetic               # writes benchmarks/results/arithmetic.json

The peer is Yosys on `+` and `>=`, as generators write heads and encoders. Sums are of single bits,
as popcounts, and of tables of five inputs and several bits; comparisons are thermometers of
evenly drawn thresholds. Levels count LUTs, carries count blocks of eight bits.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lutra.bench import record
from lutra.circuit import Builder, Circuit, Encode, Lut, Sum, Words, evaluate, pack_tables
from lutra.emit import Style, emit_verilog
from lutra.tools import read_netlist, synthesise

SEED = 0
POPCOUNTS = (10, 20, 50, 100, 200, 400, 800)
TABLES = ((16, 6), (40, 4))
"""Tables, bits of each."""
THERMOMETERS = ((8, 10), (8, 50), (12, 25), (16, 200))
"""Bits of a word, thresholds."""


def popcount(bits: int) -> Circuit:
    """One sum of single bits."""
    b = Builder(bits, 1)
    wires = b.inputs.bits.reshape(1, -1)
    width = bits.bit_length()
    op = Sum(wires, np.ones_like(wires), np.zeros(1, np.int64), width, False)
    b.output("y", b.add(op, width))
    return b.build(f"popcount {bits}")


def table_sum(count: int, bits: int) -> Circuit:
    """One sum of tables of five inputs."""
    b = Builder(count, 5)
    codes = np.random.default_rng(SEED).integers(0, 1 << bits, (count, 32))
    words = b.add(Lut(b.inputs.bits, pack_tables(codes, bits), "tables"), bits)
    width = (count * ((1 << bits) - 1)).bit_length()
    weights = np.tile(1 << np.arange(bits), count)[None]
    op = Sum(words.bits.reshape(1, -1), weights, np.zeros(1, np.int64), width, False)
    b.output("y", b.add(op, width))
    return b.build(f"{count} tables of {bits} bits")


def thermometer(width: int, count: int) -> Circuit:
    """One word beside so many thresholds."""
    b = Builder(1, width)
    drawn = np.random.default_rng(SEED).choice((1 << width) - 1, count, replace=False) + 1
    made = b.add(Encode(b.inputs, np.sort(drawn)[None], thermometer=True), count)
    b.output("y", Words(made.bits.reshape(-1, 1)))
    return b.build(f"{count} thresholds of {width} bits")


def main() -> int:
    """Map every circuit in both forms, hold the netlists against it, write the figures."""
    circuits = [popcount(bits) for bits in POPCOUNTS]
    circuits += [table_sum(*shape) for shape in TABLES]
    circuits += [thermometer(*shape) for shape in THERMOMETERS]
    rows = {circuit.name: _measure(circuit) for circuit in circuits}
    ours, peer = (sum(row[kind]["lut"] for row in rows.values()) for kind in ("luts", "operators"))
    record(
        "arithmetic",
        {"unit": "LUT", "ours": ours, "peer": peer, "ratio": ours / peer, "circuits": rows},
    )
    return 0


def _measure(circuit: Circuit) -> dict[str, Any]:
    rng, row = np.random.default_rng(SEED), {}
    x = rng.integers(0, 1 << circuit.input_width, (2000, circuit.inputs))
    expected = evaluate(circuit, x)["y"]
    styles: dict[str, Style] = {"operators": "constants", "luts": "luts"}
    for kind, style in styles.items():
        with tempfile.TemporaryDirectory() as folder:
            rtl = emit_verilog(circuit, Path(folder), style=style)
            found = synthesise(rtl)
            if not np.array_equal(evaluate(read_netlist(rtl, found), x)["y"], expected):
                raise SystemExit(f"{circuit.name}: the netlist of {kind} differs")
        row[kind] = {"lut": found.lut6_total, "carry": found.carry, "levels": found.levels}
    sys.stderr.write(f"{circuit.name}: {row}\n")
    return row


if __name__ == "__main__":
    sys.exit(main())
