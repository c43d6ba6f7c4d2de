import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import (
    Argmax,
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
    pack_words,
    read_words,
)
from tests.circuit.random_circuits import circuits, evaluate_sample, samples


@given(circuit=circuits(), seed=st.integers(0, 99))
def test_agrees_with_plain_python(circuit, seed):
    inputs = samples(circuit, 9, seed)
    found = evaluate(circuit, inputs, batch=4)
    for i, sample in enumerate(inputs.tolist()):
        expected = evaluate_sample(circuit, sample)
        assert {name: words[i].tolist() for name, words in found.items()} == expected


@given(circuit=circuits())
def test_no_samples(circuit):
    for output in circuit.outputs:
        found = evaluate(circuit, np.zeros((0, circuit.inputs), np.int64))[output.name]
        assert found.shape == (0, output.words.count)


@given(circuit=circuits(), batch=st.integers(1, 12))
def test_batch_size_does_not_matter(circuit, batch):
    inputs = samples(circuit, 10)
    whole, parts = evaluate(circuit, inputs), evaluate(circuit, inputs, batch)
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


@given(width=st.integers(1, 62), signed=st.booleans(), seed=st.integers(0, 99))
def test_words_round_trip(width, signed, seed):
    words = Words(np.arange(3 * width).reshape(3, width), signed)
    rng = np.random.default_rng(seed)
    values = rng.integers(words.low, words.high, (3, 5), endpoint=True)
    values[0, :2] = words.low, words.high
    assert np.array_equal(read_words(pack_words(values, width), words), values)


def test_bits_are_numbered_as_specified():
    builder = Builder(1, 3)
    codes = Lut(np.array([[0, 1], [2, 0]]), pack_tables(np.array([[0, 1, 2, 3], [3, 2, 1, 0]]), 2))
    words = builder.add(codes, 2)
    assert words.bits.tolist() == [[3, 4], [5, 6]]
    builder.output("y", words)
    found = evaluate_bits(builder.build("c"), np.array([[0b101]]))[:, 0]
    assert found.tolist() == [1, 0, 1, *[1, 0], *[0, 0]]


def test_argmax_takes_the_lowest_index_of_equal_words():
    builder = Builder(3, 2, signed=True)
    builder.classify(builder.inputs, ("a", "b", "c"))
    circuit = builder.build("c")
    inputs = np.array([[1, 1, 1], [-2, 1, 1], [-2, -1, -2], [-2, -2, -2]])
    assert evaluate(circuit, inputs)["class"][:, 0].tolist() == [0, 1, 1, 0]


def test_thresholds_beyond_the_word_are_never_reached():
    far = np.array([[-(2**63), 2**63 - 1]])
    encode = Encode(Words(np.array([[0, 1]])), far, thermometer=True)
    circuit = Circuit("c", 1, 2, (encode,), (Output("y", Words(np.array([[2, 3]]))),))
    assert set(evaluate(circuit, np.arange(4)[:, None])["y"][:, 0].tolist()) == {1}


def test_sum_of_nothing_is_its_bias():
    op = Sum(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64), np.array([-3]), 3, True)
    circuit = Circuit("c", 0, 1, (op,), (Output("y", Words(np.arange(3)[None], True)),))
    assert evaluate(circuit, np.zeros((2, 0), np.int64))["y"].tolist() == [[-3], [-3]]


def test_argmax_of_one_word_has_one_bit():
    assert Argmax(Words(np.zeros((1, 2), np.int64))).size == 1
    assert Argmax(Words(np.zeros((4, 2), np.int64))).size == 2
    assert Argmax(Words(np.zeros((5, 2), np.int64))).size == 3


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        (np.zeros((2, 3), int), "shape"),
        (np.zeros(2, int), "shape"),
        (np.full((1, 2), 8), "outside"),
        (np.full((1, 2), -1), "outside"),
        (np.full((1, 2), 0.5), "integers"),
    ],
)
def test_wrong_inputs(inputs, problem):
    with pytest.raises(ValueError, match=problem):
        evaluate(Builder(2, 3).build("c"), inputs)
