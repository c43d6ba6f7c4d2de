"""Circuit == circuit, for every input: proven by ABC, denied only by numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Sum, evaluate, read_words
from lutra.errors import ToolError, VerifyError
from lutra.verify._difference import Difference, first_difference
from lutra.verify._miter import compare, netlist, output_bits
from lutra.verify._sums import merged_sums

__all__ = ["Counterexample", "check_equivalent", "counterexamples"]


@dataclass(frozen=True)
class Counterexample:
    """Input words for which two circuits differ, and where they do. Shape (inputs,)."""

    inputs: NDArray[np.int64]
    difference: Difference

    def __str__(self) -> str:
        found = self.difference
        words = {i: int(self.inputs[i]) for i in np.flatnonzero(self.inputs).tolist()}
        return (
            f"output {found.output!r}, word {found.word}, bit {found.bit}: "
            f"expected {found.expected}, got {found.got} for the input words {words}, others 0"
        )


def check_equivalent(
    before: Circuit, after: Circuit, cares: Circuit | None = None, timeout: float = 600
) -> None:
    """Prove that two circuits have the same outputs for every input, or for those that matter.

    Parameters
    ----------
    before, after
        The circuits; stages do not matter.
    cares
        Of the same inputs and with the same outputs, whose bits say which output bits matter for
        an input. All do unless given. `level_cares` makes one.
    timeout
        Seconds.

    Raises
    ------
    ValueError
        Inputs or outputs differ in number, width, sign or name.
    VerifyError
        The circuits differ; the message names the output, word, bit and input words.
    ToolError
        ABC is missing or fails, does not come to an end, or errs.
    """
    (found,) = counterexamples(before, [after], cares, timeout)
    if found:
        raise VerifyError(f"circuits {before.name!r} and {after.name!r} differ at {found}")


def counterexamples(
    before: Circuit,
    afters: Sequence[Circuit],
    cares: Circuit | None = None,
    timeout: float = 600,
) -> list[Counterexample | None]:
    """Compare one circuit with several, in one run of ABC; None where they are equivalent.

    ``timeout`` is for each of them. Errors are those of `check_equivalent`.
    """
    shape = _shape(before)
    for other in (*afters, *([cares] if cares else [])):
        if _shape(other) != shape:
            raise ValueError(
                f"circuits {before.name!r} and {other.name!r} have other inputs or outputs: "
                f"{shape} and {_shape(other)}"
            )
    if not afters or not output_bits(before):
        return [None] * len(afters)
    circuits = [before, *afters]
    unproven = [*range(1, len(circuits))]
    if cares is None and all(any(isinstance(op, Sum) for op in of.ops) for of in circuits):
        merged = merged_sums(circuits, timeout)
        circuits = merged.circuits
        bits = compare(merged.cut[0], merged.cut[1:], merged.inputs, timeout)
        unproven = [number for number in unproven if bits[number - 1] is not None]
    found = list[Counterexample | None]([None] * len(afters))
    if unproven:
        own, *others = (netlist(circuits[number], cares) for number in (0, *unproven))
        for number, bits in zip(
            unproven, compare(own, others, before.input_bits, timeout), strict=True
        ):
            if bits is not None:
                found[number - 1] = _confirmed(before, afters[number - 1], cares, bits)
    return found


def _shape(circuit: Circuit) -> tuple[object, ...]:
    """Return what circuits that are compared have in common."""
    outputs = [
        (output.name, output.words.bits.shape, output.words.signed) for output in circuit.outputs
    ]
    return circuit.inputs, circuit.input_width, circuit.input_signed, outputs


def _confirmed(
    before: Circuit, after: Circuit, cares: Circuit | None, bits: NDArray[np.uint8]
) -> Counterexample:
    """Return ABC's counterexample if numpy says so too."""
    inputs = read_words(bits[:, None], before.input_words).T
    expected, got = evaluate(before, inputs), evaluate(after, inputs)
    if cares:
        matter = evaluate(cares, inputs)
        got = {name: w ^ ((w ^ expected[name]) & ~matter[name]) for name, w in got.items()}
    found = first_difference(expected, got)
    if not found:
        raise ToolError(
            f"ABC erred: circuits {before.name!r} and {after.name!r} agree on its counterexample "
            f"{inputs[0].tolist()}; report it with both circuits"
        )
    return Counterexample(inputs[0], found)
