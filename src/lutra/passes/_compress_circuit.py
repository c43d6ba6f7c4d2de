"""Circuits whose tables become the smaller tables, shifts and sums of their compressed form."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import LUT_INPUTS, Circuit, Lut, Output, Words, renumber
from lutra.passes._compress import MAX_CODE_WIDTH, compress_tables
from lutra.passes._compressed import Compressed
from lutra.passes._made import ZERO, Bits, Made

__all__ = ["compress"]


def compress(
    circuit: Circuit,
    cares: Mapping[int, NDArray[np.bool_]] | None = None,
    *,
    multilevel: bool = False,
    exiguity: int | None = None,
) -> Circuit:
    """Return a circuit that does the same with fewer stored bits.

    Every table of more than six address bits whose compressed form takes fewer bits becomes that
    form, see `Compressed`; the others stay in an operation of the old name. The parts of all
    tables of an operation share operations, and its stage.

    Parameters
    ----------
    circuit
        What to compress.
    cares
        Entries of each table operation, by its number, that must stay as they are, as `observe`
        returns them; operations that are not named keep all.
    multilevel, exiguity
        See `compress_tables`.

    Raises
    ------
    ValueError
        Cares are of no table operation or of a wrong shape, or see `compress_tables`.
    """
    cares = cares or {}
    for number, care in cares.items():
        op = circuit.ops[number] if 0 <= number < len(circuit.ops) else None
        if not isinstance(op, Lut) or care.shape != (len(op.wires), 1 << op.fan_in):
            raise ValueError(f"cares of shape {care.shape} fit no tables of operation {number}")
    new = np.full(circuit.bits, -1, np.int64)
    new[: circuit.input_bits] = np.arange(circuit.input_bits)
    made, stages = Made(circuit.input_bits), []
    for number, (op, start) in enumerate(zip(circuit.ops, circuit.starts, strict=True)):
        moved = renumber(op, new)
        forms = []
        if isinstance(op, Lut) and op.fan_in > LUT_INPUTS and op.outputs <= MAX_CODE_WIDTH:
            forms = compress_tables(
                _codes(op), op.outputs, cares.get(number), multilevel=multilevel, exiguity=exiguity
            )
        if isinstance(moved, Lut) and any(forms):
            bits = _lower(made, moved, forms)
        else:
            bits = made.add(moved)
        new[start : start + op.size] = bits
        stages += [circuit.stages[number]] * (len(made.ops) - len(stages))
    outputs = (
        Output(output.name, Words(new[output.words.bits], output.words.signed), output.labels)
        for output in circuit.outputs
    )
    return replace(circuit, ops=tuple(made.ops), stages=tuple(stages), outputs=tuple(outputs))


def _codes(op: Lut) -> NDArray[np.uint32]:
    entries = op.entries()
    codes = np.zeros(entries[:, 0].shape, np.uint32)
    for j in range(op.outputs):
        codes |= entries[:, j].astype(np.uint32) << np.uint32(j)
    return codes


def _lower(made: Made, op: Lut, forms: list[Compressed | None]) -> NDArray[np.int64]:
    """Add an operation, its compressed tables as their parts. Returns where its bits are."""
    bits = np.empty((len(forms), op.outputs), np.int64)
    small = {i: form for i, form in enumerate(forms) if form is not None}
    plain = [i for i, form in enumerate(forms) if form is None]
    if plain:
        whole = op.code is None or op.code.width == op.outputs
        code = op.code if whole else None  # a word over several tables has lost one
        rest = replace(op, wires=op.wires[plain], table=op.table[plain], code=code)
        bits[plain] = made.add(rest).reshape(-1, op.outputs)
    words = _words(made, op.wires[list(small)].tolist(), list(small.values()), op.name)
    words = [word + [ZERO] * (op.outputs - len(word)) for word in words]
    if any(ZERO in word for word in words):
        zero = made.tables([[]], [np.zeros(1, np.int64)], f"{op.name}.zero")[0]
        words = [[zero if bit == ZERO else bit for bit in word] for word in words]
    bits[list(small)] = words
    return bits.reshape(-1)


def _words(made: Made, wires: list[Bits], forms: list[Compressed], name: str) -> list[Bits]:
    """Add the parts of compressed tables, those of each kind together. Returns their codes."""
    n = len(forms)
    fine = [form.unique.shape[1].bit_length() - 1 for form in forms]
    high = [row[bits:] for row, bits in zip(wires, fine, strict=True)]
    biases = [form.bias for form in forms]
    plain = [np.zeros(1, np.uint32) if isinstance(of, Compressed) else of for of in biases]
    values = [*(form.low for form in forms), *(form.index for form in forms)]
    values += [*(form.shift for form in forms), *plain]
    stored = made.words(wires + 3 * high, values, f"{name}.stored")
    low, index, shift, bias = (stored[i * n : (i + 1) * n] for i in range(4))
    nested = {i: of for i, of in enumerate(biases) if isinstance(of, Compressed)}
    if nested:
        inner = _words(made, [high[i] for i in nested], list(nested.values()), f"{name}.bias")
        for i, word in zip(nested, inner, strict=True):
            bias[i] = word
    unique = made.words(
        [row[:bits] + of for row, bits, of in zip(wires, fine, index, strict=True)],
        [_filled(form.unique) for form in forms],
        f"{name}.unique",
    )
    sums = made.sums(made.shifted(unique, shift, f"{name}.shift"), bias, f"{name}.sum")
    words = []
    for form, below, above in zip(forms, low, sums, strict=True):
        gap = [ZERO] * (form.low_width - len(below))
        words.append([*below, *gap, *above][: form.width])
    return words


def _filled(unique: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the sub-tables one after the other, and zeros up to a power of two of them."""
    count = 1 << (len(unique) - 1).bit_length()
    return np.pad(unique, [(0, count - len(unique)), (0, 0)]).reshape(-1)
