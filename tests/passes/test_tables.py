import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import Builder, Circuit, Lut, Words, evaluate, pack_tables
from lutra.passes import (
    Table,
    care_tables,
    compressed_neurons,
    neurons,
    observe,
    tables_of,
    with_tables,
)
from lutra.passes._truth import entries_of, rewired, substitute, value_of

from ..circuit.random_circuits import circuits, samples


def same_outputs(one: Circuit, other: Circuit, count: int = 50) -> bool:
    x = samples(one, count)
    first, second = evaluate(one, x), evaluate(other, x)
    return first.keys() == second.keys() and all(
        np.array_equal(words, second[name]) for name, words in first.items()
    )


@given(circuits())
def test_a_circuit_is_its_tables_and_its_other_operations(circuit: Circuit) -> None:
    tables = tables_of(circuit)
    found = with_tables(circuit, tables)
    assert same_outputs(circuit, found)
    assert found.bits == circuit.bits
    assert sorted(found.stages) == list(found.stages)
    assert sorted(t.value for t in tables_of(found).values()) == sorted(
        t.value for t in tables.values()
    )


def two_neurons() -> Circuit:
    b = Builder(8, 1)
    wires = np.asarray([[0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]])
    codes = np.random.default_rng(0).integers(0, 4, (2, 128))
    y = b.add(Lut(wires, pack_tables(codes, 2), "wide"), 2)
    b.output("y", y)
    return b.build("two")


def test_bits_of_one_wide_address_stay_together() -> None:
    (op,) = with_tables(two_neurons(), tables_of(two_neurons())).ops
    assert isinstance(op, Lut) and (op.wires.shape, op.outputs, op.name) == ((2, 7), 2, "wide")


def test_new_tables_stand_before_those_that_read_them() -> None:
    circuit = two_neurons()
    tables = tables_of(circuit)
    first = circuit.bits
    tables[first] = Table((first + 1, 0), 0b1000, 0)
    tables[first + 1] = Table((1,), 0b01, 0)
    tables[8] = Table((first,), 0b01, 0)
    found = with_tables(circuit, tables, {9: first + 1})
    x = samples(circuit, 100)
    got, before = evaluate(found, x)["y"], evaluate(circuit, x)["y"]
    assert np.array_equal(got[:, 1], before[:, 1])
    assert np.array_equal(got[:, 0] & 1, 1 - ((1 - x[:, 1]) & x[:, 0]))
    assert np.array_equal(got[:, 0] >> 1, 1 - x[:, 1])


@given(st.integers(0, 8), st.integers(0, 2**32))
def test_entries_and_values_are_two_forms_of_one(inputs: int, seed: int) -> None:
    entries = np.random.default_rng(seed).integers(0, 2, 1 << inputs).astype(np.uint8)
    table = Table(tuple(range(inputs)), value_of(entries), 0)
    assert np.array_equal(entries_of(table), entries)
    assert all(table.value >> e & 1 == entry for e, entry in enumerate(entries.tolist()))


def look_up(table: Table, values: dict[int, int]) -> int:
    return table.value >> sum(values[wire] << j for j, wire in enumerate(table.wires)) & 1


@given(st.data(), st.integers(0, 2**32))
def test_rewriting_keeps_the_function(data: st.DataObject, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def table(wires: range) -> Table:
        read = tuple(rng.choice(wires, data.draw(st.integers(0, 5))).tolist())
        return Table(read, value_of(rng.integers(0, 2, 1 << len(read)).astype(np.uint8)), 0)

    inner = {10: table(range(6)), 11: table(range(6))}
    outer = table(range(4, 12))._replace(wires=()) if data.draw(st.booleans()) else None
    outer = outer or table(range(6))
    wires = (*outer.wires, 10, 11)
    size = 1 << (1 << len(wires))
    outer = Table(wires, int.from_bytes(rng.bytes(32), "little") % size, 0)
    found = substitute(outer, inner)
    assert list(found.wires) == sorted(set(found.wires)) and not {10, 11} & set(found.wires)
    order = tuple(rng.permutation(6).tolist())
    for _ in range(20):
        values = dict(enumerate(rng.integers(0, 2, 6).tolist()))
        whole = values | {bit: look_up(of, values) for bit, of in inner.items()}
        assert look_up(found, values) == look_up(outer, whole)
        assert look_up(rewired(found, order), values) == look_up(found, values)
    for j in range(len(found.wires)):  # and it needs every input
        halves = entries_of(found).reshape(-1, 2, 1 << j)
        assert not np.array_equal(halves[:, 0], halves[:, 1])


def test_outputs_may_be_words_of_inputs() -> None:
    b = Builder(2, 3)
    b.output("y", Words(np.asarray([[0, 5, 1]])))
    circuit = b.build("wires")
    assert same_outputs(circuit, with_tables(circuit, {}))


def test_compressed_neurons_are_the_same_bits_where_it_matters() -> None:
    rng = np.random.default_rng(3)
    wires = np.stack([rng.choice(12, 8, False) for _ in range(5)])
    digits = np.arange(256)[:, None] >> np.asarray([0, 4]) & 15
    codes = np.clip(digits @ rng.integers(-3, 4, (2, 5)) // 6 + 4, 0, 7).T
    b = Builder(12, 1)
    b.output("y", b.add(Lut(wires, pack_tables(codes, 3), "wide"), 3))
    circuit = b.build("wide")
    rows = rng.integers(0, 2, (300, 12))
    cares = care_tables(circuit, observe(circuit, rows))
    parts = neurons(tables_of(circuit))
    free = circuit.bits
    for part, form in zip(parts, compressed_neurons(parts, cares, free), strict=True):
        found = with_tables(circuit, tables_of(circuit) | form)
        assert max(form) >= free and set(part) <= form.keys()
        x = evaluate(found, rows)["y"]
        assert np.array_equal(x, evaluate(circuit, rows)["y"])
