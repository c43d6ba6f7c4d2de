"""The large tables of a circuit neuron by neuron, and forms from which mapping may begin."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import LUT_INPUTS, Builder, Circuit, Lut
from lutra.passes._compress_circuit import compress
from lutra.passes._expand import expand
from lutra.passes._tables import BUFFER, Table, tables_of
from lutra.passes._truth import entries_of, rewired, value_of

__all__ = ["care_tables", "compressed_neurons", "neurons", "ordered"]


def neurons(tables: Mapping[int, Table]) -> list[dict[int, Table]]:
    """Return the tables of more than six inputs, those of a neuron together, with one address.

    A neuron is what one operation computes from one set of bits, or parts of it. The inputs come
    in the order of their influence, the least first: the share of entries, over all tables of the
    neuron, whose value changes with the input.
    """
    found: list[tuple[int, set[int], list[int]]] = []
    large = [bit for bit, table in tables.items() if len(table.wires) > LUT_INPUTS]
    for bit in sorted(large, key=lambda bit: (-len(tables[bit].wires), bit)):
        table = tables[bit]
        for op, wires, bits in found:
            if op == table.op and wires.issuperset(table.wires):
                bits.append(bit)
                break
        else:
            found.append((table.op, set(table.wires), [bit]))
    return [ordered({bit: tables[bit] for bit in sorted(bits)}) for _, _, bits in found]


def ordered(tables: Mapping[int, Table]) -> dict[int, Table]:
    """Return tables with one address, its inputs from the least influential to the most."""
    wires = sorted({wire for table in tables.values() for wire in table.wires})
    whole = {bit: rewired(table, wires) for bit, table in tables.items()}
    entries = np.stack([entries_of(table) for table in whole.values()])
    halves = [entries.reshape(len(tables), -1, 2, 1 << j) for j in range(len(wires))]
    influence = [np.count_nonzero(half[:, :, 0] != half[:, :, 1]) for half in halves]
    order = [wires[j] for j in np.argsort(influence, kind="stable")]
    return {bit: rewired(table, order) for bit, table in whole.items()}


def care_tables(circuit: Circuit, cares: Mapping[int, NDArray[np.bool_]]) -> dict[int, Table]:
    """Return which entries of each bit's table matter as a table that reads the same."""
    found = dict[int, Table]()
    for bit, table in tables_of(circuit).items():
        op = circuit.ops[table.op]
        assert isinstance(op, Lut)
        row = cares[table.op][(bit - circuit.starts[table.op]) // op.outputs]
        found[bit] = table._replace(value=value_of(row.astype(np.uint8)))
    return found


def compressed_neurons(
    parts: Sequence[Mapping[int, Table]], cares: Mapping[int, Table], free: int
) -> list[dict[int, Table]]:
    """Return the same bits, where it matters, as tables of their compressed form (see `compress`).

    Parameters
    ----------
    parts
        Tables of one address each, as `neurons` orders them: the most influential inputs choose
        among sub-tables.
    cares
        By bit, which entries matter: a table that reads what that bit's table reads.
    free
        The first number for bits within a compressed form; parts may share numbers.
    """
    shapes: dict[tuple[int, int], list[int]] = {}
    for number, part in enumerate(parts):
        shapes.setdefault((len(_address(part)), len(part)), []).append(number)
    found: list[dict[int, Table]] = [{} for _ in parts]
    for (inputs, outputs), rows in shapes.items():
        tables = [table for row in rows for table in parts[row].values()]
        data = b"".join(table.value.to_bytes((1 << inputs) // 8, "little") for table in tables)
        packed = np.frombuffer(data, np.uint8).reshape(len(rows), outputs, -1)
        b = Builder(len(rows) * inputs, 1)
        wires = b.inputs.bits.reshape(-1, inputs)
        b.output("y", b.add(Lut(wires, packed.copy()), 1))
        first = [(next(iter(parts[row])), _address(parts[row])) for row in rows]
        matter = np.stack([entries_of(rewired(cares[bit], of)) for bit, of in first])
        circuit = expand(compress(b.build("neurons"), {0: matter.astype(bool)}))
        made, leaving = tables_of(circuit), circuit.output("y").words.bits.reshape(-1, outputs)
        for row, reads, bits in zip(rows, wires.tolist(), leaving.tolist(), strict=True):
            names = dict(zip(reads, _address(parts[row]), strict=True))
            found[row] = _cone(made, dict(zip(parts[row], bits, strict=True)), names, free)
    return found


def _address(part: Mapping[int, Table]) -> tuple[int, ...]:
    return next(iter(part.values())).wires


def _cone(
    made: Mapping[int, Table], leaving: Mapping[int, int], inputs: Mapping[int, int], free: int
) -> dict[int, Table]:
    """Return what leads to some bits, with the names of inputs and outputs put in."""
    found, waiting = dict[int, Table](), list(leaving.values())
    while waiting:
        bit = waiting.pop()
        if bit not in inputs and free + bit not in found:
            table = made[bit]
            wires = tuple(inputs.get(wire, free + wire) for wire in table.wires)
            found[free + bit] = Table(wires, table.value, 0)
            waiting += table.wires
    for name, bit in leaving.items():
        found[name] = Table((inputs.get(bit, free + bit),), BUFFER, 0)
    return found
