"""Circuits of tables alone, against the evaluation of what they were."""

import numpy as np
import pytest
from hypothesis import given, settings

from lutra.circuit import (
    Argmax,
    Builder,
    Circuit,
    Compare,
    Encode,
    Lut,
    Sum,
    Words,
    evaluate,
    evaluate_bits,
)
from lutra.passes import expand, expanded_tables
from tests.circuit.random_circuits import circuits, samples
from tests.verify.random_circuits import random_circuit, random_inputs


def check(circuit: Circuit, inputs: np.ndarray) -> Circuit:
    expanded = expand(circuit)
    expected, got = evaluate(circuit, inputs), evaluate(expanded, inputs)
    assert expected.keys() == got.keys()
    for name, words in expected.items():
        np.testing.assert_array_equal(got[name], words, name)
    fan_in = max((op.fan_in for op in circuit.ops if isinstance(op, Lut)), default=0)
    for op in expanded.ops:
        assert isinstance(op, Lut)
        assert op.fan_in <= max(6, fan_in)
    names = {(op.name, stage) for op, stage in zip(circuit.ops, circuit.stages, strict=True)}
    assert names >= {
        (op.name, stage) for op, stage in zip(expanded.ops, expanded.stages, strict=True)
    }
    return expanded


@given(circuits())
@settings(max_examples=150, deadline=None)
def test_random_circuits(circuit: Circuit) -> None:
    check(circuit, samples(circuit, 64))


@pytest.mark.parametrize("seed", range(4))
def test_every_bit(seed: int) -> None:
    circuit = random_circuit(seed, signed=seed % 2 == 0)
    x = random_inputs(circuit, 500)
    check(circuit, x)
    tables, bits = expanded_tables(circuit), evaluate_bits(circuit, x)
    assert min(tables) == circuit.input_bits
    assert tables.keys() >= set(range(circuit.input_bits, circuit.bits))
    assert bits.shape[0] == circuit.bits


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("width", [1, 2, 5, 6, 10, 11])
def test_thresholds_at_and_beyond_both_ends(width: int, signed: bool) -> None:
    b = Builder(1, width, signed)
    low, high = b.inputs.low, b.inputs.high
    ends = [low - 9, low - 1, low, low + 1, (low + high) // 2, high, high + 1, high + 1, 1 << 61]
    thresholds = np.asarray([sorted(ends)], np.int64)
    b.output("t", b.add(Encode(b.inputs, thresholds, thermometer=True), 9))
    b.output("b", b.add(Encode(b.inputs, thresholds[:, 1:8]), 3))
    some = Words(b.inputs.bits.repeat(9, axis=0), signed)
    b.output("c", b.add(Compare(some, thresholds[0]), 1))
    check(b.build("ends"), np.arange(low, high + 1)[:, None])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_lowest_index_wins_ties(count: int, signed: bool) -> None:
    b = Builder(count, 2, signed)
    b.classify(b.inputs)
    values = np.arange(b.inputs.low, b.inputs.high + 1)
    check(b.build("argmax"), np.stack(np.meshgrid(*[values] * count), -1).reshape(-1, count))


def test_sums_of_nothing_padding_and_wide_weights() -> None:
    b = Builder(3, 1)
    wires = np.asarray([[0, 1, 2, 2], [0, 0, 0, 0], [0, 1, 2, 0]])
    weights = np.asarray([[0, 0, 0, 0], [3, -3, 1, -2], [-(1 << 60), 1 << 59, -1, 7]])
    total = Sum(wires, weights, np.asarray([-5, 4, 1 << 40]), 62, True)
    b.output("y", b.add(total, 62, True))
    empty = np.zeros((2, 0), np.int64)
    b.output("z", b.add(Sum(empty, empty, np.asarray([0, 9]), 4, False), 4))
    every = np.arange(8)[:, None] >> np.arange(3) & 1
    check(b.build("sums"), every)


def test_empty_operations_leave_nothing() -> None:
    b = Builder(1, 3)
    none = np.zeros((0, 3), np.int64)
    b.add(Encode(Words(none), none), 2)
    b.add(Compare(Words(none), np.zeros(0, np.int64)), 1)
    b.add(Sum(none, none, np.zeros(0, np.int64), 1, False), 1)
    b.output("raw", b.inputs)
    assert check(b.build("empty"), np.arange(8)[:, None]).ops == ()


def test_comparators_share_their_low_bits() -> None:
    b = Builder(1, 10)
    thresholds = np.asarray([[5, 32 + 5, 64 + 5]])
    b.output("y", b.add(Encode(b.inputs, thresholds, thermometer=True), 3))
    expanded = check(b.build("shared"), np.arange(1024)[:, None])
    counts = [op.size for op in expanded.ops if isinstance(op, Lut) and op.fan_in > 1]
    assert sorted(counts) == [1, 3]
    assert not any(isinstance(op, Argmax) for op in expanded.ops)
