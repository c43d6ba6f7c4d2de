import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutra.errors import VerifyError
from lutra.passes import Compressed, compress_tables
from lutra.passes import _cover as cover_module
from lutra.passes._cover import cover


def bits(form: Compressed | None, plain: int) -> int:
    return plain if form is None else form.stored_bits


def smooth(r: np.random.Generator, n: int, k: int, width: int) -> np.ndarray:
    """Tables that compress: random slopes over the address, some noise."""
    line = r.normal(size=(n, 1)) * np.linspace(-1, 1, 1 << k) + r.normal(size=(n, 1))
    noise = r.normal(size=(n, 1 << k)) * r.choice([0, 0.05], (n, 1))
    top = (1 << width) - 1
    return np.clip(np.rint((line + noise + 1) / 2 * top), 0, top).astype(np.int64)


def check(codes: np.ndarray, width: int, cares: np.ndarray | None, **options: object) -> None:
    """Every form says what it must, in fewer bits than the table, and at no more with cares."""
    plain = codes.shape[1] * width
    exact = compress_tables(codes, width, multilevel=bool(options.get("multilevel")))
    for table, form in zip(codes, exact, strict=True):
        if form is not None:
            assert form.stored_bits < plain
            np.testing.assert_array_equal(form.decompress(), table)
    if cares is not None:
        reduced = compress_tables(codes, width, cares, **options)  # pyright: ignore
        for table, care, form, other in zip(codes, cares, reduced, exact, strict=True):
            assert bits(form, plain) <= bits(other, plain)
            if form is not None:
                np.testing.assert_array_equal(form.decompress()[care], table[care])
                assert form.decompress().max() < 1 << width


@settings(deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(0, 4),
    st.integers(0, 9),
    st.integers(1, 8),
    st.floats(0, 1),
    st.booleans(),
    st.sampled_from([None, 0, 1, 5, 250]),
)
def test_what_matters_stays(
    seed: int, n: int, k: int, width: int, likely: float, multilevel: bool, exiguity: int | None
) -> None:
    r = np.random.default_rng(seed)
    codes = r.integers(0, 1 << width, (n, 1 << k)) if r.integers(2) else smooth(r, n, k, width)
    cares = r.random(codes.shape) < likely
    check(codes, width, cares, multilevel=multilevel, exiguity=exiguity)


