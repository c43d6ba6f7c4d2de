"""Random forests, and what they say: plain Python, one sample, one tree at a time."""

import numpy as np
from hypothesis import strategies as st

from lutra.trees import Features, Forest, Tree

__all__ = ["features_of", "forests", "samples", "scores_of"]

Nested = float | tuple[int, float, "Nested", "Nested"]


@st.composite
def forests(draw: st.DrawFn, most: int = 5, depth: int = 4) -> Forest:
    """Few features and thresholds, so that keys repeat along paths and between trees."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores, rounds = draw(st.sampled_from([1, 2, 3])), draw(st.integers(0, most))
    count, features = scores * rounds, draw(st.integers(1, 4))
    trees = tuple(flat(nested(rng, features, depth)) for _ in range(count))
    groups = tuple(number % scores for number in range(count))
    return Forest(trees, groups, rng.normal(size=scores), features)


def nested(rng: np.random.Generator, features: int, depth: int) -> Nested:
    if not depth or rng.random() < 0.15:
        return float(rng.choice([0.0, rng.normal()]))
    below = [nested(rng, features, depth - 1) for _ in range(2)]
    return int(rng.integers(features)), float(rng.uniform(-9, 9)), below[0], below[1]


def flat(tree: Nested) -> Tree:
    rows: list[tuple[int, float, int, int, float]] = []

    def add(node: Nested) -> int:
        own = len(rows)
        rows.append((-1, 0.0, own, own, node if isinstance(node, float) else 0.0))
        if not isinstance(node, float):
            rows[own] = (node[0], node[1], add(node[2]), add(node[3]), 0.0)
        return own

    add(tree)
    feature, threshold, left, right, value = (
        np.asarray(column) for column in zip(*rows, strict=True)
    )
    return Tree(feature, threshold, np.stack([left, right], axis=1), value)


@st.composite
def features_of(draw: st.DrawFn, forest: Forest) -> Features:
    width = draw(st.integers(1, 7))
    count = forest.features + draw(st.integers(0, 2))
    return Features(count, width, draw(st.booleans()), draw(st.integers(1, width)))


def samples(features: Features, rows: int = 200) -> np.ndarray:
    low = -(1 << (features.width - 1)) if features.signed else 0
    size = rows, features.count
    return np.random.default_rng(1).integers(low, low + (1 << features.width), size)


def scores_of(forest: Forest, words: np.ndarray) -> np.ndarray:
    """Real scores of words (samples, features): the meaning of a forest."""
    scores = np.tile(forest.bias, (len(words), 1))
    for row, sample in enumerate(words):
        for tree, group in zip(forest.trees, forest.groups, strict=True):
            node = 0
            while tree.feature[node] >= 0:
                right = not sample[tree.feature[node]] < tree.threshold[node]
                node = tree.children[node, int(right)]
            scores[row, group] += tree.value[node]
    return scores
