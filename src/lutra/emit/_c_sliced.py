"""A circuit as straight-line C: a bit of 64 samples is one word, a gate one instruction."""

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Words
from lutra.emit._c_types import Constants, word_type
from lutra.emit._gates import Gates, gates
from lutra.passes import expanded_tables

__all__ = ["Sliced"]

_PART = 256
"""Gates in a function: compilers take more than linear time for longer ones."""

_TRANSPOSE = """\
static void {prefix}_transpose(uint64_t rows[64]) {{ /* bit j of row i <-> bit i of row j */
    uint64_t mask = 0xffffffff;
    for (uint32_t j = 32; j; j /= 2, mask ^= mask << j) {{
        for (uint32_t k = 0; k < 64; k = (k + j + 1) & ~j) {{
            const uint64_t swapped = (rows[k] >> j ^ rows[k + j]) & mask;
            rows[k] ^= swapped << j;
            rows[k + j] ^= swapped;
        }}
    }}
}}
"""


class Sliced:
    """The functions and statements that compute 64 samples.

    The statements read ``inputs``, sample by sample, and write ``outputs[SAMPLE].FIELD``.

    Parameters
    ----------
    circuit
        What to compute.
    prefix
        What the names of functions begin with.
    fields
        Field of each output that has words, by its name.
    constants
        Takes the arrays.
    """

    def __init__(
        self, circuit: Circuit, prefix: str, fields: Mapping[str, str], constants: Constants
    ) -> None:
        self._circuit, self._prefix = circuit, prefix
        self._fields, self._constants = fields, constants
        tables = expanded_tables(circuit)
        self._left = {name: circuit.output(name).words for name in fields}
        outputs = np.concatenate([words.bits.reshape(-1) for words in self._left.values()])
        read = np.zeros(circuit.bits, bool)
        read[outputs] = True
        for table in tables.values():
            read[[wire for wire in table.wires if wire < circuit.input_bits]] = True
        whole = circuit.input_words.bits
        self._words = np.flatnonzero(read[whole].any(axis=1))
        network = gates(tables, whole[self._words].reshape(-1).tolist(), outputs.tolist())
        self._parts, self._places = _parts(network)
        self._signals = np.array(network.outputs)
        self._size = 1 + max(self._places.values())
        self.work_bytes = 8 * (self._size + 64)
        """What the statements need on the stack."""

    def functions(self) -> Iterator[str]:
        """Yield the functions that the statements call."""
        yield _TRANSPOSE.format(prefix=self._prefix)
        for number, lines in enumerate(self._parts):
            yield f"static void {self._prefix}_part_{number}(uint64_t *v) {{"
            yield from (f"    {line}" for line in lines)
            yield "}"

    def lines(self) -> Iterator[str]:
        """Yield the statements."""
        yield f"uint64_t v[{self._size}], rows[64];"
        if 0 in self._places:
            yield f"v[{self._places[0]}] = 0;"
        yield from self._load() if len(self._words) else ["(void)inputs;"]
        yield from (f"{self._prefix}_part_{number}(v);" for number in range(len(self._parts)))
        first = 0
        for name, words in self._left.items():
            last = first + words.bits.size
            yield from self._leave(words, self._fields[name], self._signals[first:last])
            first = last

    def _load(self) -> Iterator[str]:
        count, width = len(self._words), self._circuit.input_width
        group = 64 // width
        word = self._constants.element("words", self._words, "j")
        value = f"(uint64_t)inputs[{self._circuit.inputs} * s + {word}] & {(1 << width) - 1}"
        yield f"for (uint32_t i = 0; i < {count}; i += {group}) {{"
        yield "    for (uint32_t s = 0; s < 64; s++) {"
        yield "        rows[s] = 0;"
        yield f"        for (uint32_t j = i; j < i + {group} && j < {count}; j++)"
        yield f"            rows[s] |= ({value}) << {width} * (j - i);"
        yield "    }"
        yield f"    {self._prefix}_transpose(rows);"
        inside = f"k < {group * width} && {width} * i + k < {count * width}"
        yield f"    for (uint32_t k = 0; {inside}; k++) v[{width} * i + k] = rows[k];"
        yield "}"

    def _leave(self, words: Words, field: str, signals: NDArray[np.int64]) -> Iterator[str]:
        count, width = words.count, words.width
        group = 64 // width
        places = [2 * self._places[signal // 2] + signal % 2 for signal in signals.tolist()]
        place = self._constants.element("wires", np.array(places), f"{width} * i + k")
        value = f"rows[s] >> {width} * (j - i) & {(1 << width) - 1}"
        if words.signed:
            value = f"(int64_t)(({value}) ^ {-words.low}) - {-words.low}"
        yield f"for (uint32_t i = 0; i < {count}; i += {group}) {{ /* output {field} */"
        yield "    for (uint32_t k = 0; k < 64; k++) {"
        yield f"        const int there = k < {group * width} && {width} * i + k < {count * width};"
        yield f"        const uint32_t at = there ? {place} : 0;"
        yield "        rows[k] = v[at / 2] ^ (0 - (uint64_t)(at % 2));"
        yield "    }"
        yield f"    {self._prefix}_transpose(rows);"
        yield "    for (uint32_t s = 0; s < 64; s++)"
        yield f"        for (uint32_t j = i; j < i + {group} && j < {count}; j++)"
        yield f"            outputs[s].{field}[j] = ({word_type(words)})({value});"
        yield "}"


def _parts(network: Gates) -> tuple[list[list[str]], dict[int, int]]:
    """Return the lines of each function, and the places of inputs and outputs by their node.

    What a later function reads has a place in the array ``v``, which is free again after the
    function that reads it last.
    """
    first, all_gates = network.inputs + 1, network.gates
    leaving = {signal // 2 for signal in network.outputs}
    needed = set(leaving)
    for node in reversed(range(first, first + len(all_gates))):
        if node in needed:
            needed |= {signal // 2 for signal in all_gates[node - first][1:]}
    kept = [node for node in range(first, first + len(all_gates)) if node in needed]
    parts = [kept[i : i + _PART] for i in range(0, len(kept), _PART)]

    last = dict.fromkeys(leaving, len(parts))
    for number, part in reversed(list(enumerate(parts))):
        for node in part:
            for signal in all_gates[node - first][1:]:
                last.setdefault(signal // 2, number)
    dying: dict[int, list[int]] = {}
    for node, number in last.items():
        dying.setdefault(number, []).append(node)

    places = {node: node - 1 for node in range(1, first)}  # as they are loaded
    size = len(places)
    if 0 in leaving:
        places[0], size = size, size + 1
    free: list[int] = [places[node] for node in range(1, first) if node not in last]
    lines: list[list[str]] = []
    for number, part in enumerate(parts):
        own, made = set(part), list[str]()

        def operand(signal: int, own: set[int] = own) -> str:
            node = signal // 2
            return "~" * (signal % 2) + (f"t{node}" if node in own else f"v[{places[node]}]")

        for node in part:
            gate = all_gates[node - first]
            sign = "^" if gate.xor else "&"
            value = f"{operand(gate.left)} {sign} {operand(gate.right)}"
            made.append(f"const uint64_t t{node} = {value};")
            if last[node] > number:
                places[node] = heappop(free) if free else size
                size = max(size, places[node] + 1)
                made.append(f"v[{places[node]}] = t{node};")
        lines.append(made)
        for node in dying.get(number, []):
            if node in places:
                heappush(free, places[node])
    return lines, places
