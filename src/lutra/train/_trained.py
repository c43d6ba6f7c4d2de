"""What every training leaves: something that scores rows and lowers to a circuit."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from lutra.circuit import Circuit

__all__ = ["Trained"]


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
        """Return the integer scores of raw features: (samples, classes), int64."""
        ...

    def lower(
        self, name: str, classes: Sequence[str] = (), features: Sequence[str] = ()
    ) -> Circuit:
        """Return the circuit: ``scores`` and ``class``."""
        ...
