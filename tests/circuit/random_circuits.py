"""Random valid circuits, and a second evaluator: plain Python, one sample, one bit at a time."""

import numpy as np
from hypothesis import strategies as st

from lutra.circuit import (
    Argmax,
    Circuit,
    Code,
    Compare,
    Encode,
    Lut,
    Op,
    Output,
    Sum,
    Words,
    pack_tables,
)


@st.composite
def circuits(draw: st.DrawFn) -> Circuit:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    inputs, width = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    ops: list[Op] = []
    bits = inputs * width
    for number in range(draw(st.integers(0, 6))):
        ops.append(_op(rng, bits, f"op{number}", draw(st.sampled_from(_KINDS))))
        bits += ops[-1].size
    outputs = tuple(
        Output(name, _words(rng, bits, rng.integers(0, 4), rng.integers(1, 7)))
        for name in ("y", "z")[: draw(st.integers(0, 2))]
    )
    stages = tuple(sorted(int(n) for n in rng.integers(0, 4, len(ops))))
    return Circuit(
        "random", inputs, width, tuple(ops), outputs, draw(st.booleans()), stages, ("in",) * inputs
    )


def samples(circuit: Circuit, count: int, seed: int = 0) -> np.ndarray:
    words = circuit.input_words
    rng = np.random.default_rng(seed)
    return rng.integers(words.low, words.high, (count, circuit.inputs), endpoint=True)


_KINDS = ("encode", "thermometer", "lut", "sum", "compare", "argmax")


def _words(rng: np.random.Generator, bits: int, count: int, width: int) -> Words:
    return Words(rng.integers(0, bits, (count, width)), bool(rng.integers(2)))


def _op(rng: np.random.Generator, bits: int, name: str, kind: str) -> Op:
    words = _words(rng, bits, int(rng.integers(0, 5)), int(rng.integers(1, 7)))
    edges = (words.low - 1, words.high + 2)
    match kind:
        case "encode" | "thermometer":
            count = (
                2 ** int(rng.integers(1, 4)) - 1 if kind == "encode" else int(rng.integers(1, 6))
            )
            thresholds = np.sort(rng.integers(*edges, (words.count, count)), axis=1)
            return Encode(words, thresholds, kind == "thermometer", name)
        case "lut":
            n, k, m = int(rng.integers(0, 6)), int(rng.integers(0, 8)), int(rng.integers(1, 4))
            table = pack_tables(rng.integers(0, 1 << m, (n, 1 << k)), m)
            return Lut(rng.integers(0, bits, (n, k)), table, name, Code(m, -1, 0.5))
        case "sum":
            n, terms = int(rng.integers(0, 4)), int(rng.integers(0, 7))
            weights, bias = rng.integers(-9, 10, (n, terms)), rng.integers(-50, 51, n)
            low = int((np.minimum(weights, 0).sum(axis=1) + bias).min(initial=0))
            high = int((np.maximum(weights, 0).sum(axis=1) + bias).max(initial=0))
            signed = low < 0
            width = max(1, high.bit_length(), (~low).bit_length()) + signed
            return Sum(rng.integers(0, bits, (n, terms)), weights, bias, width, signed, name)
        case "compare":
            return Compare(words, rng.integers(*edges, words.count), name)
        case _:
            return Argmax(_words(rng, bits, int(rng.integers(1, 7)), words.width), name)


def evaluate_sample(circuit: Circuit, sample: list[int]) -> dict[str, list[int]]:
    """Return the words of every output for one sample."""
    bits: list[int] = []
    for value in sample:
        bits += [(value >> j) & 1 for j in range(circuit.input_width)]
    for op in circuit.ops:
        bits += _OPS[type(op)](op, bits)
    return {output.name: _read(output.words, bits) for output in circuit.outputs}


def _read(words: Words, bits: list[int]) -> list[int]:
    values = []
    for row in words.bits.tolist():
        value = sum(bits[bit] * 2**j for j, bit in enumerate(row))
        if words.signed and bits[row[-1]]:
            value -= 2 ** len(row)
        values.append(value)
    return values


def _to_bits(value: int, width: int) -> list[int]:
    return [int(digit) for digit in reversed(f"{value % 2**width:0{width}b}")]


def _encode(op: Encode, bits: list[int]) -> list[int]:
    made = []
    for value, thresholds in zip(_read(op.words, bits), op.thresholds.tolist(), strict=True):
        reached = [int(value >= threshold) for threshold in thresholds]
        made += reached if op.thermometer else _to_bits(sum(reached), op.code_width)
    return made


def _lut(op: Lut, bits: list[int]) -> list[int]:
    made = []
    for wires, tables in zip(op.wires.tolist(), op.table.tolist(), strict=True):
        entry = sum(bits[wire] * 2**j for j, wire in enumerate(wires))
        made += [(packed[entry // 8] >> (entry % 8)) & 1 for packed in tables]
    return made


def _sum(op: Sum, bits: list[int]) -> list[int]:
    made = []
    for wires, weights, bias in zip(
        op.wires.tolist(), op.weights.tolist(), op.bias.tolist(), strict=True
    ):
        total = bias + sum(w * bits[wire] for w, wire in zip(weights, wires, strict=True))
        made += _to_bits(total, op.width)
    return made


def _compare(op: Compare, bits: list[int]) -> list[int]:
    values = zip(_read(op.words, bits), op.thresholds.tolist(), strict=True)
    return [int(value >= threshold) for value, threshold in values]


def _argmax(op: Argmax, bits: list[int]) -> list[int]:
    values = _read(op.words, bits)
    return _to_bits(values.index(max(values)), op.size)


_OPS = {Encode: _encode, Lut: _lut, Sum: _sum, Compare: _compare, Argmax: _argmax}
