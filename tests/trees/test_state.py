"""Forests as arrays: there and back, and every damage named."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given

from lutra.errors import ModelError
from lutra.trees import Features, Forest, from_arrays, quantise, to_arrays

from .random_forests import flat, forests, samples

FEATURES = Features(4, 5, True, 5)


@given(forests())
def test_there_and_back(forest: Forest) -> None:
    before = quantise(forest, 3, FEATURES)
    after = from_arrays(to_arrays(before), forest.classes, FEATURES, "file")
    raw = samples(FEATURES, 50)
    assert np.array_equal(before.codes(raw), after.codes(raw))


Arrays = dict[str, np.ndarray]


def put(name: str, place: int | tuple[int, int], value: int) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return change


def drop(name: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: arrays[name][:-1]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("bias"), "no forest's"),
        (lambda arrays: arrays.update(more=arrays["bias"]), "no forest's"),
        (lambda arrays: arrays.update(bias=arrays["bias"].astype(float)), "no forest's"),
        (drop("value"), "arrays of shapes"),
        (drop("bias"), "arrays of shapes"),
        (drop("groups"), "arrays of shapes"),
        (drop("sizes"), "nodes, trees of"),
        (put("sizes", 0, -(1 << 62)), "nodes, trees of"),
        (put("groups", 1, 3), "beyond the 3"),
        (put("value", 2, -1), "a code or a bias lies beyond 0"),
        (put("bias", 2, 1 << 60), "a code or a bias lies beyond 0"),
        (put("threshold", 0, 17), "beyond the words of 5 bits"),
        (put("children", (0, 1), 0), "tree 0: node 0 is reached twice"),
        (put("children", (0, 1), 99), "tree 0: node 0 has a child beyond"),
        (put("feature", 0, 4), "tree 0: node 0 asks for a feature beyond the model's 4"),
    ],
)
def test_damage_is_named(change: Callable[[Arrays], object], message: str) -> None:
    trees = tuple(flat((number, 2.5, 0.0, (1, 0.5, 1.0, 2.0))) for number in range(3))
    forest = quantise(Forest(trees, (0, 1, 2), np.zeros(3), 4), 3, FEATURES)
    arrays = to_arrays(forest)
    change(arrays)
    with pytest.raises(ModelError, match=f"file: .*{message}"):
        from_arrays(arrays, 3, FEATURES, "file")
