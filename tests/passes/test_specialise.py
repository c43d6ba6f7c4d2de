import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import Builder, Circuit, Lut, Words, evaluate_bits, pack_tables
from lutra.passes import observe, specialise

from ..circuit.random_circuits import circuits, samples


def network(
    r: np.random.Generator, inputs: int, shapes: list[tuple[int, int, int]], likely: float = 0.5
) -> Circuit:
    """Levels of random tables, each (tables, inputs, outputs), reading any earlier bit."""
    b = Builder(inputs, 1)
    pool = list(range(inputs))
    for count, fan_in, outputs in shapes:
        wires = r.choice(pool, (count, fan_in)) if fan_in else np.empty((count, 0), np.int64)
        table = (r.random((count, outputs, 1 << fan_in)) < likely).astype(np.uint8)
        if fan_in < 3:
            table = np.pad(table, [(0, 0), (0, 0), (0, 8 - (1 << fan_in))])
        op = Lut(wires, np.packbits(table, axis=2, bitorder="little"), "level")
        pool += list(b.add(op, 1).bits[:, 0])
    b.output("y", Words(np.asarray(pool)[:, None]))
    return b.build("network")


def on_samples(circuit: Circuit, x: np.ndarray) -> Circuit:
    return specialise(circuit, observe(circuit, x))


def lut(circuit: Circuit, number: int = 0) -> Lut:
    found = circuit.ops[number]
    assert isinstance(found, Lut)
    return found


@given(
    st.integers(0, 2**31),
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=3
    ),
    st.integers(1, 60),
    st.sampled_from([0.05, 0.5]),
)
def test_on_the_samples_every_bit_stays(
    seed: int, shapes: list[tuple[int, int, int]], count: int, likely: float
) -> None:
    r = np.random.default_rng(seed)
    circuit = network(r, 10, shapes, likely)
    x = r.integers(0, 2, (count, 10))
    found = on_samples(circuit, x)
    np.testing.assert_array_equal(evaluate_bits(circuit, x), evaluate_bits(found, x))
    for before, after in zip(circuit.ops, found.ops, strict=True):
        assert isinstance(before, Lut) and isinstance(after, Lut)
        assert (after.name, after.size, after.code) == (before.name, before.size, before.code)
        assert after.fan_in <= before.fan_in


@given(circuits(), st.integers(1, 30))
def test_any_circuit_stays_what_it_was_on_the_samples(circuit: Circuit, count: int) -> None:
    x = samples(circuit, count, seed=1)
    found = on_samples(circuit, x)
    assert np.array_equal(evaluate_bits(circuit, x), evaluate_bits(found, x))
    assert (found.starts, found.stages) == (circuit.starts, circuit.stages)


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_where_all_is_read_nothing_changes(seed: int, outputs: int) -> None:
    r = np.random.default_rng(seed)
    b = Builder(8, 1)
    wires = np.stack([r.permutation(8) for _ in range(4)])
    table = np.packbits(r.integers(0, 2, (4, outputs, 256), np.uint8), axis=2, bitorder="little")
    b.output("y", b.add(Lut(wires, table), 1))
    circuit = b.build("whole")
    x = (np.arange(256)[:, None] >> np.arange(8)) & 1
    assert observe(circuit, x)[0].all()
    found = on_samples(circuit, x)
    np.testing.assert_array_equal(evaluate_bits(circuit, x), evaluate_bits(found, x))


def test_what_samples_read_is_counted_at_its_address() -> None:
    circuit = network(np.random.default_rng(0), 3, [(1, 0, 1)])
    b = Builder(3, 1)
    b.output("y", b.add(Lut(np.asarray([[2, 0]]), pack_tables(np.zeros((1, 4), int), 1)), 1))
    x = np.asarray([[1, 0, 0], [1, 1, 0], [1, 0, 1]])
    assert observe(b.build("two"), x)[0].tolist() == [[False, False, True, True]]
    assert observe(circuit, x)[0].tolist() == [[True]]
    assert not observe(b.build("two"), x[:0])[0].any()


def test_inputs_that_the_samples_make_redundant_go() -> None:
    """Nine inputs, two of which tell all there is to tell: the others follow them or rest."""
    r = np.random.default_rng(1)
    x = r.integers(0, 2, (500, 9))
    x[:, [3, 4]] = x[:, [0]]
    x[:, [5, 6, 7, 8]] = 0
    parity = np.bitwise_count(np.arange(512)) & 1
    b = Builder(9, 1)
    b.output("y", b.add(Lut(np.arange(9)[None], pack_tables(parity[None], 1)), 1))
    found = lut(on_samples(b.build("parity"), x))
    assert found.fan_in == 3 and {1, 2} < set(found.wires[0].tolist()) <= {0, 1, 2, 3, 4}


def test_a_table_that_samples_ask_for_one_value_is_constant() -> None:
    b = Builder(7, 1)
    b.output("y", b.add(Lut(np.arange(7)[None], pack_tables(np.arange(128)[None] % 2, 1)), 1))
    x = np.ones((3, 7), np.int64)
    assert lut(on_samples(b.build("odd"), x)).fan_in == 0


def test_parts_that_agree_where_both_are_read_become_one() -> None:
    """Two halves of a table differ in one entry, which no sample reads in the second."""
    half = np.zeros(64, np.int64)
    half[[3, 17, 40]] = 1
    second = half.copy()
    second[5] = 1
    table = np.concatenate([half, half, 1 - half, second])
    b = Builder(8, 1)
    b.output("y", b.add(Lut(np.arange(8)[None], pack_tables(table[None], 1)), 1))
    x = (np.arange(256)[:, None] >> np.arange(8)) & 1
    found = lut(on_samples(b.build("halves"), np.delete(x, 192 + 5, axis=0)))
    parts = {part.tobytes() for part in found.entries().reshape(-1, 64)}
    assert len(parts) == 2


def test_bits_of_a_table_that_a_lut_holds_stay_together() -> None:
    circuit = network(np.random.default_rng(3), 4, [(5, 4, 2)])
    assert on_samples(circuit, np.zeros((1, 4), np.int64)).ops[0] is circuit.ops[0]
