import pickle

import numpy as np
import pytest

from lutra.circuit import Argmax, Circuit, Output, Words, evaluate, save
from lutra.engine import Model
from lutra.errors import CircuitError


@pytest.fixture
def circuit() -> Circuit:
    words = Words(np.arange(24).reshape(3, 8), True)
    outputs = (
        Output("scores", words, ("low", "middle", "high")),
        Output("class", Words(np.array([[24, 25]]))),
    )
    return Circuit("three", 3, 8, (Argmax(words),), outputs, True)


def test_predicts_what_the_circuit_says(circuit, tmp_path):
    save(circuit, tmp_path / "circuit.safetensors")
    model = Model.load(tmp_path / "circuit.safetensors", threads=2)
    x = np.random.default_rng(0).integers(-128, 128, (1000, 3))
    expected = evaluate(circuit, x)
    np.testing.assert_array_equal(model.predict(x), expected["class"][:, 0])
    np.testing.assert_array_equal(model.predict_scores(x), expected["scores"])
    assert model.classes == ("low", "middle", "high")


def test_real_numbers(circuit):
    model = Model(circuit, scale=0.5, offset=np.array([0, 1.0, 2.0]))
    assert model.predict_scores(np.array([[1.1, 0.0, 99.0]])).tolist() == [[2, -2, 127]]


def test_is_pickled_as_its_circuit(circuit):
    model = Model(circuit, scale=0.5, offset=np.array([0, 1.0, 2.0]))
    fresh = len(pickle.dumps(model))
    x = np.random.default_rng(0).normal(size=(100, 3)) * 20
    expected = model.predict(x)
    assert len(pickle.dumps(model)) == fresh
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x), expected)


def test_what_is_no_classifier_is_refused(circuit, tmp_path):
    model = Model(Circuit("bare", 3, 8, (), circuit.outputs[:1], True))
    assert model.predict_scores(np.zeros((1, 3), int)).tolist() == [[0, 0, 0]]
    with pytest.raises(CircuitError, match="has no output 'class', only: scores"):
        model.predict(np.zeros((1, 3), int))
    with pytest.raises(CircuitError, match="missing"):
        Model.load(tmp_path / "missing.safetensors")
