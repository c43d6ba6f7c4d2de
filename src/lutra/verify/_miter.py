"""Netlists compared by ABC: proven equal, or an input that shows the difference."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit
from lutra.emit import blif
from lutra.errors import ToolError
from lutra.passes import BUFFER, Table, expanded_tables
from lutra.tools import run_abc

__all__ = ["compare", "netlist", "netlist_of", "output_bits"]

_AND = 0b1000
_VERDICT = re.compile(r"Networks are (equivalent|NOT EQUIVALENT|UNDECIDED)|Timed out")


def compare(
    before: str, afters: Sequence[str], inputs: int, timeout: float
) -> list[NDArray[np.uint8] | None]:
    """Compare a netlist with others, in one run of ABC.

    Parameters
    ----------
    before, afters
        BLIF. Inputs and outputs belong together by their order.
    inputs
        Number of input bits.
    timeout
        Seconds for each comparison.

    Returns
    -------
    For each of ``afters``, None where it is equivalent, else input bits for which some output
    differs, says ABC. Shape (inputs,).

    Raises
    ------
    ToolError
        ABC is missing or fails, or does not come to an end.
    """
    files, commands = {"before.blif": before}, []
    for i, after in enumerate(afters):
        files |= {f"{i}.blif": after, f"{i}.cex": ""}
        commands += [f"miter -n before.blif {i}.blif", "strash", "&get"]  # -n: by their order
        commands += [f"&cec -m -T {max(1, round(timeout))}", f"write_cex {i}.cex"]
    results = [f"{i}.cex" for i in range(len(afters))]
    made = run_abc(commands, files, results, timeout * len(afters) + 60)
    verdicts = _VERDICT.findall(made["abc.log"])
    if len(verdicts) != len(afters):
        raise ToolError(f"ABC gave no verdict: {made['abc.log'].strip()[-2000:]}")
    found: list[NDArray[np.uint8] | None] = []
    for verdict, name in zip(verdicts, results, strict=True):
        if verdict not in ("equivalent", "NOT EQUIVALENT"):
            raise ToolError(
                f"ABC could not decide within {timeout:g} s whether netlists are equivalent; "
                "allow more time or compare smaller parts"
            )
        differ = verdict == "NOT EQUIVALENT"
        found.append(_bits(made[name], inputs) if differ else None)
    return found


def _bits(text: str, inputs: int) -> NDArray[np.uint8]:
    values = text[:inputs]
    if len(values) < inputs or set(values) - {"0", "1"}:
        raise ToolError(f"ABC gave no counterexample that can be read: {text[:200]!r}")
    return np.array([int(value) for value in values], np.uint8)


def netlist(circuit: Circuit, cares: Circuit | None = None) -> str:
    """Return the circuit as BLIF, its output bits in order, each with its care."""
    tables = expanded_tables(circuit)
    leaving = [(bit,) for bit in output_bits(circuit)]
    if cares:
        own, above = circuit.input_bits, max(tables, default=0) + 1

        def moved(bit: int) -> int:
            return bit if bit < own else bit + above

        for bit, table in expanded_tables(cares).items():
            tables[moved(bit)] = table._replace(wires=tuple(map(moved, table.wires)))
        masks = map(moved, output_bits(cares))
        leaving = [(*bits, mask) for bits, mask in zip(leaving, masks, strict=True)]
    free = max(tables, default=circuit.input_bits) + 1
    return netlist_of(tables, leaving, range(circuit.input_bits), free)


def netlist_of(
    tables: Mapping[int, Table],
    leaving: Sequence[tuple[int, ...]],
    inputs: Sequence[int],
    free: int,
) -> str:
    """Return tables as BLIF whose outputs are bits, or each a bit with its care.

    ``free`` is the first number of those that no bit has.
    """
    outputs = {
        bit: Table(wires, _AND if len(wires) > 1 else BUFFER, 0)
        for bit, wires in enumerate(leaving, free)
    }
    return blif({**tables, **outputs}, outputs, inputs)


def output_bits(circuit: Circuit) -> list[int]:
    """Return the bits that leave, output by output, word by word, LSB first."""
    return [bit for output in circuit.outputs for bit in output.words.bits.reshape(-1).tolist()]
