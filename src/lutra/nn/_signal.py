"""What flows between layers: integer codes, and the real values that gradients follow."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Signal"]


@dataclass(frozen=True)
class Signal:
    """A batch of quantised features, feature-major.

    Parameters
    ----------
    codes
        Unsigned code of each feature and sample. Shape (features, batch), uint8.
    values
        Real value of each code, ``levels[codes]``; carries the gradient. Shape (features, batch).
    levels
        Real value of every code, without gradient. Shape (2**bits,).
    bits
        Bits per code.
    """

    codes: Tensor
    values: Tensor
    levels: Tensor
    bits: int
