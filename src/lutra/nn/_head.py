"""Class heads: from the last level's nodes to one score per class."""

import math

import numpy as np
from torch import Tensor, nn

from lutra.circuit import Builder, Code, Sum, Words
from lutra.nn._quantiser import Quantiser

__all__ = ["GroupSum", "sum_groups"]


class GroupSum(nn.Module):
    """Class c adds up the codes of the ``votes`` nodes ``c * votes .. (c + 1) * votes - 1``.

    In hardware a sum per class, a popcount where codes are single bits; with one vote nothing.

    Parameters
    ----------
    votes
        Nodes per class.
    """

    def __init__(self, votes: int = 1) -> None:
        super().__init__()
        self.votes = votes

    def forward(self, values: Tensor) -> Tensor:
        """Map node values (classes * votes, B) to scores (classes, B) of about equal deviation."""
        if self.votes == 1:
            return values
        return values.unflatten(0, (-1, self.votes)).sum(1) / math.sqrt(self.votes)

    def codes(self, codes: Tensor) -> Tensor:
        """Add up unsigned codes (classes * votes, B): int64, (classes, B)."""
        return codes.long().unflatten(0, (-1, self.votes)).sum(1)

    def lower(self, builder: Builder, words: Words, quantiser: Quantiser) -> Words:
        """Append the sums to a circuit; ``quantiser`` is the last level's."""
        if self.votes == 1:
            return words
        code = Code(words.width, quantiser.q_min, float(quantiser.step.detach()))
        return sum_groups(builder, words, self.votes, code, "votes")

    def extra_repr(self) -> str:
        """Return the settings for ``repr``."""
        return f"votes={self.votes}"


def sum_groups(builder: Builder, words: Words, size: int, code: Code, name: str) -> Words:
    """Append one sum per ``size`` neighbouring words; ``code`` is the words'."""
    wires = words.bits.reshape(words.count // size, -1)
    weights = np.tile(1 << np.arange(words.width), (len(wires), size))
    width = int(weights[0].sum()).bit_length()
    code = Code(width, size * code.offset, code.scale)
    bias = np.zeros(len(wires), np.int64)
    return builder.add(Sum(wires, weights, bias, width, False, name, code), width)
