"""Building a circuit operation by operation; what every ``lower`` method of a model calls."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lutra.circuit._circuit import Circuit, Output
from lutra.circuit._ops import Argmax, Op, Words

__all__ = ["Builder", "pack_tables"]


class Builder:
    """Collects operations and hands out their bit numbers.

    Parameters
    ----------
    inputs, width, signed
        The circuit's input words, see `Circuit`.
    labels
        Names of the input words, where known.
    """

    def __init__(
        self, inputs: int, width: int, signed: bool = False, labels: Sequence[str] = ()
    ) -> None:
        self._inputs, self._width, self._signed = inputs, width, signed
        self._labels = tuple(labels)
        self._ops: list[Op] = []
        self._outputs: list[Output] = []
        self._next = inputs * width

    @property
    def inputs(self) -> Words:
        """The input words."""
        bits = np.arange(self._inputs * self._width, dtype=np.int64)
        return Words(bits.reshape(self._inputs, self._width), self._signed)

    def add(self, op: Op, width: int, signed: bool = False) -> Words:
        """Append an operation and return its output bits as words of ``width`` bits."""
        bits = np.arange(self._next, self._next + op.size, dtype=np.int64)
        self._ops.append(op)
        self._next += op.size
        return Words(bits.reshape(-1, width), signed)

    def output(self, name: str, words: Words, labels: Sequence[str] = ()) -> None:
        """Let words leave the circuit."""
        self._outputs.append(Output(name, words, tuple(labels)))

    def classify(self, scores: Words, labels: Sequence[str] = ()) -> None:
        """Let class scores leave as ``scores``, and the winning class index as ``class``."""
        self.output("scores", scores, labels)
        op = Argmax(scores, "argmax")
        self.output("class", self.add(op, op.size))

    def build(self, name: str) -> Circuit:
        """Return the checked circuit."""
        return Circuit(
            name,
            self._inputs,
            self._width,
            tuple(self._ops),
            tuple(self._outputs),
            self._signed,
            input_labels=self._labels,
        )


def pack_tables(codes: NDArray[np.integer], width: int) -> NDArray[np.uint8]:
    """Pack unsigned codes into the form that `Lut` holds.

    Parameters
    ----------
    codes
        Code of each table at each address. Shape (n, 2**k).
    width
        Bits per code, m.

    Returns
    -------
    Shape (n, m, max(1, 2**k // 8)).
    """
    narrow = codes.astype(np.min_scalar_type((1 << width) - 1))
    bits = [np.packbits(narrow >> j & 1, axis=-1, bitorder="little") for j in range(width)]
    return np.stack(bits, axis=1)
