"""Integer arithmetic against Python's own numbers, and against the real functions."""

import ast
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import lutra.vit
from lutra._kernels import native
from lutra.vit import _arithmetic as arithmetic
from lutra.vit._arithmetic import (
    GELU_SLOPE,
    NORM_BITS,
    SOFTMAX_BITS,
    clamp,
    isqrt,
    layer_norm,
    matmul,
    requantise,
    shift_gelu,
    shiftmax,
)

assert native is not None, "native kernels are not built"
SETS = native.instruction_sets()
TOP = (1 << 31) - 1


@pytest.fixture(params=SETS)
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    assert native is not None
    before = native.instruction_set()
    native.choose(request.param)
    yield request.param
    native.choose(before)


def codes(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)


def saturated(number: int, bits: int) -> int:
    return min(max(number, -(1 << (bits - 1))), (1 << (bits - 1)) - 1)


@given(
    q=st.integers(-(1 << 31), 1 << 31),
    multiplier=st.integers(0, 1 << 31),
    shift=st.integers(1, 62),
    bits=st.integers(1, 16),
)
def test_requantise_rounds_half_up(q: int, multiplier: int, shift: int, bits: int) -> None:
    found = requantise(codes(q), codes(multiplier), codes(shift), bits)
    exact = Fraction(q * multiplier, 1 << shift)
    expected = saturated(math.floor(exact + Fraction(1, 2)), bits)
    assert found.tolist() == [expected if bits > 1 else (1 if q >= 0 else -1)]


@pytest.mark.parametrize(("q", "expected"), [(3, 2), (-3, -1), (1, 1), (-1, 0), (5, 3), (-5, -2)])
def test_requantise_breaks_ties_upwards(q: int, expected: int) -> None:
    assert requantise(codes(q), codes(1), codes(1), 8).tolist() == [expected]


def test_requantise_takes_numbers_per_channel() -> None:
    q = np.arange(-6, 6).reshape(2, 2, 3)
    multiplier, shift = codes(1 << 30, 3 << 29, 5), codes(30, 30, 1)
    found = requantise(q, multiplier, shift, 4)
    for index, value in np.ndenumerate(q):
        channel = index[-1]
        ratio = Fraction(int(multiplier[channel]), 1 << int(shift[channel]))
        assert found[index] == saturated(math.floor(int(value) * ratio + Fraction(1, 2)), 4)


def test_clamp() -> None:
    q = codes(-(1 << 62), -129, -128, -2, -1, 0, 1, 127, 128, 1 << 62)
    assert clamp(q, 8).tolist() == [-128, -128, -128, -2, -1, 0, 1, 127, 127, 127]
    assert clamp(q, 2).tolist() == [-2, -2, -2, -2, -1, 0, 1, 1, 1, 1]
    assert clamp(q, 1).tolist() == [-1] * 5 + [1] * 5


@given(st.integers(0, (1 << 62) - 1))
@settings(max_examples=300)
def test_roots_are_whole_parts(number: int) -> None:
    assert isqrt(codes(number)).tolist() == [math.isqrt(number)]


@given(st.integers(1, (1 << 31) - 1))
def test_roots_next_to_squares(root: int) -> None:
    near = [root * root - 1, root * root, root * root + 1]
    assert isqrt(codes(*near)).tolist() == [root - 1, root, root]


def test_roots_of_the_least_and_the_greatest() -> None:
    found = isqrt(codes(0, 1, 2, 3, 4, (1 << 62) - 1)).tolist()
    assert found == [0, 1, 1, 1, 2, (1 << 31) - 1]


def exponential(q: int, unit: int, bits: int) -> int:
    """Say I-exp in Python's numbers."""
    q = max(q + (q >> 1) - (q >> 4), -bits * unit)
    whole = -q // unit
    return ((q + unit * whole + 2 * unit) << (bits - whole)) >> 1


