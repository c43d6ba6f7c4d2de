"""A circuit compiled to a program that works on single bits of hundreds of samples at once."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lutra._kernels import native
from lutra.circuit import Argmax, Circuit, Compare, Encode, Lut, Op, Sum, evaluate
from lutra.errors import EngineError

__all__ = ["Program", "instruction_sets"]

Ints = NDArray[np.int64]

_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


class Program:
    """Outputs of a circuit, ready to run.

    Every bit of the circuit becomes operations on vectors of samples, one bit each: logic of three
    inputs with AVX-512, of two elsewhere, as machine code for x86-64 and as steps of an
    interpreter on other machines. The results are those of `lutra.circuit.evaluate`.

    Parameters
    ----------
    circuit
        What to compile.
    outputs
        Names of the outputs that are wanted; only what these need is computed. All by default.
    instruction_set
        One of `instruction_sets()`; the last of them, the fastest, by default.
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
        packed: bool = False,
    ) -> None:
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
        self._packed = packed
        self._ends = np.cumsum([0, *(output.words.count for output in found)])
        self._program = None
        if native is None:
            return
        network = native.Network(circuit.inputs, circuit.input_width, circuit.input_signed, packed)
        for op in circuit.ops:
            _add(network, op)
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
        except RuntimeError as error:
            raise EngineError(f"{circuit.name}: {error}") from error

    def run(self, inputs: NDArray[np.integer], threads: int | None = None) -> dict[str, Ints]:
        """Return the integer words of every output.

        Parameters
        ----------
        inputs
            Fixed-point input words, rows of any integer type; read where they lie if rows are
            contiguous. Shape (samples, circuit.inputs).
        threads
            How many; as many as there are cores by default. Results are the same.

        Returns
        -------
        Output name -> words, shape (samples, words).

        Raises
        ------
        ValueError
            A wrong shape or type, or an input that its word cannot hold.
        """
        circuit = self.circuit
        if inputs.dtype.kind not in "biu":
            raise ValueError(f"inputs are {inputs.dtype}; expected raw fixed-point integers")
        if inputs.ndim != 2 or inputs.shape[1] != circuit.inputs:
            raise ValueError(
                f"inputs of shape {inputs.shape}; expected (samples, {circuit.inputs})"
            )
        if self._program is None:
            found = evaluate(circuit, inputs)
            return {name: found[name] for name in self.outputs}
        if inputs.dtype == bool:
            inputs = inputs.view(np.uint8)
        rows = inputs if inputs.strides[1] == inputs.itemsize else np.ascontiguousarray(inputs)
        if not rows.dtype.isnative or rows.strides[0] < 0:
            rows = np.ascontiguousarray(rows, rows.dtype.newbyteorder("="))
        results = np.empty((len(rows), self._ends[-1]), np.int64)
        bad = self._program.run(
            rows.ctypes.data,
            _TYPES.index(rows.dtype.name),
            rows.strides[0],
            len(rows),
            results.ctypes.data,
            threads or os.cpu_count() or 1,
        )
        if bad < len(rows):
            words = circuit.input_words
            raise ValueError(
                f"an input of row {bad} lies outside {words.low}..{words.high}, which "
                f"{words.width} bits hold"
            )
        return self._named(results)

    def run_packed(
        self, bits: NDArray[np.uint64], samples: int, threads: int | None = None
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
        circuit = self.circuit
        if bits.dtype != np.uint64 or bits.ndim != 2 or len(bits) != circuit.input_bits:
            raise ValueError(
                f"bits are {bits.dtype} of shape {bits.shape}; expected uint64 of shape "
                f"({circuit.input_bits}, samples / 64)"
            )
        if not 0 <= samples <= 64 * bits.shape[1]:
            raise ValueError(f"{samples} samples are not packed in {bits.shape[1]} words")
        if self._program is None:
            raise EngineError("packed bits need the native kernels; `lutra doctor` says more")
        if bits.strides[1] != 8 or bits.strides[0] < 0 or not bits.dtype.isnative:
            bits = np.ascontiguousarray(bits, np.uint64)
        results = np.empty((samples, self._ends[-1]), np.int64)
        self._program.run_bits(
            bits.ctypes.data,
            bits.strides[0] // 8,
            samples,
            results.ctypes.data,
            threads or os.cpu_count() or 1,
        )
        return self._named(results)

    @property
    def operations(self) -> int:
        """Logic operations per vector of samples."""
        return self._program.operations if self._program else 0

    @property
    def block_samples(self) -> int:
        """Samples that a thread takes through the whole program together."""
        return self._program.block_samples if self._program else 0

    def _named(self, results: Ints) -> dict[str, Ints]:
        ends = self._ends
        return {name: results[:, ends[i] : ends[i + 1]] for i, name in enumerate(self.outputs)}


def instruction_sets() -> tuple[str, ...]:
    """Return what programs can be compiled for on this machine, the fastest last."""
    return tuple(native.program_sets()) if native else ("numpy",)


def _add(network: Any, op: Op) -> None:
    def at(array: NDArray[np.generic]) -> int:
        kept.append(np.ascontiguousarray(array))
        return kept[-1].ctypes.data

    kept: list[NDArray[np.generic]] = []
    match op:
        case Lut():
            network.lut(at(op.wires), at(op.table), len(op.wires), op.fan_in, op.outputs)
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
