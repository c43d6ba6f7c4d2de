"""The circuit: numbered bits, the operations that make them, and the invariants they keep."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lutra.circuit._ops import Argmax, Compare, Encode, Lut, Op, Sum, Words
from lutra.errors import CircuitError

__all__ = [
    "ARRAYS",
    "MAX_BITS",
    "MAX_FAN_IN",
    "MAX_WIDTH",
    "Circuit",
    "Output",
    "operands",
    "sum_range",
]

MAX_FAN_IN = 16
"""Most address bits of a table."""
MAX_WIDTH = 62
"""Most bits of a word, so that every value fits a signed 64-bit integer."""
MAX_BITS = 1 << 27
"""Most bits of a circuit."""


@dataclass(frozen=True, eq=False)
class Output:
    """Named words that leave the circuit; ``labels`` names them one by one, where known."""

    name: str
    words: Words
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Circuit:
    """A combinational circuit from n fixed-point input words to named output words.

    Parameters
    ----------
    name
        For people; the emitters mangle it.
    inputs, input_width, input_signed
        Number of input words, their width in bits, two's complement or not. Word i holds the
        bits ``i * input_width ..``, LSB first.
    ops
        Operations in order; each reads earlier bits only. The bits of op 0 follow the inputs'.
    outputs
        Words that leave the circuit.
    stages
        Pipeline stage of each operation, never decreasing along a wire; empty means all 0. A
        register bank stands between neighbouring stages.
    input_labels
        Names of the input words, where known.

    Raises
    ------
    CircuitError
        An invariant of ``docs/circuit.md`` does not hold.
    """

    name: str
    inputs: int
    input_width: int
    ops: tuple[Op, ...]
    outputs: tuple[Output, ...]
    input_signed: bool = False
    stages: tuple[int, ...] = ()
    input_labels: tuple[str, ...] = ()
    starts: tuple[int, ...] = field(init=False)
    """First bit of each operation."""

    def __post_init__(self) -> None:
        _check(self, _form_problems(self))
        starts, bit = [], self.input_bits
        for op in self.ops:
            starts.append(bit)
            bit += op.size
        object.__setattr__(self, "starts", tuple(starts))
        if not self.stages:
            object.__setattr__(self, "stages", (0,) * len(self.ops))
        _check(self, _problems(self))

    @property
    def input_bits(self) -> int:
        """Number of input bits; they are numbered first."""
        return self.inputs * self.input_width

    @property
    def bits(self) -> int:
        """Number of bits, inputs included."""
        return self.input_bits + sum(op.size for op in self.ops)

    @property
    def input_words(self) -> Words:
        """The input bits as words."""
        bits = np.arange(self.input_bits, dtype=np.int64).reshape(self.inputs, self.input_width)
        return Words(bits, self.input_signed)

    def output(self, name: str) -> Output:
        """Return the output called ``name``; a wrong name raises CircuitError."""
        for output in self.outputs:
            if output.name == name:
                return output
        names = ", ".join(output.name for output in self.outputs)
        raise CircuitError(f"circuit {self.name!r} has no output {name!r}, only: {names}")

    def sources(self, bits: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the operation that makes each bit, -1 for an input bit."""
        return np.searchsorted(np.asarray(self.starts, np.int64), bits, side="right") - 1


ARRAYS: dict[type, dict[str, tuple[type[np.generic], int]]] = {
    Encode: {"words": (np.int64, 2), "thresholds": (np.int64, 2)},
    Lut: {"wires": (np.int64, 2), "table": (np.uint8, 3)},
    Sum: {"wires": (np.int64, 2), "weights": (np.int64, 2), "bias": (np.int64, 1)},
    Compare: {"words": (np.int64, 2), "thresholds": (np.int64, 1)},
    Argmax: {"words": (np.int64, 2)},
}
"""Type and rank of the arrays of each operation."""


def operands(op: Op) -> NDArray[np.int64]:
    """Return every bit number that the operation reads, flat."""
    return (op.wires if isinstance(op, Lut | Sum) else op.words.bits).reshape(-1)


def sum_range(op: Sum) -> tuple[int, int]:
    """Return the least and the greatest value that any of the sums can take."""
    low = np.minimum(op.weights, 0).sum(axis=1) + op.bias
    high = np.maximum(op.weights, 0).sum(axis=1) + op.bias
    return int(low.min(initial=0)), int(high.max(initial=0))


def _magnitude(op: Sum) -> float:
    """Bound every intermediate value of the sums, in floats, which do not wrap."""
    terms = np.abs(op.weights.astype(np.float64)).sum(axis=1)
    return float((terms + np.abs(op.bias.astype(np.float64))).max(initial=0))


Problems = Iterator[tuple[int | None, str]]


def _check(circuit: Circuit, problems: Problems) -> None:
    for number, problem in problems:
        where = "" if number is None else f", operation {number} ({circuit.ops[number].name!r})"
        raise CircuitError(f"circuit {circuit.name!r}{where}: {problem}")