def plain_shiftmax(row: list[int], unit: int) -> list[int]:
    bits = max(1, min(15, 25 - (unit * len(row)).bit_length()))
    exp = [exponential(q - max(row), unit, bits) for q in row]
    return [e * (TOP // sum(exp)) >> 16 for e in exp]


def plain_gelu(row: list[int], unit: int) -> list[int]:
    bits = max(1, min(23, 25 - (2 * unit).bit_length()))
    most = max(0, *row)
    rest = exponential(-most, unit, bits)
    exp = [exponential(q - most, unit, bits) for q in row]
    return [q * (e * (TOP // (e + rest)) >> 24) for q, e in zip(row, exp, strict=True)]


def plain_norm(
    row: list[int], multiplier: list[int], offset: list[int], shift: int, bits: int
) -> list[int]:
    mean = math.floor(Fraction(sum(row), len(row)) + Fraction(1, 2))
    y = [q - mean for q in row]
    root = max(1, math.isqrt(sum(v * v for v in y)))
    z = [v * (TOP // root) >> 1 for v in y]
    exact = [v * m + o for v, m, o in zip(z, multiplier, offset, strict=True)]
    if bits == 1:
        return [1 if v >= 0 else -1 for v in exact]
    half = Fraction(1, 2)
    return [saturated(math.floor(Fraction(v, 1 << shift) + half), bits) for v in exact]


ROWS = st.lists(st.integers(-128, 127) | st.sampled_from([-128, 0, 127]), min_size=2, max_size=300)
UNITS = st.integers(1, 1 << 16) | st.sampled_from([1, 2, 1 << 16])


@given(ROWS, UNITS)
def test_exponentials_are_those_of_whole_numbers(row: list[int], unit: int) -> None:
    assert shiftmax(codes(*row), unit).tolist() == plain_shiftmax(row, unit)
    assert shift_gelu(codes(*row), unit).tolist() == plain_gelu(row, unit)


@given(ROWS, UNITS)
def test_probabilities_are_at_most_one_and_in_order(row: list[int], unit: int) -> None:
    p = shiftmax(codes(*row), unit)
    one = 1 << (SOFTMAX_BITS - 1)
    assert p.min() >= 0 and p.max() > 0 and p.sum() <= one
    assert (np.diff(p[np.argsort(row, kind="stable")]) >= 0).all()
    assert p.sum() > one - len(row) - one // 16  # each is cut off, their sum's inverse, too


@pytest.mark.parametrize("tokens", [2, 65, 197])
@pytest.mark.parametrize("unit", [8, 20, 60, 400])
def test_probabilities_are_near_the_real_ones(unit: int, tokens: int) -> None:
    """Within 0.031: the exponent is linear between powers of two, and log2(e) 1.4375."""
    draw = np.random.default_rng(unit)
    q = draw.integers(-128, 128, (200, tokens))
    real = np.exp(q / unit - (q / unit).max(1, keepdims=True))
    real /= real.sum(1, keepdims=True)
    found = shiftmax(q, unit) / (1 << (SOFTMAX_BITS - 1))
    assert np.abs(found - real).max() < 0.031
    assert (found.sum(1) > 0.98).all()


def test_equal_scores_share_evenly() -> None:
    for tokens in (2, 3, 64, 197, 4096):
        for unit in (1, 100, 1 << 16):
            p = shiftmax(np.full((1, tokens), -7), unit)
            assert len(np.unique(p)) == 1
            assert 0 <= (1 << 15) - p[0, 0] * tokens <= 2 * tokens + (1 << 10)


@pytest.mark.parametrize("unit", [5, 10, 20, 40, 127, 300, 1000])
def test_gelu_is_near_the_real_one(unit: int) -> None:
    """Within three codes of 8 bits."""
    q = np.arange(-128, 128)
    found = np.array([shift_gelu(codes(value, 0), unit)[0] for value in q.tolist()]) / 128
    real = q / (1 + np.exp(-q / unit))  # unit includes the slope
    assert np.abs(found - real).max() <= 3
    assert (found[q < 0] <= 0).all() and (found[q >= 0] >= 0).all()


def test_gelu_of_negative_rows() -> None:
    for unit in (1, 20, 1 << 16):
        row = np.arange(-128, 0)
        found = shift_gelu(row, unit)
        assert found.tolist() == plain_gelu(row.tolist(), unit)
        assert ((found <= 0) & (found >= row * 64)).all()
    assert shift_gelu(np.zeros(5, np.int64), 20).tolist() == [0] * 5


@given(st.data(), st.integers(1, 1 << 62), st.integers(1, 16))
def test_norms_are_those_of_whole_numbers(data: st.DataObject, seed: int, bits: int) -> None:
    draw = np.random.default_rng(seed)
    channels = data.draw(st.integers(1, 200))
    most = data.draw(st.sampled_from([1, 100, (1 << 15) - 1]))
    q = draw.integers(-most - 1, most, channels, endpoint=True)
    if data.draw(st.booleans()):  # as far apart as they get
        q = np.where(draw.integers(0, 2, channels) > 0, most, -most - 1)
    top = data.draw(st.sampled_from([0, 1, 1 << 20, 1 << 31]))
    multiplier = draw.integers(-top, top, channels, endpoint=True)
    offset = draw.integers(-top << 30, top << 30, channels, endpoint=True)
    shift = data.draw(st.integers(1, 62))
    found = layer_norm(q, multiplier, offset, shift, bits)
    assert found.tolist() == plain_norm(
        q.tolist(), multiplier.tolist(), offset.tolist(), shift, bits
    )


def test_the_least_variance_there_is() -> None:
    row, gain, offset = [0, 0, 1, 0], [1 << 31] * 4, [0] * 4
    found = layer_norm(codes(*row), codes(*gain), codes(*offset), 55, 16)
    assert found.tolist() == plain_norm(row, gain, offset, 55, 16) and found.max() > 60


def test_norms_are_near_the_real_ones() -> None:
    """Within 0.6 codes of 8 bits: half of one by rounding, the rest by the whole mean."""
    draw = np.random.default_rng(0)
    channels, shift = 64, 36
    q = draw.normal(300, 2000, (100, channels)).round().astype(np.int64)
    gain, bias = draw.normal(0, 20, channels), draw.normal(0, 20, channels)
    multiplier = (gain * math.sqrt(channels) / 2**NORM_BITS * 2**shift).round().astype(np.int64)
    offset = (bias * 2**shift).round().astype(np.int64)
    real = (q - q.mean(1, keepdims=True)) / q.std(1, keepdims=True) * gain + bias
    found = layer_norm(q, multiplier, offset, shift, 16)
    assert np.abs(found - real).max() < 0.6


def test_norms_of_equal_channels_are_their_offsets() -> None:
    multiplier, offset = np.full(6, 1 << 31), np.arange(-3, 3) << 40
    for value in (-(1 << 15), 0, 5, (1 << 15) - 1):
        found = layer_norm(np.full((2, 6), value), multiplier, offset, 40, 8)
        assert (found == [[-3, -2, -1, 0, 1, 2]] * 2).all()
    signs = layer_norm(np.full((2, 6), 9), multiplier, offset, 40, 1)
    assert (signs == [[-1, -1, -1, 1, 1, 1]] * 2).all()


def test_a_gain_of_0_leaves_the_offset() -> None:
    q = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (3, 4))
    found = layer_norm(q, np.zeros(4, np.int64), codes(1, -1, 64, -64) << 30, 30, 8)
    assert (found == [[1, -1, 64, -64]] * 3).all()


@given(
    st.integers(1, 3),
    st.integers(1, 13),
    st.integers(1, 200),
    st.integers(1, 150),
    st.integers(0, 1 << 32),
)
@settings(max_examples=60)
def products_equal(count: int, rows: int, inner: int, columns: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    left = draw.integers(-(1 << 15), 1 << 15, (count, 2, rows, inner))
    right = draw.integers(-(1 << 7), 1 << 7, (count, 2, columns, inner))
    assert (matmul(left, right) == left @ right.swapaxes(2, 3)).all()
    assert (matmul(left, right[0, 0]) == left @ right[0, 0].T).all()
    turned = right.swapaxes(2, 3).copy().swapaxes(2, 3)  # not contiguous
    assert (matmul(left, turned) == left @ right.swapaxes(2, 3)).all()


@pytest.mark.usefixtures("instruction_set")
def test_products_equal_numpy() -> None:
    products_equal()


@pytest.mark.usefixtures("instruction_set")
def test_sums_use_all_32_bits() -> None:
    left, right = np.full((5, 1 << 16), -128), np.full((3, 1 << 16), 127)
    assert (matmul(left, right) == -128 * 127 << 16).all()
    left, right = codes(-(1 << 31), 0)[None], codes(1, 0)[None]
    assert matmul(left, right).tolist() == [[-(1 << 31)]]


def test_products_without_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "native", None)
    products_equal()


@pytest.mark.parametrize("name", ["_arithmetic", "_parts", "_integer"])
def test_there_is_no_float(name: str) -> None:
    source = Path(lutra.vit.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    floats = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            floats.append(node.value)
        if isinstance(node, ast.BinOp | ast.AugAssign):
            assert not isinstance(node.op, ast.Div), f"a quotient in line {node.lineno}"
            assert not isinstance(node.op, ast.Pow) or name != "_arithmetic"
        word = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        assert not any(part in word for part in ("float", "double", "sqrt", "exp2", "mean")) or (
            word == "isqrt"
        ), f"{word} in line {node.lineno}"
    assert floats == ([GELU_SLOPE] if name == "_arithmetic" else [])


def test_results_are_whole() -> None:
    q = np.arange(-6, 6).reshape(2, 6)
    found = [
        requantise(q, codes(3)[0], codes(2)[0], 8),
        isqrt(q * q),
        shiftmax(q, 5),
        shift_gelu(q, 5),
        layer_norm(q, np.ones(6, np.int64), np.ones(6, np.int64), 3, 8),
        matmul(q, q),
        clamp(q, 1),
    ]
    assert all(array.dtype == np.int64 for array in found)
