"""What flows through a vision transformer: real values, or whole codes and their scale."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["EXACT", "STEPS", "Values", "bounds", "straight"]

EXACT = 1 << 24
"""Below it, every whole number is a float32."""
STEPS = (0.798, 1.049, 0.602, 0.339, 0.189, 0.104, 0.0569)
"""What code 1 of 1 to 7 bits stands for where a standard normal distribution loses least.

Of 8 bits on, the greatest value is the greatest code.
"""


@dataclass(frozen=True)
class Values:
    """A batch between two operations.

    Parameters
    ----------
    x
        Real values while training in floating point, else codes: whole numbers in a float tensor,
        exact below 2**24, whose gradient is that of the real values times ``scale``.
    scale
        Real value of code 1, float64: a scalar, or one number per channel (the last axis). None
        where ``x`` is real.
    """

    x: Tensor
    scale: Tensor | None = None

    @property
    def real(self) -> Tensor:
        """The real values."""
        return self.x if self.scale is None else self.x * self.scale.to(self.x)


def bounds(bits: int) -> tuple[int, int]:
    """Return the least and the greatest code of so many bits; -1 and 1 of one."""
    return (-1, 1) if bits == 1 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def straight(exact: Tensor, smooth: Tensor) -> Tensor:
    """Return ``exact``, with the gradient of ``smooth``."""
    result = _Straight.apply(exact, smooth)
    assert isinstance(result, Tensor)
    return result


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, exact: Tensor, _smooth: Tensor) -> Tensor:
        return exact.clone()

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        _ctx: Any, gradient: Tensor
    ) -> tuple[None, Tensor]:
        return None, gradient
