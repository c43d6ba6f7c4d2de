from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lutra.data._dataset import Dataset
from lutra.data._fixed_point import choose_format, to_raw
from lutra.data._table import Rows, Table, finish, hold_out
from lutra.errors import DataError


def table(rows: int, own: int = 0) -> Table:
    """A set whose eleven one-bit features number its rows."""

    def part(start, count):
        number = np.arange(start, start + count)
        return Rows(number[:, None] >> np.arange(11) & 1, number % 2)

    more = {name: part(start, 3) for name, start in (("second", 1010), ("first", 1020))}
    return Table(
        "t",
        part(0, rows),
        part(rows, own) if own else None,
        part(1000, 5),
        ("a", "b"),
        tuple("abcdefghijk"),
        more=more,
    )


def numbers(dataset: Dataset) -> tuple[list[int], list[int], list[int]]:
    parts = (dataset.train, dataset.validation, dataset.test)
    return tuple((part.x.astype(int) @ (1 << np.arange(11))).tolist() for part in parts)  # pyright: ignore[reportReturnType]


@given(
    rows=st.integers(2, 200),
    share=st.floats(0, 0.9),
    seed=st.integers(0, 1 << 32),
    own=st.integers(0, 20),
)
def test_parts_are_disjoint_seeded_and_leave_test_alone(rows, share, seed, own):
    count = int(share * rows)
    train, validation, test = numbers(finish(table(rows, own), count, seed, 12))
    assert sorted(train + validation) == list(range(rows + own))
    assert len(validation) == (count or own)
    assert test == list(range(1000, 1005))
    again = numbers(finish(table(rows, own), count, seed, 12))
    assert again == (train, validation, test)
    by_share = numbers(finish(table(rows), share, seed, 12))
    assert len(by_share[1]) == int(share * rows)


def test_seeds_differ():
    parts = {tuple(numbers(finish(table(100), 30, seed, 12))[1]) for seed in range(20)}
    assert len(parts) == 20


@pytest.mark.parametrize(
    "change",
    [
        {"scale": np.full(11, 2.0)},
        {"offset": np.ones(11)},
        {"width": 2},
        {"signed": True},
        {"classes": ("a", "c")},
        {"more": {}},
    ],
)
def test_fingerprint_covers_the_meaning_of_the_words(change):
    first = finish(table(20, 5), 0, 0, 12)
    assert replace(first, **change).sha256 != first.sha256


def test_fingerprint_covers_further_parts_in_a_fixed_order():
    first = finish(table(20, 5), 0, 0, 12)
    one, two = first.more["first"], first.more["second"]
    assert replace(first, more={"first": one, "second": two}).sha256 == first.sha256
    assert replace(first, more={"first": two, "second": one}).sha256 != first.sha256


@pytest.mark.parametrize("amount", [-1, 10, 11, 1.0, 1.5, -0.1, float("nan")])
def test_impossible_amounts(amount):
    with pytest.raises(DataError, match=r"what = .* of 10 rows"):
        hold_out(table(10).train, amount, 0, "what")


reals = arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.integers(1, 4)),
    elements=st.floats(-1e250, 1e250, allow_subnormal=True),
)


@given(x=reals, width=st.integers(1, 24))
def test_fixed_point_is_nearest_and_in_range(x, width):
    form = choose_format([x], width)
    raw = to_raw(x, form)
    assert form.width <= width
    low = -(1 << (form.width - 1)) if form.signed else 0
    assert raw.min() >= low
    assert raw.max() < low + (1 << form.width)
    error = np.abs(raw * form.scale + form.offset - x)
    assert (error <= form.scale / 2 + np.abs(x).max(axis=0) * 1e-15 + 5e-324).all()


@given(
    x=arrays(
        np.int64, st.tuples(st.integers(1, 9), st.integers(1, 3)), elements=st.integers(-40, 90)
    )
)
def test_whole_numbers_keep_their_values(x):
    for given_as in (x, x.astype(np.float64)):
        form = choose_format([given_as], 8)
        assert np.array_equal(to_raw(given_as, form), x)
        assert (
            form.width <= 1 + form.signed
            or x.min() < -(1 << (form.width - 2))
            or x.max() >= (1 << (form.width - 1 - form.signed))
        )


@given(width=st.integers(2, 16), seed=st.integers(0, 99))
def test_only_the_train_part_decides_the_range(width, seed):
    rng = np.random.default_rng(seed)
    train, test = rng.normal(size=(20, 3)), 1e6 * rng.normal(size=(20, 3))
    alone, both = choose_format([train], width), choose_format([train, test], width)
    assert np.array_equal(alone.scale, both.scale)
    raw = to_raw(test, both)
    assert set(np.unique(raw)) <= set(range(1 << width))
    assert {0, (1 << width) - 1} <= set(raw.ravel().tolist())


def test_clip_leaves_out_the_tails():
    x = np.r_[np.linspace(0, 1, 1000), 1e6][:, None]
    form = choose_format([x], 8, clip=0.01)
    assert 0.9 < form.scale[0] * 255 < 1
    assert to_raw(x, form)[-1, 0] == 255


@given(
    arrays(np.uint8, (5, 3)), arrays(np.uint8, (4, 3)), st.integers(0, 7), st.sampled_from([3, 8])
)
def test_bytes_take_the_words_of_the_same_numbers(train, test, dark, width):
    train = train >> dark  # so that other parts may exceed it
    form = choose_format([train, test], width)
    for part in (train, test):
        words = to_raw(part, form)
        same = to_raw(part.astype(np.int64), form)
        assert words.dtype == same.dtype
        assert np.array_equal(words, same)
