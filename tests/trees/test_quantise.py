"""Quantisation as TreeLUT states it, against plain Python; and what it does to decisions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutra.errors import ModelError
from lutra.trees import Features, Forest, quantise, rescale

from .random_forests import features_of, flat, forests, samples, scores_of


def published(forest: Forest, bits: int, words: np.ndarray) -> np.ndarray:
    """Scores by the paper's formulas: per tree, minimum out; one scale; biases rounded once."""
    least = [min(tree.leaves) for tree in forest.trees]
    reach = max(
        (max(tree.leaves) - m for tree, m in zip(forest.trees, least, strict=True)), default=0
    )
    biases = list(forest.bias)
    for group, m in zip(forest.groups, least, strict=True):
        biases[group] += m
    scale = (2**bits - 1) / (reach or (max(biases) - min(biases)) or 1)
    binary = len(biases) == 1
    first = round(-biases[0] * scale) - 1 if binary else 0
    start = [first, 0] if binary else [round((b - min(biases)) * scale) for b in biases]
    scores = np.tile(np.subtract(start, min(start)), (len(words), 1))
    for tree, group, m in zip(forest.trees, forest.groups, least, strict=True):
        for row, sample in enumerate(words):
            node = 0
            while tree.feature[node] >= 0:
                right = sample[tree.feature[node]] >= math.ceil(tree.threshold[node])
                node = tree.children[node, int(right)]
            scores[row, group + binary] += round((tree.value[node] - m) * scale)
    return scores


@given(st.data(), forests(), st.integers(1, 6))
def test_scores_are_the_papers(data: st.DataObject, forest: Forest, bits: int) -> None:
    features = data.draw(features_of(forest))
    raw = samples(features, 30)
    words = raw >> (features.width - features.bits)
    codes = quantise(forest, bits, features).codes(raw)
    assert np.array_equal(codes, published(forest, bits, words))
    assert codes.min() >= 0


@given(forests())
def test_many_bits_decide_as_the_real_forest_does(forest: Forest) -> None:
    features = Features(forest.features, 5, True, 5)
    raw = samples(features, 50)
    real = scores_of(forest, raw)
    real = np.pad(real, ((0, 0), (1, 0))) if real.shape[1] == 1 else real
    top = np.sort(real, axis=1)
    clear = top[:, -1] - top[:, -2] > 0.01
    codes = quantise(forest, 16, features).codes(raw)
    assert np.array_equal(codes.argmax(1)[clear], real.argmax(1)[clear])


def test_equal_scores_go_to_the_first_of_many_classes_and_to_the_second_of_two() -> None:
    stump = flat((0, 0.5, 0.0, 1.0))
    features = Features(1, 1, False, 1)
    raw = np.asarray([[0], [1]])
    one = quantise(Forest((stump,), (0,), np.asarray([-1.0]), 1), 1, features)
    assert one.codes(raw).tolist() == [[0, 0], [0, 1]]  # 0 >= 1 fails, 1 >= 1 holds
    three = quantise(Forest((stump,), (2,), np.zeros(3), 1), 1, features)
    assert three.codes(raw).argmax(1).tolist() == [0, 2]


def test_features_in_other_units() -> None:
    forest = Forest((flat((0, 0.25, 0.0, 1.0)),), (0,), np.zeros(1), 1)
    moved = rescale(forest, np.asarray([0.1]), np.asarray([-0.5]))
    raw = np.arange(16)[:, None]
    codes = quantise(moved, 1, Features(1, 4, False, 4)).codes(raw)[:, 1]
    assert np.array_equal(codes == codes.max(), raw[:, 0] * 0.1 - 0.5 >= 0.25)


@given(
    st.sampled_from([np.float32, np.float64]),
    st.floats(1e-6, 1e3),
    st.floats(-1e4, 1e4),
    st.integers(0, 255),
    st.integers(-2, 2),
)
def test_thresholds_on_values_are_exact(
    kind: type[np.floating], scale: float, offset: float, word: int, ulps: int
) -> None:
    raw = np.arange(256)
    values = (raw * scale + offset).astype(kind)
    threshold = values[word]
    for _ in range(abs(ulps)):
        threshold = np.nextafter(threshold, kind(np.sign(ulps) * np.inf))
    forest = Forest((flat((0, float(threshold), 0.0, 1.0)),), (0,), np.zeros(1), 1, precision=kind)
    moved = rescale(forest, np.asarray([scale]), np.asarray([offset]))
    codes = quantise(moved, 1, Features(1, 8, False, 8)).codes(raw[:, None])[:, 1]
    right = values >= threshold
    assert np.array_equal(codes == codes.max(), right if right.any() else ~right)


def test_what_does_not_fit_is_named() -> None:
    forest = Forest((flat((3, 0.5, 0.0, 1e-9)),), (0,), np.asarray([1e9]), 4, "m.json")
    with pytest.raises(ModelError, match=r"m.json: a tree asks for feature 3; .* has 2"):
        quantise(forest, 3, Features(2, 4, False, 4))
    with pytest.raises(ModelError, match=r"m.json: the scores start .* leaf steps from 0"):
        quantise(forest, 3, Features(4, 4, False, 4))
