from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from lutra.circuit import (
    MAX_FAN_IN,
    Argmax,
    Circuit,
    Compare,
    Encode,
    Lut,
    Op,
    Output,
    Sum,
    Words,
    sum_range,
)
from lutra.errors import CircuitError
from tests.circuit.random_circuits import circuits, evaluate_sample, samples

A, B = Words(np.array([[0, 1]])), Words(np.array([[2, 3]]))


def ints(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int64)


LUT = Lut(ints(1, 2), np.zeros((1, 1, 1), np.uint8))
SUM = Sum(ints(1, 2), np.array([[1, 2]]), ints(1), 2, False)
ENCODE = Encode(A, np.array([[1, 2, 3]]))
COMPARE = Compare(A, np.array([1]))


def build(*ops: Op, **changes) -> Circuit:
    fields = {"inputs": 2, "input_width": 2, "ops": ops, "outputs": ()} | changes
    return Circuit("c", **fields)


def test_the_parts_are_valid():
    assert build(LUT, SUM, ENCODE, COMPARE, Argmax(A)).bits == 4 + 1 + 2 + 2 + 1 + 1


@pytest.mark.parametrize(
    ("op", "problem"),
    [
        (replace(LUT, wires=ints(1, 2) + 4), "reads bits 4..4"),
        (replace(LUT, wires=ints(1, 2) - 1), "reads bits -1..-1"),
        (replace(LUT, wires=ints(2)), "wires is int64 of rank 1"),
        (replace(LUT, wires=np.zeros((1, 2))), "wires is float64"),
        (replace(LUT, wires=np.zeros((1, 2), np.int32)), "wires is int32"),
        (replace(LUT, table=ints(1, 1, 1)), "table is int64"),
        (replace(LUT, table=np.zeros((1, 1), np.uint8)), "table is uint8 of rank 2"),
        (replace(LUT, table=np.zeros((2, 1, 1), np.uint8)), "do not fit"),
        (replace(LUT, table=np.zeros((1, 1, 2), np.uint8)), "do not fit"),
        (replace(LUT, table=np.zeros((1, 0, 1), np.uint8)), "0 output bits"),
        (replace(LUT, table=np.full((1, 1, 1), 16, np.uint8)), "beyond the last table entry"),
        (Lut(ints(1, MAX_FAN_IN + 1), np.zeros((1, 1, 1 << 14), np.uint8)), "17 address bits"),
        (replace(SUM, wires=ints(1, 3)), "weights"),
        (replace(SUM, bias=ints(2)), "bias of shape"),
        (replace(SUM, bias=ints(1, 1)), "bias is int64 of rank 2"),
        (replace(SUM, weights=np.ones((1, 2))), "weights is float64"),
        (replace(SUM, width=0), "width 0"),
        (replace(SUM, width=63), "width 63"),
        (replace(SUM, width=1), "0..3, beyond 1 unsigned"),
        (replace(SUM, signed=True), "0..3, beyond 2 signed"),
        (replace(SUM, weights=np.array([[1, -1]])), "-1..1"),
        (replace(SUM, weights=np.full((1, 2), 2**62)), "in magnitude"),
        (replace(SUM, weights=np.full((1, 2), -(2**63))), "in magnitude"),
        (replace(SUM, bias=np.array([2**63 - 1])), "in magnitude"),
        (replace(ENCODE, thresholds=np.array([1, 2, 3])), "rank 1"),
        (replace(ENCODE, thresholds=np.array([[1.0, 2, 3]])), "float64"),
        (replace(ENCODE, thresholds=ints(1, 0)), "thresholds of shape"),
        (replace(ENCODE, thresholds=ints(2, 3)), "thresholds of shape"),
        (replace(ENCODE, thresholds=ints(1, 2)), "binary code"),
        (replace(ENCODE, thresholds=np.array([[1, 3, 2]])), "ascend"),
        (replace(ENCODE, words=Words(ints(2))), "words is int64 of rank 1"),
        (replace(ENCODE, words=Words(ints(1, 63))), "impossible shape"),
        (replace(ENCODE, words=Words(ints(1, 0))), "impossible shape"),
        (replace(COMPARE, thresholds=ints(2)), "thresholds"),
        (replace(COMPARE, thresholds=ints(1, 1)), "rank 2"),
        (replace(COMPARE, words=Words(ints(1, 2) + 9)), "reads bits 9..9"),
        (Argmax(Words(ints(0, 2))), "argmax of no words"),
        (Argmax(Words(ints(3))), "rank 1"),
    ],
)
def test_broken_operation(op, problem):
    with pytest.raises(CircuitError, match=rf"operation 0 .*{problem}"):
        build(op)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"inputs": -1}, "impossible"),
        ({"input_width": 0}, "impossible"),
        ({"input_width": 63}, "impossible"),
        ({"inputs": 1 << 27, "input_width": 2}, "more than"),
        ({"stages": (0,)}, "pipeline stage"),
        ({"stages": (0, -1)}, "pipeline stage"),
        ({"stages": (1, 0)}, "later pipeline stage"),
        ({"input_labels": ("a",)}, "1 input labels"),
        ({"outputs": (Output("y", A), Output("y", B))}, "repeat"),
        ({"outputs": (Output("y", Words(ints(1, 2) + 6)),)}, "reads bits 6..6"),
        ({"outputs": (Output("y", Words(ints(1, 2) - 1)),)}, "reads bits -1"),
        ({"outputs": (Output("y", Words(ints(2))),)}, "rank 1"),
        ({"outputs": (Output("y", Words(np.zeros((1, 2)))),)}, "float64"),
        ({"outputs": (Output("y", Words(ints(1, 63))),)}, "impossible shape"),
        ({"outputs": (Output("y", Words(ints(1, 0))),)}, "impossible shape"),
        ({"outputs": (Output("y", A, ("a", "b")),)}, "2 labels, 1 words"),
    ],
)
def test_broken_circuit(changes, problem):
    with pytest.raises(CircuitError, match=problem):
        build(LUT, replace(LUT, wires=ints(1, 2) + 4), **changes)


def test_an_operation_reads_no_later_bits():
    build(LUT, replace(LUT, wires=ints(1, 2) + 4))
    with pytest.raises(CircuitError, match=r"operation 1 \('late'\): reads bits 5"):
        build(LUT, replace(LUT, wires=ints(1, 2) + 5, name="late"))


def test_unknown_output_names_the_known():
    with pytest.raises(CircuitError, match="has no output 'x', only: y"):
        build(outputs=(Output("y", A),)).output("x")


@given(circuit=circuits())
def test_sums_stay_in_their_range(circuit):
    for op in circuit.ops:
        if isinstance(op, Sum):
            low, high = sum_range(op)
            assert low == min([0, *_extremes(op, min)])
            assert high == max([0, *_extremes(op, max)])


def _extremes(op: Sum, pick) -> list[int]:
    return [
        bias + sum(pick(0, weight) for weight in row)
        for row, bias in zip(op.weights.tolist(), op.bias.tolist(), strict=True)
    ]


@given(circuit=circuits())
def test_sources(circuit):
    made = [-1] * circuit.input_bits
    for number, op in enumerate(circuit.ops):
        made += [number] * op.size
    assert len(made) == circuit.bits
    assert circuit.sources(np.arange(circuit.bits)).tolist() == made


@given(circuit=circuits())
def test_random_circuits_evaluate(circuit):
    evaluate_sample(circuit, samples(circuit, 1)[0].tolist())
