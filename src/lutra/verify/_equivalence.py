"""Circuit == circuit, for every input: proven by ABC, denied only by numpy."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, evaluate, read_words
from lutra.emit import blif
from lutra.errors import ToolError, VerifyError
from lutra.passes import Table, expanded_tables
from lutra.tools import run_abc
from lutra.verify._difference import Difference, first_difference

__all__ = ["Counterexample", "check_equivalent", "counterexamples"]

_BUFFER, _AND = 0b10, 0b1000
_VERDICT = re.compile(r"Networks are (equivalent|NOT EQUIVALENT|UNDECIDED)")


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
    if not afters or not _output_bits(before):
        return [None] * len(afters)
    files, commands = {"before.blif": _netlist(before, cares)}, []
    for i, after in enumerate(afters):
        files |= {f"{i}.blif": _netlist(after, cares), f"{i}.cex": ""}
        commands += [f"miter -n before.blif {i}.blif", "strash", "&get"]  # -n: by their order
        commands += [f"&cec -m -T {max(1, round(timeout))}", f"write_cex {i}.cex"]
    results = [f"{i}.cex" for i in range(len(afters))]
    made = run_abc(commands, files, results, timeout * len(afters) + 60)
    verdicts = _VERDICT.findall(made["abc.log"])
    if len(verdicts) != len(afters):
        raise ToolError(f"ABC gave no verdict: {made['abc.log'].strip()[-2000:]}")
    found: list[Counterexample | None] = []
    for after, verdict, name in zip(afters, verdicts, results, strict=True):
        if verdict == "UNDECIDED":
            raise ToolError(
                f"ABC could not decide within {timeout:g} s whether circuits {before.name!r} and "
                f"{after.name!r} are equivalent; allow more time or compare smaller parts"
            )
        differ = verdict == "NOT EQUIVALENT"
        found.append(_confirmed(before, after, cares, made[name]) if differ else None)
    return found


def _shape(circuit: Circuit) -> tuple[object, ...]:
    """Return what circuits that are compared have in common."""
    outputs = [
        (output.name, output.words.bits.shape, output.words.signed) for output in circuit.outputs
    ]
    return circuit.inputs, circuit.input_width, circuit.input_signed, outputs


def _netlist(circuit: Circuit, cares: Circuit | None) -> str:
    """Return the circuit as BLIF, its output bits in order, each with its care."""
    tables = expanded_tables(circuit)
    leaving = [(bit,) for bit in _output_bits(circuit)]
    if cares:
        own, above = circuit.input_bits, max(tables, default=0) + 1

        def moved(bit: int) -> int:
            return bit if bit < own else bit + above

        for bit, table in expanded_tables(cares).items():
            tables[moved(bit)] = table._replace(wires=tuple(map(moved, table.wires)))
        masks = map(moved, _output_bits(cares))
        leaving = [(*bits, mask) for bits, mask in zip(leaving, masks, strict=True)]
    first = max(tables, default=circuit.input_bits) + 1
    for bit, wires in enumerate(leaving, first):
        tables[bit] = Table(wires, _AND if cares else _BUFFER, 0)
    return blif(tables, range(first, first + len(leaving)), range(circuit.input_bits))


def _output_bits(circuit: Circuit) -> list[int]:
    return [bit for output in circuit.outputs for bit in output.words.bits.reshape(-1).tolist()]


def _confirmed(before: Circuit, after: Circuit, cares: Circuit | None, text: str) -> Counterexample:
    """Return ABC's counterexample if numpy says so too."""
    values = re.match(r"[01]*", text)
    bits = np.array([int(value) for value in values[0]] if values else [], np.uint8)
    if len(bits) != before.input_bits:
        raise ToolError(f"ABC gave no counterexample that can be read: {text[:200]!r}")
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
