"""What every training leaves: something that scores rows, and mostly lowers to a circuit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lutra.circuit import Circuit

__all__ = ["NumpyModel", "Trained"]


class Trained(Protocol):
    """A trained model; `lutra.nn.LutModel` is one."""

    @property
    def estimated_lut6(self) -> int | None:
        """Area by the model's own estimate; None where it has none."""
        ...

    @property
    def budget(self) -> int | None:
        """LUT6 that it was to take; None where none were named."""
        ...

    def codes(self, raw: Tensor) -> Tensor:
        """Return the scores of raw features: (samples, classes), int64 where they are whole."""
        ...

    def lower(
        self, name: str, classes: Sequence[str] = (), features: Sequence[str] = ()
    ) -> Circuit:
        """Return the circuit, ``scores`` and ``class``; CircuitError where it has none."""
        ...


@dataclass(frozen=True, eq=False)
class NumpyModel:
    """A model without torch, as a `Trained` one.

    Parameters
    ----------
    source
        The model.
    scores
        Maps raw rows (samples, features) to whole scores (samples, classes), int64.
    circuit
        Maps a name, the classes' and the features' names to the circuit.
    """

    source: object
    scores: Callable[[NDArray[np.integer]], NDArray[np.int64]]
    circuit: Callable[[str, Sequence[str], Sequence[str]], Circuit]
    estimated_lut6: int | None = None
    budget: int | None = None

    def codes(self, raw: Tensor) -> Tensor:
        """Return the integer scores of raw features: (samples, classes), int64."""
        return torch.from_numpy(self.scores(raw.numpy()))

    def lower(
        self, name: str, classes: Sequence[str] = (), features: Sequence[str] = ()
    ) -> Circuit:
        """Return the circuit: ``scores`` and ``class``."""
        return self.circuit(name, classes, features)
