"""Multiplication as one addition of bit patterns, and a linear layer of it (NeurIPS 2023)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.vit import Operations

__all__ = ["PiecewiseAffineLinear", "piecewise_affine_product"]

_SIGN = -(1 << 31)
_MAGNITUDE, _EXPONENT, _FRACTION = 0x7FFFFFFF, 0x7F800000, 0x007FFFFF
_ONE = 127 << 23
"""The bits of 1.0, which are the bias of the exponent."""
_LEAST, _GREATEST = 1 << 23, _EXPONENT - 1
"""The bits of the least and the greatest finite normal number."""
_AT_ONCE = 1 << 21
"""Products that are in memory at the same time."""


def piecewise_affine_product(a: Tensor, b: Tensor) -> Tensor:
    """Return about ``a * b`` (float32), without gradient: bit patterns are added as integers.

    For ``a = 2**i (1 + f)`` and ``b = 2**j (1 + g)`` it is ``2**(i + j) (1 + f + g)`` where
    f + g < 1 and ``2**(i + j + 1) (f + g)`` else: the product less ``f g`` or
    ``(1 - f) (1 - g)`` of that power, at most a ninth too small, and affine in each factor
    between powers of two. Zeros, denormals and what falls below the least normal number are 0;
    what is too great is the greatest finite number; infinities and NaN are multiplied.

    Raises
    ------
    ValueError
        The numbers are not float32.
    """
    if a.dtype != torch.float32 or b.dtype != torch.float32:
        raise ValueError(f"piecewise-affine products are of float32, not {a.dtype} and {b.dtype}")
    x, y = a.view(torch.int32), b.view(torch.int32)
    one, two = x & _MAGNITUDE, y & _MAGNITUDE
    # In 32 bits, the sum of two patterns does not fit but that less the bias does, once clamped.
    total = one.long() + two - _ONE
    zero = (torch.minimum(one, two) < _LEAST) | (total < _LEAST)
    bits = total.clamp(max=_GREATEST).int().masked_fill(zero, 0) | ((x ^ y) & _SIGN)
    finite = torch.maximum(one, two) < _EXPONENT
    return torch.where(finite, bits.view(torch.float32), a * b)


def _slope(a: Tensor, b: Tensor) -> Tensor:
    """Return the derivative of the product by a: the power of two of its segment, b's sign."""
    x, y = a.view(torch.int32), b.view(torch.int32)
    carry = ((x & _FRACTION) + (y & _FRACTION)) & _LEAST
    bits = ((y & _EXPONENT) + carry).clamp(max=_GREATEST & _EXPONENT)
    bits = bits.masked_fill((y & _MAGNITUDE) < _LEAST, 0)
    return (bits | (y & _SIGN)).view(torch.float32)


class PiecewiseAffineLinear(nn.Module):
    """``y[o] = sum_i x[i] *' w[o, i] + b[o]`` with piecewise-affine products (Kosson and Jaggi).

    Parameters
    ----------
    inputs, outputs
        Widths.
    bias
        Whether there is one.
    exact
        Gradient: the true derivative of the segments, powers of two; else the other factor, as if
        the product were one, by which the gradient is multiplied piecewise-affinely, too.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True, exact: bool = False) -> None:
        super().__init__()
        if min(inputs, outputs) < 1:
            raise ValueError("inputs and outputs must be 1 or more")
        self.exact = exact
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., outputs) of (..., inputs), float32."""
        y = _MatrixProduct.apply(x.reshape(-1, x.shape[-1]), self.weight, self.exact)
        assert isinstance(y, Tensor)
        y = y.view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias

    def operations(self) -> Operations:
        """Return what one row takes: per product an addition of patterns and one to the sum.

        Stored weights are less the bias of the exponent. Each input is compared with zero, each
        exponent once with its range, which an unsigned comparison tells from both sides.
        """
        outputs, inputs = self.weight.shape
        return Operations(0, 2 * inputs * outputs, 0, inputs + inputs * outputs)

    def extra_repr(self) -> str:
        """Return the settings for ``repr``."""
        outputs, inputs = self.weight.shape
        return f"inputs={inputs}, outputs={outputs}, exact={self.exact}"


class _MatrixProduct(torch.autograd.Function):
    """(rows, inputs), (outputs, inputs) -> (rows, outputs), some rows at once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, exact: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.exact = exact
        rows = max(1, _AT_ONCE // weight.numel())
        parts = [piecewise_affine_product(part[:, None], weight) for part in x.split(rows)]
        return torch.cat([part.sum(dim=2) for part in parts])

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        rows = max(1, _AT_ONCE // weight.numel())
        by_x, by_weight = [], torch.zeros_like(weight)
        for part, sent in zip(x.split(rows), gradient.split(rows), strict=True):
            one, g = part[:, None], sent[..., None].contiguous()
            # Products with powers of two are exact, so that both cases may use the same one.
            slopes = (_slope(one, weight), _slope(weight, one)) if ctx.exact else (weight, one)
            by_x.append(piecewise_affine_product(g, slopes[0]).sum(dim=1))
            by_weight += piecewise_affine_product(g, slopes[1]).sum(dim=0)
        return torch.cat(by_x), by_weight, None
