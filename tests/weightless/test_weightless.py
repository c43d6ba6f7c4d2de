"""Hashes, counting filters and their circuit: by definition, and equal to the bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lutra.circuit import evaluate
from lutra.weightless import (
    CountingFilters,
    Discriminators,
    Filters,
    best_bleach,
    draw_h3,
    draw_tuples,
)


@given(
    st.integers(1, 3),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 3),
    st.integers(1, 15),
    st.integers(0, 99),
)
def test_tuples_of_a_window_are_near_each_other(
    planes: int, height: int, width: int, thresholds: int, window: int, seed: int
) -> None:
    def drawn(window: int | None) -> np.ndarray:
        draw = np.random.default_rng(seed)
        return draw_tuples(planes * height * width, thresholds, window, (height, width), draw)

    order, anywhere = drawn(window), drawn(None)
    assert np.array_equal(np.sort(order), np.arange(order.size))
    assert np.array_equal(np.sort(anywhere), np.arange(order.size))
    row, column = np.divmod(order // thresholds % (height * width), width)

    def runs_are_squares(down: int, right: int) -> bool:
        square = (row + down) // window * 1000 + (column + right) // window
        return np.count_nonzero(np.diff(square)) == len(np.unique(square)) - 1

    assert any(runs_are_squares(*offset) for offset in np.ndindex(window, window))


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 4), st.integers(0, 999))
def test_hashes_are_parities_and_linear(bits: int, width: int, hashes: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    h3 = draw_h3(bits, width, hashes, draw)
    x, y = draw.integers(0, 2, (2, 5, bits)).astype(np.uint8)
    found = h3.addresses(x)
    for row, addresses in zip(x, found, strict=True):
        for masks, address in zip(h3.masks, addresses, strict=True):
            parity = [int(row[mask].sum()) & 1 for mask in masks]
            assert address == sum(bit << place for place, bit in enumerate(parity))
    assert np.array_equal(h3.addresses(x ^ y), found ^ h3.addresses(y))


def test_a_filter_counts_what_it_sees_and_never_too_low() -> None:
    draw = np.random.default_rng(0)
    seen = draw.integers(0, 8, (300, 3, 2))
    labels = draw.integers(0, 2, 300)
    filters = CountingFilters(2, 3, 8)
    filters.learn(seen, labels)
    counts = filters.counts(seen)
    for label in range(2):
        for number in range(3):
            own = seen[labels == label, number]
            for tuple_ in np.unique(own, axis=0):
                at = (seen[:, number] == tuple_).all(1).argmax()
                assert counts[at, label, number] >= (own == tuple_).all(1).sum()


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 60), st.integers(0, 999))
def test_learning_is_sample_by_sample(classes: int, hashes: int, samples: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    seen, labels = draw.integers(0, 6, (samples, 3, hashes)), draw.integers(0, classes, samples)
    filters, counters = CountingFilters(classes, 3, 6), np.zeros((classes, 3, 6), int)
    filters.learn(seen, labels)
    for row, label in zip(seen, labels, strict=True):
        for number, own in enumerate(row):
            least = counters[label, number, own].min()
            counters[label, number, own[counters[label, number, own] == least]] += 1
    assert np.array_equal(filters.counters, counters)


def test_conservative_update_leaves_greater_counters() -> None:
    filters = CountingFilters(1, 1, 4)
    filters.learn(np.array([[[0, 1]]] * 3 + [[[1, 2]]]), np.zeros(4, np.int64))
    assert filters.counters[0, 0].tolist() == [3, 3, 1, 0]


@given(st.integers(0, 999))
def test_the_best_bleach_is_about_as_good_as_any(seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, 200)
    counts = draw.integers(0, 50, (200, 3, 8)).astype(np.int32)
    counts[np.arange(200), labels] += 10
    found, accuracy = best_bleach(counts, labels)
    exact = [100 * ((counts >= b).sum(2).argmax(1) == labels).mean() for b in range(1, 61)]
    assert accuracy == max(exact) and exact[found - 1] == accuracy


@given(
    st.integers(1, 5), st.integers(1, 3), st.integers(1, 14), st.integers(1, 3), st.booleans(),
    st.integers(0, 999),
)  # fmt: skip
def test_the_circuit_counts_the_same_votes(
    features: int, steps: int, size: int, hashes: int, signed: bool, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    low = -16 if signed else 0
    thresholds = np.sort(draw.integers(low, low + 33, (features, steps)), 1)
    parts = tuple(
        Filters(
            draw.integers(0, features * steps, (count, size)),
            draw_h3(size, bits, hashes, draw),
            draw.random((3, count, 1 << bits)) < 0.7,
            draw.random((3, count)) < 0.8,
        )
        for count, bits in ((4, 4), (3, 2))
    )
    model = Discriminators(thresholds, 5, signed, parts, np.array([0, 3, 1]))
    raw = draw.integers(low, low + 32, (50, features))
    found = evaluate(model.lower("net", ("a", "b", "c")), raw)
    assert np.array_equal(found["scores"], model.scores(raw))
    bits, expected = model.encode(raw), np.tile(model.bias, (50, 1))
    for part in parts:
        at = part.addresses(bits)
        for row, label, number in np.ndindex(50, 3, len(part.order)):
            known = all(part.memories[label, number, a] for a in at[row, number])
            expected[row, label] += known and part.kept[label, number]
    assert np.array_equal(model.scores(raw), expected)
    assert np.array_equal(found["class"][:, 0], model.scores(raw).argmax(1))
