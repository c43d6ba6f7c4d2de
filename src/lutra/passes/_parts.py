"""Encoder, core, head and argmax: the parts whose areas are reported apart."""

from dataclasses import dataclass

import numpy as np

from lutra.circuit import Argmax, Circuit, Encode, Lut, operands, subcircuit

__all__ = ["Parts", "part_names", "split"]


@dataclass(frozen=True)
class Parts:
    """A circuit cut in four; None where it has no such part."""

    encoder: Circuit | None
    core: Circuit | None
    head: Circuit | None
    argmax: Circuit | None


def part_names(circuit: Circuit) -> tuple[str, ...]:
    """Return the part that each operation belongs to.

    ``encoder``: what no table feeds and tables read, and every other encoder that reads only
    input bits; ``argmax``: an argmax and what it feeds; ``head``: other operations that feed no
    neuron; ``core``: neurons, which are tables or the thresholds of sums, and what feeds them.
    """
    count = len(circuit.ops)
    after_table, after_argmax = np.zeros(count + 1, bool), np.zeros(count + 1, bool)
    before_table, before_neuron = np.zeros(count + 1, bool), np.zeros(count + 1, bool)
    sources = [np.unique(circuit.sources(operands(op))) for op in circuit.ops]
    for number, op in enumerate(circuit.ops):
        after_table[number] = after_table[sources[number]].any() or isinstance(op, Lut)
        after_argmax[number] = after_argmax[sources[number]].any() or isinstance(op, Argmax)
    from_inputs = [(source < 0).all() for source in sources]
    neurons = [
        isinstance(op, Lut) or (isinstance(op, Encode) and not from_inputs[number])
        for number, op in enumerate(circuit.ops)
    ]
    for number in reversed(range(count)):
        if before_table[number] or isinstance(circuit.ops[number], Lut):
            before_table[sources[number]] = True
        if before_neuron[number] or neurons[number]:
            before_neuron[sources[number]] = True
    names = []
    for number, op in enumerate(circuit.ops):
        encodes = isinstance(op, Encode) and from_inputs[number]
        if after_argmax[number]:
            names.append("argmax")
        elif encodes or (before_table[number] and not after_table[number]):
            names.append("encoder")
        elif neurons[number] or before_neuron[number]:
            names.append("core")
        else:
            names.append("head")
    return tuple(names)


def split(circuit: Circuit) -> Parts:
    """Return the four parts, each a circuit of one-bit words (see `subcircuit`)."""
    names = part_names(circuit)
    parts = {}
    for part in ("encoder", "core", "head", "argmax"):
        numbers = [number for number, name in enumerate(names) if name == part]
        parts[part] = subcircuit(circuit, numbers, f"{circuit.name}_{part}") if numbers else None
    return Parts(**parts)
