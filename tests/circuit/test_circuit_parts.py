import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import (
    Builder,
    Circuit,
    Lut,
    Output,
    Words,
    evaluate,
    evaluate_bits,
    lut6_worst_case,
    op_levels,
    operands,
    pack_tables,
    statistics,
    subcircuit,
)
from lutra.errors import CircuitError
from tests.circuit.random_circuits import circuits, samples


@given(circuit=circuits(), data=st.data())
def test_subcircuit_is_a_slice_of_the_whole(circuit, data):
    numbers = [n for n in range(len(circuit.ops)) if data.draw(st.booleans())]
    part = subcircuit(circuit, numbers, "part")
    assert part.ops == () or [op.size for op in part.ops] == [circuit.ops[n].size for n in numbers]
    bits = evaluate_bits(circuit, samples(circuit, 8))
    ranges = [range(circuit.starts[n], circuit.starts[n] + circuit.ops[n].size) for n in numbers]
    made = [bit for own in ranges for bit in own]
    read = [bit for n in numbers for bit in operands(circuit.ops[n]).tolist()]
    needed = sorted(set(read) - set(made))
    assert part.inputs == len(needed)
    inside = evaluate_bits(part, bits[needed].T)
    assert np.array_equal(inside[len(needed) :], bits[made])
    outside = {
        bit for n, op in enumerate(circuit.ops) if n not in numbers for bit in operands(op).tolist()
    } | {bit for output in circuit.outputs for bit in output.words.bits.ravel().tolist()}
    leaving = sorted(outside & set(made))
    assert np.array_equal(evaluate(part, bits[needed].T)["y"], bits[leaving].T)


def test_subcircuit_of_nothing():
    assert subcircuit(Builder(2, 2).build("c"), [], "part").bits == 0


def test_subcircuit_stages_start_at_zero():
    lut = Lut(np.array([[0]]), np.array([[[2]]], np.uint8))
    circuit = Circuit("c", 1, 1, (lut, lut, lut), (), stages=(5, 3, 0))
    assert subcircuit(circuit, [0, 1], "part").stages == (2, 0)


def test_subcircuit_out_of_order():
    builder = Builder(1, 1)
    first = builder.add(Lut(np.array([[0]]), np.array([[[2]]], np.uint8)), 1)
    builder.add(Lut(first.bits, np.array([[[1]]], np.uint8)), 1)
    with pytest.raises(CircuitError, match="operation 0"):
        subcircuit(builder.build("c"), [1, 0], "part")


@pytest.mark.parametrize(
    ("address_bits", "luts"),
    [(0, 0), (1, 1), (5, 1), (6, 1), (7, 3), (8, 5), (9, 11), (10, 21), (12, 85), (14, 341)],
)
def test_worst_case(address_bits, luts):
    assert lut6_worst_case(address_bits) == luts


@given(circuit=circuits())
def test_statistics(circuit):
    found = statistics(circuit)
    luts = [op for op in circuit.ops if isinstance(op, Lut)]
    assert found.tables == sum(len(op.wires) for op in luts)
    assert found.table_bits == sum(op.entries().size for op in luts)
    assert found.lut6_worst_case == sum(row.lut6_worst_case or 0 for row in found.ops)
    assert [row.output_bits for row in found.ops] == [op.size for op in circuit.ops]
    assert [row.stage for row in found.ops] == list(circuit.stages)
    level, depth = [0] * circuit.input_bits, [0] * circuit.input_bits
    for op, row in zip(circuit.ops, found.ops, strict=True):
        read = operands(op).tolist()
        own = 1 + max((level[bit] for bit in read), default=0)
        deep = isinstance(op, Lut) + max((depth[bit] for bit in read), default=0)
        assert row.level == own
        level, depth = level + [own] * op.size, depth + [deep] * op.size
    assert [row.level for row in found.ops] == op_levels(circuit)
    assert found.levels >= max(depth, default=0)


def test_statistics_of_a_tree():
    builder = Builder(36, 1)
    bits = builder.inputs.bits
    for name in ("leaf", "root"):
        wires = bits.reshape(-1, 6)
        tables = pack_tables(np.ones((len(wires), 64), np.int64), 1)
        bits = builder.add(Lut(wires, tables, name), 1).bits
    builder.output("y", Words(bits))
    found = statistics(builder.build("tree"))
    assert (found.tables, found.levels, found.table_bits, found.lut6_worst_case) == (7, 2, 448, 7)
    assert [(row.name, row.level, row.words) for row in found.ops] == [
        ("leaf", 1, 6),
        ("root", 2, 1),
    ]


@given(k=st.integers(0, 9), m=st.integers(1, 5), n=st.integers(0, 4), seed=st.integers(0, 99))
def test_packed_tables_hold_their_codes(k, m, n, seed):
    codes = np.random.default_rng(seed).integers(0, 1 << m, (n, 1 << k))
    op = Lut(np.zeros((n, k), np.int64), pack_tables(codes, m))
    assert op.table.shape == (n, m, max(1, (1 << k) // 8))
    assert np.array_equal((op.entries().astype(int) << np.arange(m)[:, None]).sum(axis=1), codes)
    Circuit("c", 1, 1, (op,), (Output("y", Words(np.zeros((1, 1), np.int64))),))
