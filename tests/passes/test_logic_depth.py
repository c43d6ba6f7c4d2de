"""The model of LUT levels against what Yosys leaves of each operation."""

from pathlib import Path

import numpy as np

from lutra.circuit import (
    Argmax,
    Builder,
    Circuit,
    Compare,
    Encode,
    Lut,
    Op,
    Output,
    Sum,
    Words,
    pack_tables,
)
from lutra.passes import logic_depths
from lutra.tools import synthesise_parts

INPUTS, WIDTH = 20, 12


def lut(r: np.random.Generator, fan_in: int, empty: float) -> Lut:
    """Return tables of which a share of the parts of six inputs is constant."""
    entries = r.integers(0, 2, (2, max(1, 1 << fan_in >> 6), min(64, 1 << fan_in)))
    entries[r.random(entries.shape[:2]) < empty] = 0
    wires = np.stack([r.permutation(INPUTS * WIDTH)[:fan_in] for _ in range(2)])
    return Lut(wires, pack_tables(entries.reshape(2, -1), 1), f"lut{fan_in}")


def sums(r: np.random.Generator, terms: int, most: int, signed: bool) -> Sum:
    weights = r.integers(1, most + 1, (1, terms)) * (r.choice([-1, 1], (1, terms)) if signed else 1)
    bias = r.integers(-9, 9, 1) if signed else np.zeros(1, np.int64)
    wires = r.permutation(INPUTS * WIDTH)[None, :terms]
    width = int(np.abs(weights).sum(axis=1).max() + 9).bit_length() + signed
    return Sum(wires, weights, bias, width, signed, f"sum{terms}")


def encode(r: np.random.Generator, width: int, bits: int, thermometer: bool) -> Encode:
    words = Words(r.permutation(INPUTS * WIDTH)[: 2 * width].reshape(2, width))
    thresholds = np.sort(r.integers(1, 1 << width, (2, (1 << bits) - 1)), axis=1)
    return Encode(words, thresholds, thermometer, f"encode{width}x{bits}")


def built(ops: list[Op]) -> Circuit:
    b = Builder(INPUTS, WIDTH)
    for number, op in enumerate(ops):
        b.output(f"y{number}", b.add(op, 1))
    return b.build("ops")


def test_no_operation_is_deeper_than_the_model_says(tmp_path: Path) -> None:
    r = np.random.default_rng(0)
    ops: list[Op] = [lut(r, k, empty) for k in (7, 8, 9, 10, 12) for empty in (0, 0.4)]
    exact = len(ops)
    ops += [sums(r, n, most, s) for n in (3, 7, 40, 100) for most, s in ((1, False), (5, True))]
    ops += [sums(r, 6, 50, False), sums(r, 200, 1, False)]
    ops += [encode(r, *of) for of in ((6, 3, False), (8, 2, False), (12, 3, False), (12, 2, True))]
    words = Words(np.arange(3 * WIDTH).reshape(3, WIDTH), True)
    ops.append(Compare(words, r.integers(-99, 99, 3), "compare"))
    circuit = built(ops)
    found = [level.levels for level in synthesise_parts(circuit, tmp_path).levels]
    model = logic_depths(circuit)
    assert found[:exact] == list(model[:exact])
    over = [(op.name, f, m) for op, f, m in zip(ops, found, model, strict=True) if f > m]
    assert not over
    assert all(m <= 3 * f for f, m in zip(found, model, strict=True))  # a bound that says something


def test_the_class_decision(tmp_path: Path) -> None:
    for count, width in ((2, 5), (10, 8)):
        b = Builder(count, width)
        b.output("class", b.add(Argmax(b.inputs, "argmax"), (count - 1).bit_length()))
        circuit = b.build("argmax")
        found = synthesise_parts(circuit, tmp_path / str(count), levels=False).argmax
        assert found is not None and found.levels <= logic_depths(circuit)[0]


def test_nothing_counts_nothing() -> None:
    none = np.zeros((0, 3), np.int64)
    empty = Sum(none, none, np.zeros(0, np.int64), 2, False)
    constant = Lut(np.zeros((2, 0), np.int64), np.ones((2, 1, 1), np.uint8))
    padding = Sum(
        np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64), np.ones(1, np.int64), 1, False
    )
    circuit = Circuit("none", 1, 1, (empty, constant, padding), (Output("y", Words(none)),))
    assert logic_depths(circuit) == (0, 0, 0)
