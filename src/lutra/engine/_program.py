"""A circuit compiled to a program that works on single bits of hundreds of samples at once."""

import os
import sys
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lutra._kernels import native
from lutra.circuit import Argmax, Circuit, Compare, Encode, Lut, Op, Sum, Words, evaluate
from lutra.errors import EngineError
from lutra.passes import estimate_lut6

__all__ = ["Program", "instruction_sets"]

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

_TYPES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float32", "float64"),
)

_LUT6_PER_LOOKUP = {"avx512": 200, "avx2": 110, "portable": 30}
"""How many six-input tables are as fast as reading one large table per sample (measured)."""


class Program:
    """Outputs of a circuit, ready to run.

    Every bit of the circuit becomes operations on vectors of samples, one bit each: logic of three
    inputs with AVX-512, of two elsewhere, as machine code for x86-64 and as steps of an
    interpreter on other machines. Tables that take more logic than it takes to read them once per
    sample are read. The results are those of `lutra.circuit.evaluate`.

    Parameters
    ----------
    circuit
        What to compile.
    outputs
        Names of the outputs that are wanted; only what these need is computed. All by default.
    instruction_set
        One of `instruction_sets()`; the last of them, the fastest, by default.
    scale, offset
        What input words stand for, ``word * scale + offset``: then real numbers are inputs as
        well. Numbers, or arrays of shape (circuit.inputs,).
    packed
        Compile for `run_packed` alone.

    Raises
    ------
    EngineError
        The machine lacks the instruction set, or the program would need too much memory.
    CircuitError
        The circuit has no such output.
    """

    def __init__(
        self,
        circuit: Circuit,
        outputs: Sequence[str] | None = None,
        instruction_set: str | None = None,
        *,
        scale: Reals | float | None = None,
        offset: Reals | float | None = None,
        packed: bool = False,
    ) -> None:
        self._asked = (circuit, outputs, instruction_set, scale, offset, packed)
        names = [output.name for output in circuit.outputs] if outputs is None else outputs
        found = [circuit.output(name) for name in names]
        self.circuit = circuit
        self.outputs = tuple(names)
        offered = instruction_sets()
        self.instruction_set = instruction_set or offered[-1]
        if self.instruction_set not in offered:
            raise EngineError(
                f"instruction set {instruction_set!r} is not to be had here; use one of: "
                f"{', '.join(offered)}"
            )
        self._form = None
        if scale is not None or offset is not None:
            self._form = _per_input(circuit, scale, 1.0), _per_input(circuit, offset, 0.0)
        self._ends = np.cumsum([0, *(output.words.count for output in found)])
        self._program = None
        if native is None:
            return
        network = native.Network(circuit.inputs, circuit.input_width, circuit.input_signed, packed)
        large = any(isinstance(op, Lut) and op.fan_in > 6 for op in circuit.ops)
        luts = estimate_lut6(circuit) if large else np.zeros(len(circuit.ops))
        for op, lut6 in zip(circuit.ops, luts, strict=True):
            reads = isinstance(op, Lut) and len(op.wires) * -(-op.outputs // 8)
            _add(network, op, bool(lut6 > reads * _LUT6_PER_LOOKUP[self.instruction_set]))
        words = [word for output in found for word in [output.words] * output.words.count]
        bits = np.concatenate([np.zeros(0, np.int64), *(o.words.bits.reshape(-1) for o in found)])
        try:
            self._program = network.program(
                bits.ctypes.data,
                [word.width for word in words],
                [word.signed for word in words],
                self.instruction_set,
                0,
            )
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineError(f"{circuit.name}: {error}") from error

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what was asked for; whoever unpickles it compiles it for their own machine."""
        return _compile, self._asked

    def run(self, inputs: ArrayLike, threads: int | None = None) -> dict[str, Ints]:
        """Return the integer words of every output.

        Parameters
        ----------
        inputs
            Fixed-point input words, rows of any integer type; or real numbers, of which the
            nearest words are taken. Arrays, and tensors on the CPU, are read where they lie if
            rows are contiguous. Shape (samples, circuit.inputs).
        threads
            How many at most, at least 1; as many as there are cores by default. Results are the
            same.

        Returns
        -------
        Output name -> words, shape (samples, words).

        Raises
        ------
        ValueError
            A wrong shape or type, an input that its word cannot hold, or a real number that is
            none.
        """
        inputs, circuit = np.asarray(inputs), self.circuit
        real = inputs.dtype.kind == "f" and self._form is not None
        if inputs.dtype.kind not in "biu" and not real:
            raise ValueError(f"inputs are {inputs.dtype}; expected raw fixed-point integers")
        if inputs.ndim != 2 or inputs.shape[1] != circuit.inputs:
            raise ValueError(
                f"inputs of shape {inputs.shape}; expected (samples, {circuit.inputs})"
            )
        threads = _count(threads)
        if self._program is None:
            if real and self._form:
                inputs = _nearest(inputs, circuit.input_words, *self._form)
            found = evaluate(circuit, inputs)
            return {name: found[name] for name in self.outputs}
        rows = inputs.view(np.uint8) if inputs.dtype == bool else inputs
        kind = rows.dtype.newbyteorder("=")
        if kind.name not in _TYPES:  # half and long doubles
            kind = np.dtype(np.float64)
        if rows.dtype != kind or not _lies_in_rows(rows):
            rows = np.array(rows, kind, order="C")
        results = np.empty((len(rows), self._ends[-1]), np.int64)
        bad = self._program.run(
            rows.ctypes.data,
            _TYPES.index(kind.name),
            rows.strides[0],
            len(rows),
            *self._form_addresses(),
            results.ctypes.data,
            threads,
        )
        if bad < len(rows):
            words = circuit.input_words
            outside = f"lies outside {words.low}..{words.high}, which {words.width} bits hold"
            raise ValueError(f"an input of row {bad} {'is not a number' if real else outside}")
        return self._named(results)

    def run_packed(
        self, bits: ArrayLike, samples: int, threads: int | None = None
    ) -> dict[str, Ints]:
        """Return the integer words of every output, given bits that are packed sample by sample.

        Parameters
        ----------
        bits
            As `pack_samples` returns them. Shape (circuit.input_bits, at least samples / 64).
        samples
            How many.
        threads
            See `run`.

        Raises
        ------
        ValueError
            A wrong shape or type, or a program that compares whole words: compile it with
            ``packed``.
        """
        bits, circuit, threads = np.asarray(bits), self.circuit, _count(threads)
        if bits.dtype != np.uint64 or bits.ndim != 2 or len(bits) != circuit.input_bits:
            raise ValueError(
                f"bits are {bits.dtype} of shape {bits.shape}; expected uint64 of shape "
                f"({circuit.input_bits}, samples / 64)"
            )
        if not 0 <= samples <= 64 * bits.shape[1]:
            raise ValueError(f"{samples} samples are not packed in {bits.shape[1]} words")
        if self._program is None:
            raise EngineError("packed bits need the native kernels; `lutra doctor` says more")
        if not _lies_in_rows(bits) or bits.strides[0] % 8:
            bits = np.array(bits, order="C")
        results = np.empty((samples, self._ends[-1]), np.int64)
        self._program.run_bits(
            bits.ctypes.data,
            bits.strides[0] // 8,
            samples,
            results.ctypes.data,
            threads,
        )
        return self._named(results)

    @property
    def operations(self) -> int:
        """Logic operations per vector of samples."""
        return self._program.operations if self._program else 0

    @property
    def lookups(self) -> int:
        """Tables that are read per sample."""
        return self._program.lookups if self._program else 0

    @property
    def block_samples(self) -> int:
        """Samples that a thread takes through the whole program together."""
        return self._program.block_samples if self._program else 0

    def _form_addresses(self) -> tuple[int, int]:
        if self._form is None:
            return 0, 0
        scale, offset = self._form
        if (scale == 1).all() and (offset == 0).all():  # words as they are
            return 0, 0
        return scale.ctypes.data, offset.ctypes.data

    def _named(self, results: Ints) -> dict[str, Ints]:
        ends = self._ends
        return {name: results[:, ends[i] : ends[i + 1]] for i, name in enumerate(self.outputs)}


def _compile(
    circuit: Circuit,
    outputs: Sequence[str] | None,
    instruction_set: str | None,
    scale: Reals | float | None,
    offset: Reals | float | None,
    packed: bool,
) -> Program:
    return Program(circuit, outputs, instruction_set, scale=scale, offset=offset, packed=packed)


def instruction_sets() -> tuple[str, ...]:
    """Return what programs can be compiled for on this machine, the fastest last."""
    return tuple(native.program_sets()) if native else ("numpy",)


def _count(threads: int | None) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if threads is not None and index(threads) < 1:
        raise ValueError(f"{threads} threads: expected at least 1")
    return min(threads or sys.maxsize, cores or 1)


def _lies_in_rows(array: NDArray[Any]) -> bool:
    along, across = array.strides
    return along >= 0 and across == array.itemsize and array.flags.aligned


def _nearest(inputs: Reals, words: Words, scale: Reals, offset: Reals) -> Ints:
    missing = np.isnan(inputs).any(axis=1)
    if missing.any():
        raise ValueError(f"an input of row {missing.argmax()} is not a number")
    found = np.rint((inputs.astype(np.float64) - offset) / scale)
    whole = found.clip(words.low, words.high).astype(np.int64)
    return whole.clip(words.low, words.high)  # the first bounds were rounded


def _per_input(circuit: Circuit, values: Reals | float | None, default: float) -> Reals:
    found = np.asarray(default if values is None else values, np.float64)
    if found.shape not in ((), (circuit.inputs,)) or not np.isfinite(found).all():
        raise ValueError(
            f"scale and offset: expected {circuit.inputs} finite numbers, found shape {found.shape}"
        )
    if default and not found.all():
        raise ValueError("a scale of 0 says nothing")
    return np.ascontiguousarray(np.broadcast_to(found, circuit.inputs))


def _add(network: Any, op: Op, looked_up: bool) -> None:
    def at(array: NDArray[np.generic]) -> int:
        kept.append(np.ascontiguousarray(array))
        return kept[-1].ctypes.data

    kept: list[NDArray[np.generic]] = []
    match op:
        case Lut():
            n, k, m = len(op.wires), op.fan_in, op.outputs
            network.lut(at(op.wires), at(op.table), n, k, m, looked_up)
        case Sum():
            terms = op.wires.shape[1]
            network.sum(at(op.wires), at(op.weights), at(op.bias), len(op.wires), terms, op.width)
        case Encode():
            words, each = op.words, op.thresholds.shape[1]
            network.encode(
                at(words.bits),
                words.count,
                words.width,
                words.signed,
                at(op.thresholds),
                each,
                op.thermometer,
            )
        case Compare():
            words = op.words
            network.compare(
                at(words.bits), words.count, words.width, words.signed, at(op.thresholds)
            )
        case Argmax():
            words = op.words
            network.argmax(at(words.bits), words.count, words.width, words.signed)