@given(
    st.integers(0, 2**31),
    st.integers(0, 31),
    st.integers(0, 3),
    st.floats(0, 1),
    st.sampled_from([(40, 1), (16, 4), (7, 5), (20, 32), (9, 256)]),
)
def test_the_kernel_and_plain_numpy_agree(
    seed: int, width: int, max_shift: int, likely: float, shape: tuple[int, int]
) -> None:
    """Parts in less than a word, in whole ones and in several; some of them derived."""
    r = np.random.default_rng(seed)
    values = r.integers(0, 1 << width, (3, *shape))
    some = r.integers(0, shape[0], (3, shape[0] // 2))
    values[:, : shape[0] // 2] = np.take_along_axis(values, some[:, :, None], 1) >> r.integers(4)
    cares = r.random(values.shape) < likely
    values = (values * cares).astype(np.uint32)
    one = cover(values, cares, max_shift)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cover_module, "native", None)
        other = cover(values, cares, max_shift)
    for name in ("unique", "owner", "shift", "count"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    assert (one.stored_bits() == other.stored_bits()).all()


@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(0, 3))
def test_without_dont_cares_no_cover_is_smaller(seed: int, width: int, max_shift: int) -> None:
    """Against all subsets: a cover is one if each sub-table is a chosen one, shifted."""
    r = np.random.default_rng(seed)
    rows = r.integers(0, 1 << width, (1, 7, 1)).astype(np.uint32)
    found = int(cover(rows, np.ones(rows.shape, bool), max_shift).count[0])
    values = {int(row) for row in rows.reshape(-1)}
    generates = {a: {a >> t for t in range(max_shift + 1)} & values for a in values}
    ordered = sorted(values)
    for chosen in range(1 << len(ordered)):
        made = set().union(*(generates[a] for i, a in enumerate(ordered) if chosen >> i & 1))
        assert made != values or chosen.bit_count() >= found


@pytest.mark.parametrize(
    ("function", "scale", "single", "multi"),
    [("exp", 1.0, 2744, 2114), ("sin", np.pi / 2, 3520, 3032)],
)
def test_functions_take_no_more_bits_than_published(
    function: str, scale: float, single: int, multi: int
) -> None:
    x = np.arange(1024) / 1024 * scale
    y = np.exp(x - 1) if function == "exp" else np.sin(x)
    codes = np.floor(y * 1024).astype(np.int64)[None]
    for multilevel, published in ((False, single), (True, multi)):
        (form,) = compress_tables(codes, 10, multilevel=multilevel)
        assert form is not None and form.stored_bits <= published
        np.testing.assert_array_equal(form.decompress(), codes[0])


def test_stored_bits_are_those_of_the_published_algorithm() -> None:
    """Four parts 0 1 2 3, raised by 0, 4, 8, 12: one sub-table of 2 bits, four biases of 4."""
    (form,) = compress_tables(np.arange(16)[None], 4)
    assert form is not None and form.stored_bits == 4 * 2 + 4 * 4
    assert form.bias.tolist() == [0, 4, 8, 12] and form.unique.tolist() == [[0, 1, 2, 3]]  # pyright: ignore


def test_a_table_of_one_value_stores_little_more_than_that() -> None:
    codes = np.stack([np.full(128, 5), np.zeros(128, np.int64)])
    five, zero = compress_tables(codes, 3)
    assert five is not None and five.stored_bits == 2 * 3
    assert zero is not None and zero.stored_bits == 0 and not zero.decompress().any()


def test_sixteen_address_bits_and_one_output_bit() -> None:
    r = np.random.default_rng(0)
    check((r.random((1, 1 << 16)) < 0.01).astype(np.int64), 1, r.random((1, 1 << 16)) < 0.3)


def test_a_table_of_which_nothing_matters_stores_nothing() -> None:
    codes = np.random.default_rng(1).integers(0, 16, (1, 256))
    (form,) = compress_tables(codes, 4, np.zeros(codes.shape, bool))
    assert form is not None and form.stored_bits == 0


def test_dont_cares_merge_what_else_differs() -> None:
    """Sub-tables equal but for one entry that does not matter, the bias's own among them."""
    r = np.random.default_rng(2)
    part = r.permutation(np.concatenate([np.arange(16), r.integers(0, 16, 16)]))
    codes = np.tile(part, (1, 8))
    odd = np.arange(1, 8) * 32 + r.integers(0, 32, 7)
    cares = np.ones(codes.shape, bool)
    codes[0, odd] ^= 1 + r.integers(0, 15, 7)
    cares[0, odd] = False
    (exact,), (reduced,) = compress_tables(codes, 4), compress_tables(codes, 4, cares)
    assert reduced is not None and reduced.stored_bits < bits(exact, codes.size * 4)
    assert len(reduced.unique) == 1


def test_exiguity_keeps_sub_tables_that_many_follow() -> None:
    """All parts are equal as they are, so with an exiguity of 0 none of them changes."""
    codes = np.tile(np.arange(8)[::-1], (1, 8))
    cares = np.zeros(codes.shape, bool)
    cares[0, 5] = True
    free, kept = (compress_tables(codes, 3, cares, exiguity=e)[0] for e in (None, 0))
    assert free is not None and kept is not None and free.stored_bits < kept.stored_bits
    np.testing.assert_array_equal(kept.decompress() >> kept.low_width, codes[0] >> kept.low_width)


@pytest.mark.parametrize(
    ("codes", "width", "cares", "exiguity", "message"),
    [
        (np.zeros((1, 8)), 1, None, None, "expected integers"),
        (np.zeros((1, 6), int), 1, None, None, "power of two"),
        (np.zeros(8, int), 1, None, None, "power of two"),
        (np.zeros((1, 8), int), 0, None, None, "codes of 0 bits"),
        (np.zeros((1, 8), int), 32, None, None, "codes of 32 bits"),
        (np.full((1, 8), 2), 1, None, None, "beyond 1 bits"),
        (np.full((1, 8), -1), 1, None, None, "beyond 1 bits"),
        (np.zeros((1, 8), int), 1, np.ones((1, 4), bool), None, "cares are bool of shape"),
        (np.zeros((1, 8), int), 1, np.ones((1, 8), int), None, "cares are int64"),
        (np.zeros((1, 8), int), 1, None, -1, "exiguity is -1"),
    ],
)
def test_malformed_arguments_are_named(
    codes: np.ndarray, width: int, cares: np.ndarray | None, exiguity: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compress_tables(codes, width, cares, exiguity=exiguity)


def test_a_form_that_changes_what_matters_is_an_internal_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Compressed, "decompress", lambda form: 1 ^ form.low)
    with pytest.raises(VerifyError, match="an entry that matters changed"):
        compress_tables(np.zeros((1, 64), int), 1)
