"""LUT6 mapping with ABC: the result is a circuit again."""

from collections.abc import Sequence
from typing import NamedTuple

from lutra.circuit import LUT_INPUTS, Circuit
from lutra.emit import blif
from lutra.passes import (
    Table,
    neurons,
    reachable,
    read_by_others,
    simplify,
    specialise,
    tables_of,
    with_tables,
)
from lutra.tools._blif import read_blif
from lutra.tools.abc import run_abc

__all__ = ["map_luts"]

_COVER = "strash; if -K 6 -C 32 -F 4 -A 6 -a; mfs2 -a -e"
"""Cover with LUTs, then take away those that the others can do without."""
_NEURON = (("", _COVER), ("strash; &get -n; &ttopt -I {inputs} -O {outputs} -X 20; &put", _COVER))
_STAGE = (("sweep", "mfs2 -a -e"),)

Tables = dict[int, Table]


def map_luts(circuit: Circuit, rounds: int = 1, timeout: float = 3600) -> Circuit:
    """Return a circuit that does the same with tables of six inputs at most, as few as are found.

    The circuit is simplified, and its tables use that some of their entries are read by no input
    (`lutra.passes.reachable`); then the tables of each neuron are mapped apart, in two ways, each
    round from the result of the one before, and the smallest result is kept; then each stage as a
    whole is freed from tables that it can do without. Every bit that leaves a stage is the same
    function of the inputs as before.

    Parameters
    ----------
    circuit
        What to map; its other operations and its stages stay.
    rounds
        How often each neuron is mapped in each way.
    timeout
        Seconds, for each of the two steps.

    Raises
    ------
    ToolError
        ABC is missing or fails.
    """
    circuit = simplify(circuit)
    circuit = simplify(specialise(circuit, reachable(circuit)))
    tables = tables_of(circuit)
    jobs = [_Job(part, sorted(part)) for part in neurons(tables)]
    tables = _replace(circuit, tables, jobs, _NEURON, rounds, timeout)
    tables = _replace(circuit, tables, _stages(circuit, tables), _STAGE, 2, timeout)
    return simplify(with_tables(circuit, tables))


class _Job(NamedTuple):
    """Tables that are mapped together, and those of their bits that others read."""

    tables: Tables
    leaving: list[int]

    @property
    def size(self) -> dict[str, int]:
        """Inputs and outputs."""
        read = {wire for table in self.tables.values() for wire in table.wires}
        return {"inputs": len(read - self.tables.keys()), "outputs": len(self.leaving)}


def _stages(circuit: Circuit, tables: Tables) -> list[_Job]:
    stages: dict[int, Tables] = {}
    for bit, table in tables.items():
        stages.setdefault(circuit.stages[table.op], {})[bit] = table
    read = {stage: {w for t in part.values() for w in t.wires} for stage, part in stages.items()}
    read[-1] = read_by_others(circuit)
    return [
        _Job(part, sorted(part.keys() & set().union(*(read[of] for of in read if of != stage))))
        for stage, part in stages.items()
    ]


def _replace(
    circuit: Circuit,
    tables: Tables,
    jobs: Sequence[_Job],
    scripts: Sequence[tuple[str, str]],
    rounds: int,
    timeout: float,
) -> Tables:
    """Return the tables with the smallest result of each job in the place of its tables."""
    files = {f"{i}.blif": blif(job.tables, job.leaving) for i, job in enumerate(jobs)}
    commands, results = [], [[f"{i}.blif"] for i in range(len(jobs))]
    for i, made in enumerate(results):
        for number, (start, script) in enumerate(scripts):
            commands += [f"read_blif {i}.blif", start.format(**jobs[i].size)]
            for turn in range(rounds):
                made.append(f"{i}_{number}_{turn}.blif")
                commands += [script, f"write_blif {made[-1]}"]
    wanted = [name for made in results for name in made[1:]]
    files |= run_abc(commands, files, wanted, timeout) if jobs else {}
    free = max(circuit.bits, max(tables, default=0) + 1)
    for job, made in zip(jobs, results, strict=True):
        # As it came, it is a candidate too, unless it has large tables.
        large = any(len(table.wires) > LUT_INPUTS for table in job.tables.values())
        found = [read_blif(files[name], free) for name in made[large:]]
        best = min(found, key=lambda of: sum(len(wires) > 1 for wires, _ in of.values()))
        op = min(table.op for table in job.tables.values())
        for bit in job.tables:
            del tables[bit]
        tables |= {bit: Table(wires, value, op) for bit, (wires, value) in best.items()}
        free = max(free, max(best, default=0) + 1)
    return tables
