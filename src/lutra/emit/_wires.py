"""How generated code refers to the bits of a circuit."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Wires", "at_least", "concatenate", "lut", "lut_pair"]


class Wires:
    """The vectors that a module sees, by the circuit bit that their bit 0 is."""

    def __init__(self, vectors: Mapping[str, int]) -> None:
        self._names = sorted(vectors, key=vectors.__getitem__)
        self._starts = np.asarray([vectors[name] for name in self._names], np.int64)

    def bits(self, bits: NDArray[np.int64]) -> list[str]:
        """Return an expression for each bit."""
        owners = np.searchsorted(self._starts, bits, side="right") - 1
        places = bits - self._starts[owners] if bits.size else bits
        names = self._names
        return [
            f"{names[owner]}[{place}]"
            for owner, place in zip(owners.tolist(), places.tolist(), strict=True)
        ]

    def word(self, bits: NDArray[np.int64]) -> str:
        """Return an expression for the word that the bits form, LSB first."""
        names = self.bits(bits)
        owner, _, low = names[0].partition("[")
        together = names[-1].startswith(f"{owner}[") and (np.diff(bits) == 1).all()
        if len(names) == 1 or not together:
            return concatenate(names)
        return f"{owner}[{int(low[:-1]) + len(names) - 1}:{low[:-1]}]"


def concatenate(names: Sequence[str]) -> str:
    """Return the concatenation of expressions, the first one lowest."""
    return names[0] if len(names) == 1 else f"{{{', '.join(reversed(names))}}}"


def at_least(word: str, width: int, threshold: int) -> str:
    """Return ``word >= threshold`` for an unsigned word, a constant where it cannot vary."""
    if threshold <= 0:
        return "1'b1"
    return f"({word} >= {width}'d{threshold})" if threshold < 1 << width else "1'b0"


def lut(name: str, output: str, inputs: Sequence[str], init: str) -> str:
    """Return an instance of LUT1 ... LUT6; ``init`` is its table, in hexadecimal."""
    pins = "".join(f", .I{pin}({source})" for pin, source in enumerate(inputs))
    size = len(inputs)
    return f"LUT{size} #(.INIT({1 << size}'h{init})) {name} (.O({output}){pins});"


def lut_pair(name: str, outputs: tuple[str, str], inputs: Sequence[str], init: str) -> str:
    """Return an instance of LUT6_2, two functions of the same five inputs."""
    pins = "".join(f", .I{pin}({source})" for pin, source in enumerate(inputs))
    ports = f".O6({outputs[0]}), .O5({outputs[1]}){pins}, .I5(1'b1)"
    return f"LUT6_2 #(.INIT(64'h{init})) {name} ({ports});"
