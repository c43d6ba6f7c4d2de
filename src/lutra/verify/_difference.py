"""Where two stages that must agree first disagree."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Difference", "first_difference"]

Outputs = Mapping[str, NDArray[np.integer]]


@dataclass(frozen=True)
class Difference:
    """The first differing sample, there the first output and word, and its lowest wrong bit."""

    sample: int
    output: str
    word: int
    bit: int
    expected: int
    got: int
    samples: int
    """How many samples differ in this output."""

    def __str__(self) -> str:
        return (
            f"sample {self.sample}, output {self.output!r}, word {self.word}, bit {self.bit}: "
            f"expected {self.expected}, got {self.got} ({self.samples} samples differ there)"
        )


def first_difference(expected: Outputs, got: Outputs) -> Difference | None:
    """Compare the outputs of two stages, exactly.

    Parameters
    ----------
    expected, got
        Output name -> integer words. Shape (samples, words).

    Returns
    -------
    None where all is equal.

    Raises
    ------
    ValueError
        The two do not have the same outputs of the same shapes.
    """
    shapes = [{name: words.shape for name, words in side.items()} for side in (expected, got)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the outputs differ in name or shape: {shapes[0]} and {shapes[1]}")
    found: Difference | None = None
    for name, words in expected.items():
        wrong = words != got[name]
        if not wrong.any():
            continue
        sample, word = (int(index) for index in np.argwhere(wrong)[0])
        if found and found.sample <= sample:
            continue
        want, have = int(words[sample, word]), int(got[name][sample, word])
        odd = want ^ have
        bit = (odd & -odd).bit_length() - 1
        count = int(wrong.any(axis=1).sum())
        found = Difference(sample, name, word, bit, want, have, count)
    return found
