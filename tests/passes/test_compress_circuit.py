import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutra.circuit import (
    Builder,
    Circuit,
    Code,
    Lut,
    Sum,
    Words,
    evaluate,
    load,
    pack_tables,
    save,
)
from lutra.passes import compress, observe, pipeline

from ..circuit.random_circuits import circuits, samples
from .test_compress import smooth


def network(
    r: np.random.Generator, shapes: list[tuple[int, int, int]], inputs: int = 12
) -> Circuit:
    """Levels of tables, some smooth and some random, each (tables, inputs, outputs)."""
    b = Builder(inputs, 1)
    pool = list(range(inputs))
    for level, (n, k, m) in enumerate(shapes):
        codes = smooth(r, n, k, m)
        noisy = r.random(n) < 0.2
        codes[noisy] = r.integers(0, 1 << m, codes[noisy].shape)
        wires = np.stack([r.choice(pool, k, replace=k > len(pool)) for _ in range(n)])
        op = Lut(wires, pack_tables(codes, m), f"level{level}", Code(m, -1, 0.5))
        pool += list(b.add(op, 1).bits[:, 0])
    b.output("y", Words(np.asarray(pool)[:, None]))
    b.classify(Words(np.asarray(pool[-6:]).reshape(2, 3), signed=True))
    return b.build("network")


def everything(bits: int) -> np.ndarray:
    return np.arange(1 << bits)[:, None] >> np.arange(bits) & 1


def same(one: Circuit, other: Circuit, x: np.ndarray) -> None:
    found, expected = evaluate(other, x), evaluate(one, x)
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


shapes = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 10), st.integers(1, 6)), min_size=1, max_size=3
)


@settings(deadline=None)
@given(st.integers(0, 2**31), shapes, st.booleans())
def test_the_circuit_does_the_same(
    seed: int, levels: list[tuple[int, int, int]], multilevel: bool
) -> None:
    circuit = network(np.random.default_rng(seed), levels)
    found = compress(circuit, multilevel=multilevel)
    same(circuit, found, everything(12))


@settings(deadline=None)
@given(
    st.integers(0, 2**31), shapes, st.integers(1, 300), st.booleans(), st.sampled_from([None, 0, 9])
)
def test_with_dont_cares_it_does_the_same_on_the_samples(
    seed: int,
    levels: list[tuple[int, int, int]],
    count: int,
    multilevel: bool,
    exiguity: int | None,
) -> None:
    r = np.random.default_rng(seed)
    circuit, x = network(r, levels), r.integers(0, 2, (count, 12))
    cares = observe(circuit, x)
    same(circuit, compress(circuit, cares, multilevel=multilevel, exiguity=exiguity), x)


@settings(deadline=None)
@given(circuits())
def test_any_circuit_stays_what_it_was(circuit: Circuit) -> None:
    x = samples(circuit, 100)
    found = compress(circuit)
    same(circuit, found, x)
    assert (found.name, found.input_labels) == (circuit.name, circuit.input_labels)


def test_thousands_of_tables_share_few_operations() -> None:
    r = np.random.default_rng(0)
    circuit = network(r, [(2000, 9, 4)])
    found = compress(circuit, multilevel=True)
    assert len(found.ops) < 100
    same(circuit, found, r.integers(0, 2, (200, 12)))


def test_parts_keep_the_stage_and_take_the_name_of_their_operation(tmp_path) -> None:
    r = np.random.default_rng(1)
    circuit = pipeline(network(r, [(3, 9, 4), (3, 9, 4)]), 1)
    found = compress(circuit)
    names = {op.name: stage for op, stage in zip(circuit.ops, circuit.stages, strict=True)}
    for op, stage in zip(found.ops, found.stages, strict=True):
        assert stage == names[op.name.split(".")[0]]
    assert any(isinstance(op, Sum) for op in found.ops)
    assert any(op.name == "level1.unique" for op in found.ops)
    same(circuit, found, r.integers(0, 2, (200, 12)))
    save(found, tmp_path / "small.safetensors")
    same(found, load(tmp_path / "small.safetensors"), r.integers(0, 2, (20, 12)))


def test_tables_that_do_not_compress_keep_their_operation() -> None:
    r = np.random.default_rng(2)
    b = Builder(8, 1)
    codes = r.integers(0, 16, (4, 256))
    codes[2] = np.arange(256) // 16
    wires = np.stack([r.permutation(8) for _ in range(4)])
    b.output("y", b.add(Lut(wires, pack_tables(codes, 4), "mixed", Code(4)), 4))
    b.output("z", b.add(Lut(wires[:, :6], pack_tables(codes[:, :64], 4), "small"), 4))
    circuit = b.build("mixed")
    found = compress(circuit)
    rest = found.ops[0]
    assert isinstance(rest, Lut) and rest.name == "mixed" and rest.code == Code(4)
    np.testing.assert_array_equal(rest.wires, wires[[0, 1, 3]])
    small = found.ops[-1]
    assert isinstance(small, Lut) and small.name == "small" and small.size == 16
    same(circuit, found, everything(8))


def test_constant_tables_and_constant_bits_cost_a_zero() -> None:
    b = Builder(8, 1)
    codes = np.stack([np.zeros(256, np.int64), np.full(256, 2), np.arange(256) // 64 * 4])
    b.output("y", b.add(Lut(np.tile(np.arange(8), (3, 1)), pack_tables(codes, 5)), 5))
    circuit = b.build("constants")
    found = compress(circuit)
    same(circuit, found, everything(8))
    assert sum(op.name == ".zero" for op in found.ops) == 1


def test_sixteen_address_bits() -> None:
    b = Builder(16, 1)
    codes = np.arange(1 << 16)[None] * 40503 >> 21
    b.output("y", b.add(Lut(np.arange(16)[None], pack_tables(codes, 11), "wide"), 11))
    circuit = b.build("wide")
    found = compress(circuit, multilevel=True)
    assert len(found.ops) > 1
    same(circuit, found, everything(16))


@pytest.mark.parametrize(("number", "shape"), [(0, (2, 4)), (1, (1, 1)), (7, (1, 1)), (-1, (1, 1))])
def test_cares_that_fit_no_operation_are_named(number: int, shape: tuple[int, int]) -> None:
    circuit = network(np.random.default_rng(3), [(1, 7, 6)])
    with pytest.raises(ValueError, match=f"no tables of operation {number}"):
        compress(circuit, {number: np.ones(shape, bool)})
