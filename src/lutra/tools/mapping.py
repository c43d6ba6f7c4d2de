"""LUT6 mapping with ABC: the result is a circuit again."""

import os
from collections import ChainMap
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import LUT_INPUTS, Circuit
from lutra.emit import blif
from lutra.passes import (
    Table,
    care_tables,
    collapse,
    compressed_neurons,
    neurons,
    observe,
    ordered,
    reachable,
    read_by_others,
    simplify,
    specialise,
    tables_of,
    with_tables,
)
from lutra.tools._blif import read_blif
from lutra.tools.abc import run_abc

__all__ = ["MappedRows", "Objective", "map_luts", "map_rows"]

_COVER = {
    "area": "strash; if -K 6 -C 32 -F 4 -A 6 -a; mfs2 -e",
    "delay": "strash; if -K 6 -C 32 -F 4 -A 6; mfs2 -e",
}
"""Cover with LUTs, then take away those that the others can do without."""
_TRUTH = "strash; &get -n; &ttopt -I {} -O {} -X 20; &put"
"""Begin from trees of multiplexers whose order of inputs is searched for."""
_REDUNDANT = "mfs2 -e"

Cares = Mapping[int, NDArray[np.bool_]]
Tables = dict[int, Table]
Functions = dict[int, tuple[tuple[int, ...], int]]
Objective = Literal["area", "delay"]


def map_luts(
    circuit: Circuit, rounds: int = 1, timeout: float = 3600, objective: Objective = "area"
) -> Circuit:
    """Return a circuit that does the same with tables of six inputs at most, as few as are found.

    The circuit is simplified, and its tables use that some of their entries are read by no input
    (`lutra.passes.reachable`); then the tables of each neuron are mapped apart, from several
    forms, each round from the result of the one before, and the best result is kept; then each
    stage as a whole is freed from tables that it can do without. Every bit that leaves a stage is
    the same function of the inputs as before.

    Parameters
    ----------
    circuit
        What to map; its other operations and its stages stay.
    rounds
        How often each neuron is mapped from each form.
    timeout
        Seconds, for each of the two steps.
    objective
        What counts: the fewest LUTs, or of each neuron's results the one of the fewest levels.

    Raises
    ------
    ToolError
        ABC is missing or fails.
    """
    circuit = simplify(circuit)
    tables = _mapped_neurons(circuit, reachable(circuit), rounds, timeout, objective)
    return _mapped_stages(circuit, tables, timeout, objective)


class MappedRows(NamedTuple):
    """A circuit mapped for what some rows read, and what came before; each equals the next.

    ``simplified`` equals what was given for every input; ``decided`` equals that operation by
    operation, on the entries that rows read (`lutra.verify.level_cares`); and ``circuit`` equals
    ``decided`` for every input.
    """

    simplified: Circuit
    decided: Circuit
    """The same wires, with the tables that were chosen."""
    circuit: Circuit


def map_rows(
    circuit: Circuit,
    rows: NDArray[np.integer],
    rounds: int = 1,
    timeout: float = 3600,
    objective: Objective = "area",
) -> MappedRows:
    """Do the same for some rows alone: entries that none of them reads are don't-cares.

    Parameters
    ----------
    rows
        Fixed-point input words. Shape (samples, circuit.inputs).
    circuit, rounds, timeout, objective
        As in `map_luts`.

    Raises
    ------
    ToolError
        ABC is missing or fails.
    ValueError
        Rows do not fit the circuit.
    """
    circuit = simplify(circuit)
    tables = _mapped_neurons(circuit, observe(circuit, rows), rounds, timeout, objective)
    mapped = _mapped_stages(circuit, tables, timeout, objective)
    return MappedRows(circuit, collapse(circuit, tables), mapped)


def _mapped_neurons(
    circuit: Circuit, cares: Cares, rounds: int, timeout: float, objective: Objective
) -> Tables:
    """Return tables that make the same bits, where it matters, of what each operation reads."""
    tables, special = tables_of(circuit), tables_of(specialise(circuit, cares))
    parts, jobs = neurons(tables), list[_Job]()
    forms = compressed_neurons(parts, care_tables(circuit, cares), circuit.bits)
    for part, form in zip(parts, forms, strict=True):
        starts = [(form, "")]
        for of in (part, ordered({bit: special.pop(bit) for bit in part})):
            starts.append((of, ""))
            inputs = len(next(iter(of.values())).wires)
            if inputs > LUT_INPUTS:
                starts.append((of, _TRUTH.format(inputs, len(of))))
        jobs.append(_Job(part, list(part), starts))
    tables |= special  # those of up to six inputs
    return _replace(circuit, tables, jobs, _COVER[objective], rounds, timeout, objective)


