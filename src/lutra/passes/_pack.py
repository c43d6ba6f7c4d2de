"""Two functions in one LUT."""

from collections.abc import Iterable, Mapping

from lutra.circuit import SHARED_INPUTS, Circuit
from lutra.passes._logic_depth import levels_in_stage
from lutra.passes._tables import tables_of, with_tables
from lutra.passes._truth import rewired

__all__ = ["pack"]


def pack(circuit: Circuit) -> Circuit:
    """Return the circuit with tables paired that one LUT makes: five inputs together at most.

    Partners stand in one stage and at one level of it, so that neither waits for the other. They
    become tables of one address and two output bits, which `lutra.emit.emit_verilog` writes as
    LUT6_2. Larger tables stay alone. The matching is greedy: the tables of most inputs choose
    first, and take the partner of most inputs that fits.
    """
    tables = tables_of(circuit)
    level = levels_in_stage(circuit).tolist()
    groups: dict[tuple[int, int], list[int]] = {}
    for bit, table in tables.items():
        if 1 < len(table.wires) <= SHARED_INPUTS:
            groups.setdefault((circuit.stages[table.op], level[bit]), []).append(bit)
    for group in groups.values():
        for first, second in _pairs({bit: frozenset(tables[bit].wires) for bit in group}):
            wires = sorted({*tables[first].wires, *tables[second].wires})
            op = tables[first].op
            for bit in (first, second):
                tables[bit] = rewired(tables[bit], wires)._replace(op=op)
    return with_tables(circuit, tables)


def _pairs(inputs: Mapping[int, frozenset[int]]) -> Iterable[tuple[int, int]]:
    """Yield pairs of tables, given by the inputs of each."""
    waiting = sorted(inputs, key=lambda bit: (-len(inputs[bit]), bit))
    free = dict.fromkeys(waiting)
    readers: dict[int, dict[int, None]] = {}
    for bit in waiting:
        for wire in inputs[bit]:
            readers.setdefault(wire, {})[bit] = None
    small = {size: dict.fromkeys(b for b in waiting if len(inputs[b]) == size) for size in (2, 3)}

    def take(bit: int) -> None:
        del free[bit]
        for wire in inputs[bit]:
            del readers[wire][bit]
        if len(inputs[bit]) in small:
            del small[len(inputs[bit])][bit]

    for bit in waiting:
        if bit not in free:
            continue
        take(bit)
        near = {other for wire in inputs[bit] for other in readers[wire]}
        fitting = [other for other in near if len(inputs[bit] | inputs[other]) <= SHARED_INPUTS]
        if len(inputs[bit]) <= 3:  # with three or two, whatever they read
            sizes = (2,) if len(inputs[bit]) == 3 else (3, 2)
            fitting += [next(iter(small[size])) for size in sizes if small[size]]
        if fitting:
            partner = min(
                fitting, key=lambda o: (-len(inputs[o]), -len(inputs[o] & inputs[bit]), o)
            )
            take(partner)
            yield bit, partner
