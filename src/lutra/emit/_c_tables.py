"""A circuit as C that looks tables up: small loops over constant arrays, a sample at a time."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Argmax, Circuit, Compare, Encode, Lut, Op, Sum, Words
from lutra.emit._c_buffer import comparisons, input_numbers, lay_out
from lutra.emit._c_types import Constants, word_type
from lutra.emit._names import comment

__all__ = ["Tables"]

Ints = NDArray[np.int64]

_SHORT = 30
"""Widest words with which everything fits 32 bits, a threshold above the range included."""


class Tables:
    """The statements that compute a sample.

    They read ``inputs`` and write ``outputs->FIELD``.

    Parameters
    ----------
    circuit
        What to compute; all of it is read.
    fields
        Field of each output that has words, by its name.
    constants
        Takes the arrays.
    """

    def __init__(self, circuit: Circuit, fields: Mapping[str, str], constants: Constants) -> None:
        self._circuit, self._fields, self._constants = circuit, fields, constants
        self._buffer = lay_out(circuit)
        self.work_bytes = self._buffer.size
        """What the statements need on the stack."""
        widths = [_width(op) for op in circuit.ops] + [o.words.width for o in circuit.outputs]
        self._word = "int32_t" if max(widths) <= _SHORT else "int64_t"

    def lines(self) -> Iterator[str]:
        """Yield the statements."""
        circuit = self._circuit
        if self._buffer.size:
            yield f"uint8_t bits[{self._buffer.size}];"
        yield from self._load()
        for op, start in zip(circuit.ops, circuit.starts, strict=True):
            places = self._buffer.places[start : start + op.size]
            yield f"/* {type(op).__name__} {comment(op.name)} */"
            yield from self._op(op, places)
        for name, field in self._fields.items():
            words = circuit.output(name).words
            leave = f"outputs->{field}[i] = ({word_type(words)})value;"
            yield f"/* Output {field} */"
            yield from _loop("i", words.count, [*self._read(words), leave])

    def _load(self) -> Iterator[str]:
        """Store the single bits of inputs that are read."""
        loaded, width = self._buffer.loaded, self._circuit.input_width
        if not len(loaded):
            yield "(void)inputs; /* which a circuit of constants does not read */"
            return
        number = self._constants.element("loaded", loaded, "i")
        value = f"inputs[{number}] & 1"
        if width > 1:
            unsigned = f"u{word_type(self._circuit.input_words).lstrip('u')}"
            value = f"({unsigned})inputs[({number}) / {width}] >> ({number}) % {width} & 1"
        bit = _at(int(self._buffer.places[loaded[0]]), "i")
        yield from _loop("i", len(loaded), [f"{bit} = (uint8_t)({value});"])

    def _op(self, op: Op, places: Ints) -> Iterator[str]:
        first = int(places[places >= 0].min())  # they are contiguous
        match op:
            case Encode() | Compare() if (thresholds := comparisons(op)) is not None:
                yield from self._compare(op.words, thresholds, places, first)
            case Encode():
                yield from _loop("i", op.words.count, self._encode(op, first))
            case Lut():
                yield from _loop("i", len(op.wires), self._lut(op, first))
            case Sum():
                yield from self._sum(op, first)
            case Argmax():
                yield from self._argmax(op, first)

    def _compare(self, words: Words, all_of: Ints, places: Ints, first: int) -> Iterator[str]:
        """Compare, word by word, with those thresholds whose bits are stored."""
        stored = places.reshape(all_of.shape) >= 0
        threshold = self._constants.element(
            "thresholds", _clipped(words, all_of)[stored], "j", self._word
        )
        decide = f"{_at(first, 'j')} = (uint8_t)(value >= {threshold});"
        yield from self._rows(stored, self._read(words), decide)

    def _encode(self, op: Encode, first: int) -> Iterator[str]:
        """Find a code by successive approximation, its upper bits first."""
        thresholds = _clipped(op.words, op.thresholds)
        threshold = self._constants.element_of_row(
            "thresholds", thresholds, "i", "code + step - 1", self._word
        )
        yield from self._read(op.words)
        yield "uint32_t code = 0;"
        yield f"for (uint32_t step = {1 << (op.code_width - 1)}; step; step /= 2)"
        yield f"    if (value >= {threshold}) code += step;"
        yield self._write("code", op.code_width, _at(first, f"{op.code_width} * i + k"))

    def _lut(self, op: Lut, first: int) -> Iterator[str]:
        whole = op.fan_in >= 3  # smaller tables share bytes
        packed = op.table if whole else np.packbits(op.entries(), bitorder="little")
        table = self._constants.array("table", packed)
        yield "uint32_t entry = 0;"
        yield from self._gather("entry", op.wires, op.fan_in)
        number = f"({op.outputs} * i + o)" if op.outputs > 1 else "i"
        look_up = [
            f"const uint32_t at = {1 << op.fan_in} * {number} + entry;",
            f"{_at(first, number)} = {table}[at / 8] >> at % 8 & 1;",
        ]
        yield from _loop("o", op.outputs, look_up) if op.outputs > 1 else look_up

    def _sum(self, op: Sum, first: int) -> Iterator[str]:
        terms = op.weights != 0
        bias = self._constants.element("bias", op.bias, "i", self._word)
        add = ""
        if terms.any():
            weight = self._constants.element("weights", op.weights[terms], "j", self._word)
            wire = self._constants.element("wires", self._buffer.places[op.wires[terms]], "j")
            add = f"value += {'' if weight == '1' else f'{weight} * '}bits[{wire}];"
        start = f"{self._word} value = {bias};"
        write = self._write("value", op.width, _at(first, f"{op.width} * i + k"))
        yield from self._rows(terms, [start], add, [write])

    def _argmax(self, op: Argmax, first: int) -> Iterator[str]:
        keep = "if (value > greatest) { greatest = value; best = i; }"
        yield "{"
        yield "    uint32_t best = 0;"
        yield f"    {self._word} greatest = {op.words.low};"
        for line in _loop("i", op.words.count, [*self._read(op.words), keep]):
            yield f"    {line}"
        yield f"    {self._write('best', op.size, _at(first, 'k'))}"
        yield "}"

    def _rows(
        self, terms: NDArray[np.bool_], before: Iterable[str], each: str, after: Iterable[str] = ()
    ) -> Iterator[str]:
        """Do something for each term j, row by row: row i has those that are true."""
        if not terms.any():
            yield from _loop("i", len(terms), [*before, *after])
            return
        ends = self._constants.element("ends", np.cumsum(terms.sum(axis=1)), "i")
        inner = f"for (; j < {ends}; j++) {each}"
        yield from _loop("i", len(terms), [*before, inner, *after], ", j = 0")

    def _read(self, words: Words) -> Iterator[str]:
        """Define ``value``, the word of row i."""
        numbers = input_numbers(self._circuit, words)
        if numbers is not None:
            number = self._constants.element("words", numbers, "i")
            yield f"const {self._word} value = ({self._word})inputs[{number}];"
            return
        top = self._bit(words.bits, str(words.width - 1))
        yield f"{self._word} value = {f'-{top}' if words.signed else 0};"
        yield from self._gather("value", words.bits, words.width - words.signed)

    def _gather(self, name: str, bits: Ints, count: int) -> Iterator[str]:
        """Shift ``count`` bits of row i into a variable, the first one lowest."""
        if count:
            yield f"for (uint32_t k = {count}; k--;) {name} = 2 * {name} + {self._bit(bits, 'k')};"

    def _bit(self, bits: Ints, column: str) -> str:
        places = self._buffer.places[bits]
        return f"bits[{self._constants.element_of_row('wires', places, 'i', column)}]"

    def _write(self, name: str, width: int, target: str) -> str:
        """Return what stores a word, bit k in ``target``."""
        bit = f"(uint8_t)((u{self._word}){name} >> k & 1)"
        return f"for (uint32_t k = 0; k < {width}; k++) {target} = {bit};"


def _width(op: Op) -> int:
    return 1 if isinstance(op, Lut) else op.width if isinstance(op, Sum) else op.words.width


def _clipped(words: Words, thresholds: Ints) -> Ints:
    """Return thresholds of the range of a word; the one above it is never reached."""
    return thresholds.clip(words.low, words.high + 1)


def _at(first: int, index: str) -> str:
    return f"bits[{first} + {index}]" if first else f"bits[{index}]"


def _loop(index: str, count: int, body: Iterable[str], more: str = "") -> Iterator[str]:
    yield f"for (uint32_t {index} = 0{more}; {index} < {count}; {index}++) {{"
    yield from (f"    {line}" for line in body)
    yield "}"
