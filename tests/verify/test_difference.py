import numpy as np
import pytest

from lutra.verify import first_difference


def test_equal() -> None:
    words = {"a": np.arange(6).reshape(3, 2)}
    assert first_difference(words, {"a": words["a"].copy()}) is None


def test_the_earliest_sample_of_all_outputs_wins() -> None:
    expected = {"a": np.zeros((5, 2), int), "b": np.full((5, 3), -8)}
    got = {name: words.copy() for name, words in expected.items()}
    got["a"][3, 1] = 1
    got["b"][2, 1] = -4
    got["b"][4] = 0
    found = first_difference(expected, got)
    assert found
    assert (found.sample, found.output, found.word, found.bit) == (2, "b", 1, 2)
    assert (found.expected, found.got, found.samples) == (-8, -4, 2)
    assert str(found) == (
        "sample 2, output 'b', word 1, bit 2: expected -8, got -4 (2 samples differ there)"
    )


def test_other_shapes_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="differ in name or shape"):
        first_difference({"a": np.zeros((2, 1), int)}, {"a": np.zeros((2, 2), int)})
