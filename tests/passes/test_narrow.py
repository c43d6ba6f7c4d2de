"""Sums, comparisons and words as small as they can be, and the same outputs."""

from collections.abc import Sequence
from dataclasses import replace

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
    Op,
    Sum,
    Words,
    evaluate,
    pack_tables,
)
from lutra.passes import narrow, simplify, tables_of
from lutra.verify import check_equivalent

from ..circuit.random_circuits import circuits
from .test_tables import same_outputs


@given(circuits())
def test_outputs_stay(circuit: Circuit) -> None:
    found = narrow(circuit)
    assert same_outputs(circuit, found)
    assert found.bits <= circuit.bits + 2
    assert set(found.stages) <= {0, *circuit.stages}


@given(circuits())
def test_twice_is_no_more_than_once(circuit: Circuit) -> None:
    for change in (narrow, simplify):
        once = change(circuit)
        twice = change(once)
        assert shapes(twice) == shapes(once)


@given(circuits().filter(lambda circuit: bool(circuit.outputs)))
@settings(max_examples=30)
def test_a_proof(circuit: Circuit) -> None:
    check_equivalent(circuit, narrow(circuit))


def shapes(circuit: Circuit) -> list[tuple[object, ...]]:
    """What there is, apart from the order of tables."""
    return sorted(
        (
            type(op).__name__,
            stage,
            op.size,
            op.wires.shape if isinstance(op, Lut | Sum) else (op.words.bits.shape, op.words.signed),
        )
        for op, stage in zip(circuit.ops, circuit.stages, strict=True)
    )


def words_of(circuit: Circuit) -> Words:
    (op,) = (op for op in circuit.ops if not isinstance(op, Lut | Sum))
    return op.words


def sum_of(circuit: Circuit) -> Sum:
    (op,) = (op for op in circuit.ops if isinstance(op, Sum))
    return op


def lut(wires: Sequence[Sequence[int]], codes: Sequence[Sequence[int]]) -> Lut:
    n, k = len(wires), len(codes[0]).bit_length() - 1
    return Lut(np.asarray(wires, np.int64).reshape(n, k), pack_tables(np.asarray(codes), 1), "t")


def added(
    first: Lut | None,
    wires: Sequence[Sequence[int]],
    weights: Sequence[Sequence[int]],
    bias: Sequence[int],
    width: int,
    signed: bool = False,
) -> Circuit:
    """Sum four input bits, which are bits 0 to 3, and those of tables, which are the next ones."""
    b = Builder(4, 1)
    if first:
        b.add(first, 1)
    op = Sum(np.asarray(wires), np.asarray(weights), np.asarray(bias), width, signed, "sum")
    b.output("y", b.add(op, width, signed))
    return b.build("added")


def terms(op: Sum) -> list[dict[int, int]]:
    return [
        {wire: weight for wire, weight in zip(*row, strict=True) if weight}
        for row in zip(op.wires.tolist(), op.weights.tolist(), strict=True)
    ]


def test_constants_inverters_and_buffers_of_a_sum() -> None:
    constants = added(lut([[], []], [[0], [1]]), [[0, 4, 5]], [[1, 3, -2]], [3], 3)
    assert terms(sum_of(narrow(constants))) == [{0: 1}]
    assert sum_of(narrow(constants)).bias.tolist() == [1]
    tables = lut([[1], [2], [3], [0]], [[0, 1], [1, 0], [1, 1], [1, 0]])
    single = added(tables, [[4, 5, 6, 7, 0]], [[1, 5, 2, 4, 4]], [0], 5)
    found = narrow(single)
    assert terms(sum_of(found)) == [{1: 1, 2: -5}]  # 4 (1 - b) + 4 b = 4
    assert sum_of(found).bias.tolist() == [11]
    assert not any(table.wires for table in tables_of(found).values())
    for circuit in (constants, single):
        check_equivalent(circuit, narrow(circuit))


def test_inverters_of_inverters_and_of_constants() -> None:
    b = Builder(2, 1)
    first = b.add(lut([[0], [1]], [[1, 0], [1, 1]]), 1).bits[:, 0]
    second = b.add(lut([[first[0]], [first[1]]], [[1, 0], [1, 0]]), 1).bits
    b.output("y", b.add(Sum(second.T, np.asarray([[1, 2]]), np.asarray([0]), 2, False), 2))
    b.output("z", Words(second))
    circuit = b.build("chain")
    found = narrow(circuit)
    assert same_outputs(circuit, found)
    assert found.output("z").words.bits[0] == [0]  # the input itself
    assert terms(sum_of(found)) == [{0: 1}]


def test_repeated_bits_are_one_term_and_rows_stay_compact() -> None:
    rows = [[0, 1, 0, 2, 1], [3, 3, 3, 2, 3]], [[1, 2, 1, 0, -2], [1, 1, 1, 1, -3]]
    found = narrow(circuit := added(None, *rows, [0, 1], 4, True))
    assert sum_of(found).wires.shape == (2, 1)
    assert terms(sum_of(found)) == [{0: 2}, {2: 1}]
    check_equivalent(circuit, found)


