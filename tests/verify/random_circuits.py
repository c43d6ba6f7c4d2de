"""Circuits that use every operation in many shapes."""

import numpy as np

from lutra.circuit import (
    Argmax,
    Builder,
    Circuit,
    Compare,
    Encode,
    Lut,
    Sum,
    Words,
    pack_tables,
    sum_range,
)


def random_circuit(seed: int, signed: bool, inputs: int = 5, width: int = 6) -> Circuit:
    """Return a circuit with every kind of operation; sums and words of many widths and signs."""
    r = np.random.default_rng(seed)
    b = Builder(inputs, width, signed)
    low, high = b.inputs.low, b.inputs.high
    pool = list(b.inputs.bits.reshape(-1))

    def pick(*shape: int) -> np.ndarray:
        return np.asarray(pool, np.int64)[r.integers(0, len(pool), shape)]

    def words(n: int, size: int) -> Words:
        return Words(pick(n, size), bool(r.integers(2)))

    def add(op: Encode | Lut | Sum | Compare | Argmax, size: int = 1, sign: bool = False) -> Words:
        made = b.add(op, size, sign)
        pool.extend(made.bits.reshape(-1))
        return made

    for code in (1, 2, 3, 6):  # thresholds beyond either end of the range, too
        thresholds = np.sort(r.integers(low - 3, high + 5, (inputs, (1 << code) - 1)))
        add(Encode(b.inputs, thresholds, False, f"code {code}"), code)
    add(Encode(b.inputs, np.sort(r.integers(low, high + 3, (inputs, 5))), True, "thermometer"))
    for fan_in in range(11):
        m = int(r.integers(1, 4))
        table = pack_tables(r.integers(0, 1 << m, (3, 1 << fan_in)), m)
        add(Lut(pick(3, fan_in), table, f"lut {fan_in}"), m)
    for terms, weight, sign in ((0, 1, True), (1, 3, True), (2, 7, False), (3, 1, True)):
        _sum(r, add, pick, terms, weight, sign)
    for terms, weight, sign in ((7, 1, False), (20, 9, True), (45, 1, False), (40, 3, True)):
        scores = _sum(r, add, pick, terms, weight, sign)
        for n in (1, 2, 3, 5, 7):
            part = Words(scores.bits[:n], scores.signed)
            add(Argmax(part, f"best of {n}"), Argmax(part).size)
    some = words(6, 4)
    add(Compare(some, r.integers(some.low - 2, some.high + 3, 6), "compare"))
    wide = words(2, 17)
    add(Encode(wide, np.sort(r.integers(wide.low, wide.high, (2, 7))), False, "wide code"), 3)
    add(Compare(wide, r.integers(wide.low, wide.high, 2), "wide compare"))
    add(Encode(words(3, 3), np.sort(r.integers(-4, 8, (3, 3))), False, "late code"), 2)
    add(Lut(pick(8, 6), pack_tables(r.integers(0, 2, (8, 64)), 1), "last"))
    made = np.arange(b.inputs.bits.size, len(pool))[:, None]
    b.output("all", Words(made))
    b.output("scores", scores)
    b.output("raw", b.inputs)
    b.output("class", add(Argmax(scores), Argmax(scores).size))
    return b.build(f"random {seed}")


def _sum(r, add, pick, terms: int, weight: int, signed: bool) -> Words:
    n = 7
    weights = r.integers(-weight if signed else 0, weight + 1, (n, terms))
    bias = r.integers(-9 if signed else 0, 10, n)
    op = Sum(pick(n, terms), weights, bias, 1, signed, f"sum {terms}")
    low, high = sum_range(op)
    width = max(1, high.bit_length() + signed, (~low).bit_length() + 1 if low < 0 else 0)
    op = Sum(op.wires, weights, bias, width + int(r.integers(3)), signed, op.name)
    return add(op, op.width, signed)


def random_inputs(circuit: Circuit, samples: int, seed: int = 0) -> np.ndarray:
    """Return random input words, with both extremes among them."""
    words = circuit.input_words
    x = np.random.default_rng(seed).integers(words.low, words.high + 1, (samples, words.count))
    x[0], x[-1] = words.low, words.high
    return x
