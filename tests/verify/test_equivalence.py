"""Formal equivalence by ABC: equal circuits pass, every other one is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from lutra.circuit import (
    Builder,
    Circuit,
    Encode,
    Lut,
    Output,
    Sum,
    Words,
    evaluate,
    evaluate_bits,
    pack_tables,
)
from lutra.errors import ToolError, VerifyError
from lutra.passes import compress, expand, observe, pack, pipeline, simplify, specialise
from lutra.tools import map_luts
from lutra.verify import check_equivalent, counterexamples, level_cares, levels
from tests.circuit.random_circuits import circuits
from tests.verify.random_circuits import random_circuit, random_inputs


def network(seed: int = 0, fan_in: int = 8, width: int = 2) -> Circuit:
    """Return two levels of tables between a code and an argmax over sums."""
    r = np.random.default_rng(seed)
    b = Builder(4, 4, True)
    wires = r.permutation(16).repeat(2)[: 4 * fan_in].reshape(4, fan_in)
    table = pack_tables(r.integers(0, 1 << width, (4, 1 << fan_in)), width)
    first = b.add(Lut(wires, table, "first"), width).bits.reshape(-1)
    table = pack_tables(r.integers(0, 2, (9, 16)), 1)
    second = b.add(Lut(first[r.integers(0, len(first), (9, 4))], table, "second"), 1).bits
    weights = r.integers(-2, 3, (3, 9))
    total = Sum(second.reshape(1, 9).repeat(3, axis=0), weights, np.arange(3), 6, True, "total")
    b.classify(b.add(total, 6, True))
    b.output("bits", Words(second))
    return b.build("network")


def flipped(circuit: Circuit, number: int, row: int = 0, entry: int = 0) -> Circuit:
    op = circuit.ops[number]
    assert isinstance(op, Lut)
    table = op.table.copy()
    table[row, 0, entry // 8] ^= 1 << entry % 8
    return with_op(circuit, number, replace(op, table=table))


def with_op(circuit: Circuit, number: int, op) -> Circuit:
    return replace(circuit, ops=(*circuit.ops[:number], op, *circuit.ops[number + 1 :]))


@given(circuits().filter(lambda circuit: bool(circuit.outputs)))
@settings(max_examples=40, deadline=None)
def test_random_circuits_equal_what_they_expand_to(circuit: Circuit) -> None:
    check_equivalent(circuit, simplify(expand(circuit)))


@pytest.mark.parametrize("signed", [False, True])
def test_every_operation(signed: bool) -> None:
    circuit = simplify(random_circuit(1, signed))  # else ABC takes minutes
    check_equivalent(circuit, map_luts(circuit))


def test_exact_passes() -> None:
    circuit = network()
    for after in (simplify(circuit), map_luts(circuit), compress(circuit), pipeline(circuit, 1)):
        check_equivalent(circuit, after)


def test_a_flipped_entry_is_named_with_input_words_that_show_it() -> None:
    circuit = network()
    found = counterexamples(circuit, [flipped(circuit, 1, row) for row in range(9)])
    for row, example in enumerate(found):
        assert example
        assert (example.difference.output, example.difference.word) != ("bits", row - 1)
        mutant = flipped(circuit, 1, row)
        before, after = (evaluate(of, example.inputs[None]) for of in (circuit, mutant))
        output, word = example.difference.output, example.difference.word
        assert before[output][0, word] == example.difference.expected
        assert after[output][0, word] == example.difference.got != example.difference.expected
    only = (circuit.output("bits"),)
    before, after = (replace(of, outputs=only) for of in (circuit, flipped(circuit, 1, 3)))
    with pytest.raises(VerifyError, match="differ at output 'bits', word 3, bit 0: expected"):
        check_equivalent(before, after)


def test_every_kind_of_mutant_is_caught() -> None:
    circuit = network()
    lut, total = circuit.ops[1], circuit.ops[2]
    assert isinstance(lut, Lut) and isinstance(total, Sum)
    wires, weights = lut.wires.copy(), total.weights.copy()
    wires[2, 1] = (wires[2] != circuit.starts[0]).all() * circuit.starts[0]
    weights[0, 0] += 1
    mutants = [
        with_op(circuit, 1, replace(lut, wires=wires)),
        with_op(circuit, 1, replace(lut, wires=lut.wires[::-1].copy())),
        with_op(circuit, 2, replace(total, weights=weights)),
        with_op(circuit, 2, replace(total, bias=total.bias[::-1].copy())),
        replace(circuit, outputs=(*circuit.outputs[:2], exchanged(circuit.outputs[2]))),
    ]
    assert all(counterexamples(circuit, mutants))
    assert counterexamples(circuit, [mutants[0], circuit, mutants[1]])[1] is None


def exchanged(output: Output) -> Output:
    return replace(output, words=Words(output.words.bits[::-1].copy(), output.words.signed))


def test_a_specialised_circuit_is_equal_level_by_level_where_it_matters() -> None:
    circuit = network()
    x = random_inputs(circuit, 20)
    cares = observe(circuit, x)
    special = specialise(circuit, cares)
    care = level_cares(circuit, cares)
    check_equivalent(levels(circuit), levels(special), care)
    with pytest.raises(VerifyError, match="output 'operation 0'"):
        check_equivalent(levels(circuit), levels(special))
    entry = int(np.flatnonzero(cares[0][2])[0])
    with pytest.raises(VerifyError, match=r"output 'operation 0', word 4, bit 0"):
        check_equivalent(levels(circuit), levels(flipped(circuit, 0, 2, entry)), care)
    entry = int(np.flatnonzero(~cares[0][2])[0])
    check_equivalent(levels(circuit), levels(flipped(circuit, 0, 2, entry)), care)


def test_compressed_levels_are_equal_where_it_matters() -> None:
    circuit = network(fan_in=8, width=3)
    cares = observe(circuit, random_inputs(circuit, 20))
    before = levels(circuit)
    after = compress(before, cares)
    assert len(after.ops) > len(before.ops)
    check_equivalent(before, after, level_cares(circuit, cares))


def test_levels_do_what_the_operations_do() -> None:
    circuit = network()
    bits = evaluate_bits(circuit, random_inputs(circuit, 50))
    got = evaluate(levels(circuit), bits.T)
    for number, start in enumerate(circuit.starts):
        expected = bits[start : start + circuit.ops[number].size].T
        np.testing.assert_array_equal(got[f"operation {number}"], expected)


@pytest.mark.parametrize("number", [-1, 2, 9])
def test_cares_of_no_table(number: int) -> None:
    with pytest.raises(ValueError, match=f"fit no tables of operation {number}"):
        level_cares(network(), {number: np.ones((4, 256), bool)})


def test_cares_of_a_wrong_shape() -> None:
    with pytest.raises(ValueError, match=r"shape \(4, 8\) fit no tables of operation 0"):
        level_cares(network(), {0: np.ones((4, 8), bool)})


def test_other_inputs_or_outputs_are_no_comparison() -> None:
    circuit = network()
    others = [
        replace(circuit, input_signed=False),
        replace(circuit, outputs=circuit.outputs[:2]),
        replace(circuit, outputs=circuit.outputs[::-1]),
        random_circuit(0, True),
    ]
    for other in others:
        with pytest.raises(ValueError, match="have other inputs or outputs"):
            check_equivalent(circuit, other)
    with pytest.raises(ValueError, match="have other inputs or outputs"):
        check_equivalent(circuit, circuit, others[1])


def test_long_sums_whose_terms_turn_out_constant_equal_or_inverse() -> None:
    """ABC alone is at a loss where the adders differ."""
    r = np.random.default_rng(0)
    b = Builder(30, 1)
    first = b.add(Lut(r.integers(0, 30, (60, 2)), pack_tables(r.integers(0, 2, (60, 4)), 1)), 1)
    low, high = first.bits[:30], first.bits[30:]
    again = Lut(np.hstack([low, high, low]), pack_tables(r.integers(0, 2, (30, 8)), 1))
    terms = np.vstack([first.bits, b.add(again, 1).bits]).T
    total = Sum(terms, r.integers(1, 3, terms.shape), np.zeros(1, np.int64), 9, False)
    b.output("total", b.add(total, 9))
    circuit = b.build("long")
    after = simplify(circuit)
    number, op = next((i, op) for i, op in enumerate(after.ops) if isinstance(op, Sum))
    assert np.count_nonzero(op.weights) < terms.size - 9
    check_equivalent(circuit, after, timeout=60)
    weights = op.weights.copy()
    weights[0, 0] = 0
    for mutant in (replace(op, weights=weights), replace(op, bias=op.bias - 1)):
        with pytest.raises(VerifyError, match="output 'total'"):
            check_equivalent(circuit, with_op(after, number, mutant))


@pytest.mark.parametrize("signed", [False, True])
def test_sums_over_sums_that_differ(signed: bool) -> None:
    """As in dense networks of few-bit weights, of which some neurons lead nowhere."""
    r = np.random.default_rng(3)
    b = Builder(40, 1)
    words = b.inputs
    for count, width in ((12, 8), (12, 8), (4, 8)):
        read = words.bits.reshape(-1)
        weights = r.integers(-1 if signed else 0, 3, (count, len(read)))
        weights[:, ::4] = 0
        op = Sum(read.repeat(count).reshape(-1, count).T, weights, np.arange(count), width, signed)
        total = b.add(op, width, signed)
        middle = (weights.clip(max=0) + weights.clip(min=0)).sum(axis=1, keepdims=True) // 2
        words = b.add(Encode(total, middle + np.array([-2, 0, 3])), 2)
    b.output("y", words)
    circuit = b.build("dense")
    after = pack(simplify(circuit))
    assert after.bits < circuit.bits
    check_equivalent(circuit, after, timeout=60)
    number, op = [(i, op) for i, op in enumerate(after.ops) if isinstance(op, Sum)][1]
    with pytest.raises(VerifyError, match="output 'y'"):
        check_equivalent(circuit, with_op(after, number, replace(op, bias=op.bias + 2)))


def test_circuits_without_outputs_or_inputs() -> None:
    check_equivalent(replace(network(), outputs=()), replace(network(1), outputs=()))
    constants = []
    for value in (0, 1):
        b = Builder(0, 1)
        none = np.zeros((1, 0), np.int64)
        b.output("y", b.add(Lut(none, np.full((1, 1, 1), value, np.uint8)), 1))
        constants.append(b.build("constant"))
    check_equivalent(constants[0], constants[0])
    with pytest.raises(VerifyError, match="output 'y', word 0, bit 0: expected 0, got 1"):
        check_equivalent(*constants)


LIES = {
    "Networks are UNDECIDED.": "could not decide within 600 s",
    "Timed out after 41 seconds.": "could not decide within 600 s",
    "Hello.": "ABC gave no verdict: Hello.",
    "Networks are NOT EQUIVALENT.": "gave no counterexample that can be read",
    "Networks are NOT EQUIVALENT.; printf %060d 0 > 0.cex": "ABC erred: .* agree on",
    "Error: bad": "failed: Error: bad",
}


@pytest.mark.parametrize("says", LIES)
def test_a_tool_that_errs(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, _, rest = says.partition(";")
    tool = tmp_path / "abc"
    asked = '[ "$1" = -h ] && exit'  # for its version, anywhere
    tool.write_text(f"#!/bin/sh\n{asked}\necho '{words}'\n{rest}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("LUTRA_ABC", str(tool))
    with pytest.raises(ToolError, match=LIES[says]):
        check_equivalent(network(), network())


def test_without_abc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTRA_ABC", "/nowhere/abc")
    with pytest.raises(ToolError, match="mapping and proofs need ABC"):
        check_equivalent(network(), network())