def _form_problems(circuit: Circuit) -> Problems:
    """Type and rank of every array: what the sizes of the operations rely on."""
    for number, op in enumerate(circuit.ops):
        for name, (dtype, rank) in ARRAYS[type(op)].items():
            array = op.words.bits if name == "words" else getattr(op, name)  # pyright: ignore
            if array.dtype != dtype or array.ndim != rank:
                found = f"{array.dtype} of rank {array.ndim}"
                yield number, f"{name} is {found}; expected {np.dtype(dtype)} of rank {rank}"
    for output in circuit.outputs:
        bits = output.words.bits
        if bits.dtype != np.int64 or bits.ndim != 2:
            yield None, f"output {output.name!r} is {bits.dtype} of rank {bits.ndim}"


def _problems(circuit: Circuit) -> Problems:
    if circuit.inputs < 0 or not 1 <= circuit.input_width <= MAX_WIDTH:
        yield None, f"{circuit.inputs} input words of {circuit.input_width} bits are impossible"
    if circuit.bits > MAX_BITS:
        yield None, f"{circuit.bits} bits, more than the {MAX_BITS} allowed"
    if len(circuit.stages) != len(circuit.ops) or any(stage < 0 for stage in circuit.stages):
        yield None, "needs one pipeline stage >= 0 per operation"
    stages = np.asarray((0, *circuit.stages), np.int64)
    for number, op in enumerate(circuit.ops):
        read = operands(op)
        if read.size and (read.min() < 0 or read.max() >= circuit.starts[number]):
            start = circuit.starts[number]
            yield number, f"reads bits {read.min()}..{read.max()}, its own bits start at {start}"
        elif read.size and stages[circuit.sources(read) + 1].max() > circuit.stages[number]:
            yield number, "reads a bit of a later pipeline stage"
        for problem in _op_problems(op):
            yield number, problem
    names = [output.name for output in circuit.outputs]
    if len(set(names)) != len(names):
        yield None, f"output names repeat: {names}"
    for output in circuit.outputs:
        bits = output.words.bits
        if not 1 <= bits.shape[1] <= MAX_WIDTH:
            yield None, f"output {output.name!r} has words of an impossible shape {bits.shape}"
        elif bits.size and (bits.min() < 0 or bits.max() >= circuit.bits):
            yield (
                None,
                f"output {output.name!r} reads bits {bits.min()}..{bits.max()} of {circuit.bits}",
            )
        if output.labels and len(output.labels) != len(bits):
            yield None, f"output {output.name!r}: {len(output.labels)} labels, {len(bits)} words"
    if circuit.input_labels and len(circuit.input_labels) != circuit.inputs:
        yield None, f"{len(circuit.input_labels)} input labels for {circuit.inputs} words"


def _op_problems(op: Op) -> Iterator[str]:
    if isinstance(op, Lut):
        if op.fan_in > MAX_FAN_IN or not op.outputs:
            found = f"{op.fan_in} address bits, {op.outputs} output bits"
            yield f"{found}; a table has 0..{MAX_FAN_IN} and at least 1"
        elif op.table.shape[::2] != (len(op.wires), max(1, (1 << op.fan_in) // 8)):
            yield f"tables of shape {op.table.shape} do not fit wires of shape {op.wires.shape}"
        elif op.fan_in < 3 and (op.table >> (1 << op.fan_in)).any():
            yield "bits beyond the last table entry must be 0"
        return
    if isinstance(op, Sum):
        if op.wires.shape != op.weights.shape:
            yield f"{op.wires.shape} wires, {op.weights.shape} weights"
        elif op.bias.shape != (len(op.wires),) or not 1 <= op.width <= MAX_WIDTH:
            yield f"bias of shape {op.bias.shape} or width {op.width} is impossible"
        elif _magnitude(op) >= 1 << MAX_WIDTH:
            yield f"weights and bias add up to {_magnitude(op):.3g} in magnitude, 2**62 or more"
        else:
            bounds = Words(np.zeros((0, op.width), np.int64), op.signed)
            low, high = sum_range(op)
            if low < bounds.low or high > bounds.high:
                kind = "signed" if op.signed else "unsigned"
                yield f"sums reach {low}..{high}, beyond {op.width} {kind} bits"
        return
    if not 1 <= op.words.width <= MAX_WIDTH:
        yield f"words of an impossible shape {op.words.bits.shape}"
    elif isinstance(op, Encode):
        count = op.thresholds.shape[1]
        if len(op.thresholds) != op.words.count or not count:
            yield f"thresholds of shape {op.thresholds.shape} for {op.words.count} words"
        elif not op.thermometer and count & (count + 1):
            yield f"{count} thresholds; a binary code needs 2**b - 1"
        elif (op.thresholds[:, 1:] < op.thresholds[:, :-1]).any():
            yield "thresholds must ascend"
    elif isinstance(op, Compare) and op.thresholds.shape != (op.words.count,):
        yield f"{op.thresholds.shape} thresholds for {op.words.count} words"
    elif isinstance(op, Argmax) and not op.words.count:
        yield "argmax of no words"