@pytest.mark.parametrize("bias", [-9, -8, -1, 0, 1, 6, 8])
@pytest.mark.parametrize("weights", [[1, 1, 1, 1], [1, -2, 4, -8], [0, 0, 0, 0]])
def test_an_output_keeps_its_word(weights: list[int], bias: int) -> None:
    low = bias + sum(weight for weight in weights if weight < 0)
    signed = low < 0
    circuit = added(None, [[0, 1, 2, 3]], [weights], [bias], 20, signed)
    found = narrow(circuit)
    assert found.output("y").words.bits.shape == (1, 20)
    assert found.output("y").words.signed == signed
    x = np.asarray([[entry >> j & 1 for j in range(4)] for entry in range(16)])
    assert np.array_equal(evaluate(found, x)["y"], (x @ weights + bias)[:, None])
    assert all(not isinstance(op, Sum) or op.width <= 6 for op in found.ops)


def test_a_sum_is_as_wide_as_its_range() -> None:
    def width(weights: list[int], bias: int, signed: bool) -> tuple[int, bool]:
        op = sum_of(narrow(added(None, [[0, 1]], [weights], [bias], 9, signed)))
        return op.width, op.signed

    assert width([1, 2], 0, False) == (2, False)
    assert width([1, 3], 0, False) == (3, False)
    assert width([1, 2], 0, True) == (2, False)
    assert width([-1, -2], 0, True) == (3, True)
    assert width([-1, -3], 0, True) == (3, True)
    assert width([1, -4], 0, True) == (3, True)
    assert width([4, -4], 0, True) == (4, True)
    assert width([-1, -2], -1, True) == (3, True)


def compared(kind: type[Op], signed: bool) -> Circuit:
    """Compare sums 0..3 and 2..4 of bits, or sums -3..0 and -2..0, in words of nine bits."""
    b = Builder(4, 1)
    weights = np.asarray([[1, 1, 1], [1, 1, 0]]) * (-1 if signed else 1)
    op = Sum(
        np.asarray([[0, 1, 2], [2, 3, 3]]), weights, np.asarray([0, 2 - 2 * signed]), 9, signed
    )
    words = b.add(op, 9, signed)
    if kind is Argmax:
        b.output("y", b.add(Argmax(words), 1))
    elif kind is Compare:
        b.output("y", b.add(Compare(words, np.asarray([2, 3]) - 4 * signed), 1))
    else:
        steps = np.asarray([[1, 2, 3], [3, 4, 4]]) - 4 * signed
        b.output("y", b.add(Encode(words, steps), 2))
    return b.build("compared")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", [Argmax, Compare, Encode])
def test_compared_words_lose_bits_that_say_nothing(kind: type[Op], signed: bool) -> None:
    circuit = compared(kind, signed)
    found = narrow(circuit)
    assert (words_of(found).width, words_of(found).signed) == (3, signed)
    assert sum_of(found).width == 3
    check_equivalent(circuit, found)


@pytest.mark.parametrize("thermometer", [False, True])
def test_decided_comparisons_are_constants(thermometer: bool) -> None:
    """Sums reach 3..6 and -2..1: their ranges say more than their widths."""
    b = Builder(4, 1)
    weights, bias = np.asarray([[1, 2], [-2, 1]]), np.asarray([3, 0])
    words = b.add(Sum(np.asarray([[0, 1], [2, 3]]), weights, bias, 5, True), 5, True)
    low, high = np.asarray([3, -2]), np.asarray([6, 1])
    for name, thresholds in {
        "least": low,
        "above": high + 1,
        "inside": low + 1,
        "most": high,
    }.items():
        if thermometer:
            op = Encode(words, thresholds[:, None], thermometer)
        else:
            op = Compare(words, thresholds)
        b.output(name, b.add(op, 1))
    circuit = b.build("decided")
    found = narrow(circuit)
    check_equivalent(circuit, found)
    tables = tables_of(found)

    def made(name: str) -> list[int]:
        bits = found.output(name).words.bits[:, 0].tolist()
        return [tables[bit].value if bit in tables else -1 for bit in bits]

    assert [made(name) for name in ("least", "above", "inside", "most")] == [
        [1, 1], [0, 0], [-1, -1], [-1, -1],
    ]  # fmt: skip


def test_what_is_constant_is_known_to_all_that_follows() -> None:
    """A constant of a sum decides a comparison, which is a term of the next sum."""
    b = Builder(2, 1)
    first = b.add(Sum(np.asarray([[0, 1]]), np.asarray([[1, 1]]), np.asarray([4]), 4, False), 4)
    reached = b.add(Compare(first, np.asarray([4])), 1)
    wires = np.asarray([[0, reached.bits[0, 0], first.bits[0, 3], first.bits[0, 2]]])
    b.output("y", b.add(Sum(wires, np.asarray([[1, 1, 1, 1]]), np.asarray([0]), 3, False), 3))
    circuit = b.build("chain")
    op = sum_of(narrow(circuit))
    assert terms(op) == [{0: 1}] and op.bias.tolist() == [2]
    check_equivalent(circuit, narrow(circuit))


def test_stages_stay() -> None:
    circuit = replace(compared(Argmax, True), stages=(1, 3))
    assert narrow(circuit).stages == (1, 3)


def test_simplify_takes_inverters_of_sums_away() -> None:
    """Of two tables that are each other's inverse one is left, and no inverter."""
    first = lut([[0, 1], [0, 1], [0, 0]], [[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1]])
    circuit = added(first, [[4, 5, 6], [4, 2, 6]], [[1, 2, 1], [1, 1, 1]], [0, 0], 3)
    found = simplify(circuit)
    assert [table.wires for table in tables_of(found).values() if table.wires] == [(0, 1)]
    assert sum_of(found).bias.tolist() == [3, 1]
    check_equivalent(circuit, found)
