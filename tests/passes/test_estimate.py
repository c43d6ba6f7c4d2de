import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lutra.circuit import Builder, Lut, Sum, lut6_worst_case, pack_tables
from lutra.passes import estimate_lut6, tables_of
from lutra.passes._truth import substitute
from lutra.tools import map_luts

SEEDS = st.integers(0, 2**31)


def neurons(codes: np.ndarray, width: int) -> Builder:
    """Neurons of one operation, each with inputs of its own."""
    n, entries = codes.shape
    b = Builder(n, max(1, entries.bit_length() - 1))
    wires = b.inputs.bits[:, : entries.bit_length() - 1]
    b.output("y", b.add(Lut(wires, pack_tables(codes, width), "neurons"), width))
    return b


def estimate(codes: np.ndarray, width: int) -> float:
    (found,) = estimate_lut6(neurons(codes, width).build("test"))
    return found


def smooth(r: np.random.Generator, n: int, k: int, width: int) -> np.ndarray:
    """Codes of a weighted sum of inputs that all matter, rounded."""
    weight = r.permuted(np.tile(np.linspace(0.3, 1, k), (n, 1)), axis=1) * r.choice([-1, 1], (n, k))
    y = weight @ (np.arange(1 << k) >> np.arange(k)[:, None] & 1)
    span = y.max(axis=1, keepdims=True) - y.min(axis=1, keepdims=True)
    y = (y - y.min(axis=1, keepdims=True)) / span
    return np.rint(y * ((1 << width) - 1)).astype(np.int64)


def changes(table: np.ndarray) -> list[int]:
    """How many bits of a neuron's codes change with each input."""
    halves = (table.reshape(-1, 2, 1 << j) for j in range(len(table).bit_length() - 1))
    return [sum(int(x).bit_count() for x in (of[:, 0] ^ of[:, 1]).flat) for of in halves]


@given(SEEDS, st.integers(0, 6), st.integers(1, 4), st.integers(0, 3))
def test_small_tables_count_as_they_are(seed: int, k: int, width: int, constant: int) -> None:
    r = np.random.default_rng(seed)
    codes = r.integers(0, 1 << width, (5, 1 << k)) >> constant
    circuit = neurons(codes, width).build("small")
    alone = (substitute(table, {}) for table in tables_of(circuit).values())
    assert estimate_lut6(circuit) == [sum(len(table.wires) > 1 for table in alone)]


@given(SEEDS, st.integers(7, 10), st.integers(1, 5), st.booleans())
def test_between_one_per_bit_and_the_worst_case(seed: int, k: int, width: int, any: bool) -> None:
    r = np.random.default_rng(seed)
    codes = r.integers(0, 1 << width, (2, 1 << k)) if any else smooth(r, 2, k, width)
    circuit = neurons(codes, width).build("large")
    read = [len(substitute(table, {}).wires) for table in tables_of(circuit).values()]
    (found,) = estimate_lut6(circuit)
    assert sum(inputs > 1 for inputs in read) <= found <= sum(map(lut6_worst_case, read))


@given(SEEDS, st.integers(7, 9), st.integers(3, 5))
def test_inputs_may_be_inverted_or_in_another_order(seed: int, k: int, width: int) -> None:
    r = np.random.default_rng(seed)
    codes = smooth(r, 1, k, width)
    found = estimate(codes, width)
    address = np.arange(1 << k)
    assert estimate(codes[:, address ^ r.integers(1 << k)], width) == found
    order = r.permutation(k)
    moved = codes[:, sum((address >> j & 1) << int(to) for j, to in enumerate(order))]
    assume(len(set(changes(codes[0]))) == k)  # equal ones stay in the order in which they come
    assert estimate(moved, width) == found


@given(SEEDS, st.integers(7, 9), st.integers(1, 3))
def test_what_nothing_depends_on_is_free(seed: int, k: int, extra: int) -> None:
    """Inputs, and bits that are constant, a wire, or a small table beside the large ones."""
    r = np.random.default_rng(seed)
    codes = smooth(r, 2, k, 3)
    found = estimate(codes, 3)
    address = np.arange(1 << (k + extra))
    places = np.sort(r.permutation(k + extra)[:k])
    wide = codes[:, sum((address >> int(p) & 1) << j for j, p in enumerate(places))]
    assert estimate(wide, 3) == found
    first = address >> int(places[0]) & 1
    assert estimate(wide << 2 | first << 1 | 1, 5) == found
    assert estimate(wide << 1 | (first & address >> int(places[1])), 4) == found + 2


def test_other_operations_and_many_bits() -> None:
    r = np.random.default_rng(0)
    codes = r.integers(0, 2, (1, 256))
    b = Builder(1, 8)
    table = np.repeat(pack_tables(codes, 1), 40, axis=1)
    bits = b.add(Lut(b.inputs.bits, table, "many"), 40).bits
    total = Sum(bits, np.ones((1, 40), np.int64), np.zeros(1, np.int64), 6, False, "sum")
    b.output("y", b.add(total, 6))
    found = estimate_lut6(b.build("sum"))
    assert found[1] == 0 and 40 < found[0] <= 40 * lut6_worst_case(8)


@pytest.mark.parametrize("width", [1, 3])
def test_near_what_mapping_finds(width: int) -> None:
    codes = smooth(np.random.default_rng(width), 6, 9, width)
    circuit = neurons(codes, width).build("smooth")
    mapped = len(tables_of(map_luts(circuit, rounds=2)))
    error = estimate_lut6(circuit).sum() - mapped  # the estimate is real, the count is exact
    assert abs(error) < 0.3 * mapped