def _mapped_stages(
    circuit: Circuit, tables: Tables, timeout: float, objective: Objective
) -> Circuit:
    jobs = _stages(circuit, tables)
    tables = _replace(circuit, tables, jobs, _REDUNDANT, 2, timeout, objective)
    return simplify(with_tables(circuit, tables))


class _Job(NamedTuple):
    """Tables that are mapped together."""

    tables: Tables
    leaving: list[int]
    """Those of their bits that others read."""
    starts: list[tuple[Tables, str]]
    """What ABC reads, and what it does to it first."""


def _stages(circuit: Circuit, tables: Tables) -> list[_Job]:
    stages: dict[int, Tables] = {}
    for bit, table in tables.items():
        stages.setdefault(circuit.stages[table.op], {})[bit] = table
    read = {stage: {w for t in part.values() for w in t.wires} for stage, part in stages.items()}
    read[-1] = read_by_others(circuit)
    jobs = []
    for stage, part in stages.items():
        outside = set[int]().union(*(bits for of, bits in read.items() if of != stage))
        jobs.append(_Job(part, sorted(part.keys() & outside), [(part, "sweep")]))
    return jobs


def _replace(
    circuit: Circuit,
    tables: Tables,
    jobs: Sequence[_Job],
    turn: str,
    rounds: int,
    timeout: float,
    objective: Objective,
) -> Tables:
    """Return the tables with the best result of each job in the place of its tables."""
    workers = min(len(jobs), os.cpu_count() or 1)
    results = [
        [f"{i}_{start}_{again}.blif" for start in range(len(job.starts)) for again in range(rounds)]
        for i, job in enumerate(jobs)
    ]

    def mapped(worker: int) -> dict[str, str]:
        files, commands, names = dict[str, str](), list[str](), list[str]()
        for i in range(worker, len(jobs), workers):
            names += results[i]
            for number, (start, command) in enumerate(jobs[i].starts):
                files[f"{i}_{number}.blif"] = blif(start, jobs[i].leaving)
                commands += [f"read_blif {i}_{number}.blif", command]
                for again in range(rounds):
                    commands += [turn, f"write_blif {i}_{number}_{again}.blif"]
        return run_abc(commands, files, names, timeout)

    with ThreadPoolExecutor(max(1, workers)) as pool:
        made = dict(ChainMap(*pool.map(mapped, range(workers))))
    tables = dict(tables)
    free = max(circuit.bits, max(tables, default=0) + 1)
    for job, names in zip(jobs, results, strict=True):
        found = [read_blif(made[name], free) for name in names]
        if all(len(table.wires) <= LUT_INPUTS for table in job.tables.values()):
            found.append({bit: (table.wires, table.value) for bit, table in job.tables.items()})
        best = min(found, key=_figures if objective == "area" else lambda of: _figures(of)[::-1])
        owner = _owners(circuit, job.tables, best)
        for bit in job.tables:
            del tables[bit]
        tables |= {bit: Table(wires, value, owner[bit]) for bit, (wires, value) in best.items()}
        free = max(free, max(best, default=0) + 1)
    return tables


def _owners(circuit: Circuit, tables: Tables, functions: Functions) -> dict[int, int]:
    """Return the operation in whose place each bit stands: the first of those that it helps make.

    One operation of each name does for all.
    """
    first = dict[str, int]()
    for op in sorted({table.op for table in tables.values()}):
        first.setdefault(circuit.ops[op].name, op)
    owner = dict.fromkeys(functions, max(first.values(), default=0))
    owner |= {bit: first[circuit.ops[table.op].name] for bit, table in tables.items()}
    order = TopologicalSorter({bit: wires for bit, (wires, _) in functions.items()}).static_order()
    for bit in reversed([*order]):
        for wire in functions[bit][0] if bit in functions else ():
            if wire in functions and wire not in tables:
                owner[wire] = min(owner[wire], owner[bit])
    return owner


def _figures(functions: Functions) -> tuple[int, int]:
    """Return how many LUTs there are, and how many stand behind one another at most."""
    depth: dict[int, int] = {}
    order = TopologicalSorter({bit: wires for bit, (wires, _) in functions.items()}).static_order()
    for bit in order:
        wires = functions[bit][0] if bit in functions else ()
        depth[bit] = (len(wires) > 1) + max((depth[wire] for wire in wires), default=0)
    return sum(len(wires) > 1 for wires, _ in functions.values()), max(depth.values(), default=0)
