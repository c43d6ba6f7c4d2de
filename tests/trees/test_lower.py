"""Forest == circuit == RTL, whatever the trees; and what the circuit is made of."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutra.circuit import SHARED_INPUTS, Circuit, Compare, Lut, Sum, evaluate, statistics
from lutra.emit import emit_verilog
from lutra.passes import pipeline
from lutra.trees import Features, Forest, IntegerForest, lower, quantise
from lutra.verify import verify_rtl

from .random_forests import features_of, flat, forests, nested, samples


def agree(forest: IntegerForest, circuit: Circuit, raw: np.ndarray) -> None:
    found, codes = evaluate(circuit, raw), forest.codes(raw)
    assert np.array_equal(found["scores"], codes)
    assert np.array_equal(found["class"][:, 0], codes.argmax(1))


@given(st.data(), forests(), st.integers(1, 5), st.sampled_from([None, 2, 3]))
def test_forest_equals_circuit(
    data: st.DataObject, forest: Forest, bits: int, adder: int | None
) -> None:
    whole = quantise(forest, bits, data.draw(features_of(forest)))
    circuit = lower(whole, "random", adder=adder)
    agree(whole, circuit, samples(whole.features))
    assert all(op.fan_in <= 6 for op in circuit.ops if isinstance(op, Lut))


@settings(max_examples=5)
@given(st.data(), forests(), st.booleans(), st.booleans(), st.sampled_from([None, 2]))
def test_forest_equals_rtl(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    forest: Forest,
    encoder: bool,
    sums: bool,
    adder: int | None,
) -> None:
    whole = quantise(forest, 3, data.draw(features_of(forest)))
    circuit = pipeline(lower(whole, "random", adder=adder), 1, encoder, sums)
    raw = samples(whole.features)
    agree(whole, circuit, raw)
    for style in ("constants", "luts"):
        verify_rtl(circuit, raw, tmp_path_factory.mktemp("rtl"), style=style)


def wide(rounds: int, scores: int, depth: int = 3) -> IntegerForest:
    rng = np.random.default_rng(rounds)
    trees = tuple(
        flat((int(rng.integers(6)), 0.5, nested(rng, 6, depth - 1), float(rng.uniform(3, 4))))
        for _ in range(rounds * scores)
    )
    groups = tuple(number % scores for number in range(rounds * scores))
    return quantise(Forest(trees, groups, np.zeros(scores), 6), 3, Features(6, 4, True, 4))


@pytest.mark.parametrize("scores", [1, 3])
@pytest.mark.parametrize(("rounds", "sums"), [(1, 1), (2, 1), (3, 2), (4, 2), (9, 4)])
def test_registers_stand_between_keys_trees_and_adders(
    rounds: int, sums: int, scores: int, tmp_path: Path
) -> None:
    """With adders of two, n trees take ceil(log2(n)) of them one after the other, at least one."""
    forest = wide(rounds, scores)
    bare = lower(forest, "trees", adder=2)
    assert sum(isinstance(op, Sum) for op in bare.ops) == sums
    levels = statistics(bare).levels
    plain = pipeline(bare, 1)
    assert max(plain.stages) == levels - 1
    full = pipeline(bare, 1, encoder=True, sums=True)
    assert max(full.stages) == levels + sums
    raw = samples(forest.features)
    agree(forest, full, raw)
    report = verify_rtl(full, raw, tmp_path, output_register=True)
    assert report.rtl.latency == levels + sums + 1


def test_keys_are_compared_once_and_only_those_that_are_read() -> None:
    same = flat((0, 2.5, 0.0, (1, 7.2, 1.0, (0, 2.1, 5.0, 3.0))))  # 0 < 2.1 cannot be any more
    other = flat((1, 7.9, (0, 99.0, 2.0, 4.0), 0.0))  # no word reaches 99
    forest = Forest((same, other), (0, 1), np.zeros(2), 3)
    circuit = lower(quantise(forest, 2, Features(3, 4, False, 4)), "keys")
    (keys,) = [op for op in circuit.ops if isinstance(op, Compare)]
    assert keys.thresholds.tolist() == [3, 8]
    assert keys.words.bits[:, 0].tolist() == [0, 4]


def test_truncated_words_leave_their_lower_bits_alone() -> None:
    forest = Forest((flat((0, 1.5, 0.0, 1.0)),), (0,), np.zeros(1), 1)
    circuit = lower(quantise(forest, 1, Features(1, 8, False, 2)), "top")
    assert isinstance(circuit.ops[0], Compare)
    assert circuit.ops[0].words.bits.tolist() == [[6, 7]]


def test_small_trees_are_whole_tables() -> None:
    tables = [op for op in lower(wide(4, 2, depth=2), "small").ops if isinstance(op, Lut)]
    assert any(op.outputs > 1 for op in tables)
    assert all(op.fan_in <= SHARED_INPUTS for op in tables if op.outputs > 1)


def test_a_forest_of_constants_has_neither_keys_nor_tables(tmp_path: Path) -> None:
    forest = quantise(
        Forest((flat(0.5), flat(0.5), flat(0.0)), (0, 1, 2), np.asarray([0.0, 1.0, 0.0]), 1),
        3,
        Features(1, 2, False, 2),
    )
    circuit = lower(forest, "constant")
    assert [type(op).__name__ for op in circuit.ops] == ["Sum", "Argmax"]
    agree(forest, circuit, samples(forest.features, 4))
    verify_rtl(circuit, samples(forest.features, 4), tmp_path)


def test_a_circuit_does_not_depend_on_the_process() -> None:
    first, second = (lower(wide(5, 2, depth=5), "same") for _ in range(2))
    for a, b in zip(first.ops, second.ops, strict=True):
        if isinstance(a, Lut) and isinstance(b, Lut):
            assert np.array_equal(a.wires, b.wires) and np.array_equal(a.table, b.table)


def test_two_classes_are_decided_by_one_comparison(tmp_path: Path) -> None:
    forest = wide(3, 1)
    circuit = lower(forest, "two", ("no", "yes"))
    assert isinstance(circuit.ops[-1], Compare)
    text = "".join(p.read_text() for p in emit_verilog(circuit, tmp_path).files)
    assert "argmax" not in text


@pytest.mark.parametrize("scores", [1, 3])
def test_keys_can_stay_outside(scores: int, tmp_path: Path) -> None:
    forest = wide(4, scores)
    raw = samples(forest.features)
    verify_rtl(lower(forest, "outside"), raw, tmp_path, every=1, encoder=False, argmax=False)
