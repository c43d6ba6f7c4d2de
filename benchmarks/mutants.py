"""Whether the proof of equivalence catches what a wrong pass would do: mutants, on real networks.

    lutra bench mutants               # writes benchmarks/results/mutants.json

The result of every pass is proven equal to what went in: on what samples read, level by level,
where the pass uses don't-cares. Then a bit of a table, or a wire, of that result is changed, many
times. What ABC denies, numpy has confirmed on the counterexample. A mutant that ABC lets pass
counts as missed unless another prover, the solver of Yosys, finds that it does the same: its
table is never asked for the changed entry, or nothing that matters depends on the answer. Run
folders are those of `lutra run`, under ``runs``.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.bench import record
from lutra.circuit import Circuit, Lut, operands
from lutra.emit import blif
from lutra.flow import open_run
from lutra.passes import (
    Table,
    compress,
    expanded_tables,
    observe,
    pack,
    pipeline,
    retime,
    simplify,
    specialise,
    without_unread,
)
from lutra.tools import map_luts, map_rows, run_yosys
from lutra.verify import counterexamples, level_cares, levels

ROOT = Path(__file__).parents[1]
RECIPES = ("neuralut-assemble-nid", "dwn-nid", "logicnets-jsc-s", "logicnets-nid-s-comp")
MUTANTS = 45
"""Of each result; one in five has another wire, the others another entry."""
_DIFFER, _DIFFER_AND = 0b0110, 0b01100000


class Case(NamedTuple):
    """What went into a pass, what came out, and what matters."""

    before: Circuit
    after: Circuit
    cares: Circuit | None = None


class Mutant(NamedTuple):
    """A circuit of which one table is changed, and the bits of that table."""

    circuit: Circuit
    bits: list[int]


def cases(circuit: Circuit, x: NDArray[np.integer]) -> dict[str, Case]:
    """Return the passes by name."""
    read = observe(circuit, x)
    special, mapped = specialise(circuit, read), map_luts(circuit)
    cut, cares = levels(circuit), level_cares(circuit, read)
    simple, decided, _ = map_rows(circuit, x)
    return {
        "simplify": Case(circuit, simplify(circuit)),
        "map_luts": Case(circuit, mapped),
        "compress": Case(circuit, compress(circuit)),
        "compress, don't-cares": Case(cut, compress(cut, read), cares),
        "specialise": Case(cut, levels(special), cares),
        "without_unread": Case(special, without_unread(special)),
        "pipeline": Case(circuit, pipeline(circuit, 1)),
        "pack": Case(mapped, pack(mapped)),
        "retime": Case(mapped, retime(mapped, 2)),
        "map_rows": Case(levels(simple), levels(decided), level_cares(simple, observe(simple, x))),
    }


def mutants(circuit: Circuit, count: int, seed: int) -> Iterator[Mutant]:
    """Change random tables, each as likely, one at a time."""
    r = np.random.default_rng(seed)
    tables = [
        (number, row)
        for number, op in enumerate(circuit.ops)
        if isinstance(op, Lut) and op.fan_in
        for row in range(len(op.wires))
    ]
    for i in range(count):
        number, row = tables[r.integers(len(tables))]
        op = circuit.ops[number]
        assert isinstance(op, Lut)
        wires, table = op.wires.copy(), op.table.copy()
        others = np.setdiff1d(operands(op), wires[row])
        first = circuit.starts[number] + row * op.outputs
        bits = list(range(first, first + op.outputs))
        if i % 5 or not len(others):
            output, entry = int(r.integers(op.outputs)), int(r.integers(1 << op.fan_in))
            table[row, output, entry // 8] ^= 1 << entry % 8
            bits = [bits[output]]
        else:
            wires[row, r.integers(op.fan_in)] = r.choice(others)
        changed = replace(op, wires=wires, table=table)
        ops = (*circuit.ops[:number], changed, *circuit.ops[number + 1 :])
        yield Mutant(replace(circuit, ops=ops), bits)


def equal_by_yosys(case: Case, suspects: Sequence[Mutant]) -> list[bool]:
    """Ask the solver of Yosys whether mutants do the same as the result where it matters."""
    with tempfile.TemporaryDirectory() as name:
        folder, script = Path(name), []
        for i, mutant in enumerate(suspects):
            netlist, differences = miter(case, mutant)
            (folder / f"{i}.blif").write_text(netlist)
            proofs = " ".join(f"-prove {bit} 0" for bit in differences or ["0"])  # 0 is 0: unread
            script += ["design -reset", f"read_blif {i}.blif"]
            script += [f"tee -o {i}.log sat -timeout 60 {proofs}"]
        run_yosys(script, folder, 3600)
        logs = [(folder / f"{i}.log").read_text() for i in range(len(suspects))]
    return ["no model found: SUCCESS!" in log for log in logs]


def miter(case: Case, mutant: Mutant) -> tuple[str, list[str]]:
    """Return the result and, beside it, what the change reaches; and the bits that differ then."""
    tables, other = (expanded_tables(circuit) for circuit in (case.after, mutant.circuit))
    free = max(tables) + 1
    reached, pending = set(mutant.bits), True
    while pending:
        pending = {bit for bit, of in tables.items() if reached & set(of.wires)} - reached
        reached |= pending

    def changed(bit: int) -> int:
        return bit + free if bit in reached else bit

    def care(bit: int) -> int:
        return bit if bit < case.after.input_bits else bit + 2 * free

    made = {changed(b): of._replace(wires=tuple(map(changed, of.wires))) for b, of in other.items()}
    made |= tables
    bits = [(bit, changed(bit)) for bit in _output_bits(case.after)]
    if case.cares:
        for bit, of in expanded_tables(case.cares).items():
            made[care(bit)] = of._replace(wires=tuple(map(care, of.wires)))
        matter = map(care, _output_bits(case.cares))
        bits = [(*pair, mask) for pair, mask in zip(bits, matter, strict=True)]
    differ = {
        3 * free + max(made) + i: Table(wires, _DIFFER_AND if case.cares else _DIFFER, 0)
        for i, wires in enumerate(bits)
        if wires[0] != wires[1]
    }
    made |= differ
    needed, front = dict[int, Table](), set(differ)
    while front:
        needed |= {bit: made[bit] for bit in front}
        read = {wire for bit in front for wire in made[bit].wires}
        front = (read & made.keys()) - needed.keys()
    return blif(needed, differ), [f"n{bit}" for bit in differ]


def _output_bits(circuit: Circuit) -> list[int]:
    return [int(bit) for output in circuit.outputs for bit in output.words.bits.reshape(-1)]


def measure(case: Case, seed: int) -> dict[str, Any]:
    """Prove one result, then try its mutants."""
    started = time.perf_counter()
    (wrong,) = counterexamples(case.before, [case.after], case.cares)
    proven = time.perf_counter()
    if wrong:
        raise SystemExit(f"a pass is wrong: {wrong}")
    made = list(mutants(case.after, MUTANTS, seed))
    found = counterexamples(case.before, [m.circuit for m in made], case.cares)
    tried = time.perf_counter()
    passed = [m for m, example in zip(made, found, strict=True) if example is None]
    missed = [m for m, equal in zip(passed, equal_by_yosys(case, passed), strict=True) if not equal]
    return {
        "proof_seconds": proven - started,
        "mutants": len(made),
        "equivalent": len(passed) - len(missed),
        "missed": len(missed),
        "mutant_seconds": (tried - proven) / len(made),
    }


def main() -> int:
    """Train what is not trained yet, try all passes, write the figures."""
    rows = {}
    for name in RECIPES:
        run = open_run(ROOT / "recipes" / f"{name}.toml", ROOT / "runs", 0)
        run.train()
        circuit = run.lower()
        for seed, (label, case) in enumerate(cases(circuit, run.data.train.x).items()):
            rows[f"{name}: {label}"] = row = measure(case, seed)
            sys.stderr.write(f"{name}: {label}: {row}\n")
    total, equivalent, missed = (
        sum(row[key] for row in rows.values()) for key in ("mutants", "equivalent", "missed")
    )
    figures = {"caught": 1 - missed / (total - equivalent), "unit": "fraction of mutants"}
    figures |= {"mutants": total, "equivalent": equivalent, "missed": missed}
    record("mutants", {**figures, "seed": 0, "passes": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
