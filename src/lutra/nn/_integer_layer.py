"""Neurons of whole weights: sums of weighted codes, and thresholds on them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.circuit import Builder, Code, Encode, Sum, Words
from lutra.nn._norm import BatchNorm
from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal

__all__ = ["IntegerLayer"]


class IntegerLayer(nn.Module):
    """``y = Q(BN(q(W) x))``, every neuron reading every input; q(W) are whole numbers.

    With one bit per weight they are signs, a binarised network (FINN, FPGA 2017, 1612.07119);
    with more, ``round(W (2**(bits - 1) - 1))``. On single bits and without norm and quantiser it is
    LL-ViT's conditional summation: ``y_c = sum_i b_i E[i, c]``.

    Codes are whole numbers, so that a sum is exact; norm and quantiser become thresholds on it.
    The gradient of a weight passes its rounding while the weight is within -1 and 1.

    Parameters
    ----------
    features, neurons
        Inputs and neurons.
    quantiser
        Of the output; None leaves the sums whole, as class scores.
    weight_bits
        Bits per weight, 1 to 8.
    name
        For reports and RTL.
    generator
        Source of the initial weights.
    """

    def __init__(
        self,
        features: int,
        neurons: int,
        quantiser: Quantiser | None,
        weight_bits: int = 1,
        name: str = "",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.features, self.neurons, self.name = features, neurons, name
        self.top = max(1, (1 << (weight_bits - 1)) - 1)
        self.binary = weight_bits == 1
        bound = 0.1 if self.binary else 1.0  # a few bits would round small weights to 0
        weight = torch.empty(neurons, features).uniform_(-bound, bound, generator=generator)
        self.whole_weight = nn.Parameter(weight)
        self.quantiser = quantiser
        self.norm = None
        if quantiser is not None:
            self.norm = BatchNorm(neurons)
            nn.init.constant_(self.norm.bias, quantiser.middle)  # codes begin evenly used

    def forward(self, x: Signal) -> Signal:
        """Add up, normalise, quantise."""
        low, step = self._grid(x.levels)
        carrier = x.codes.new_zeros((), dtype=step.dtype) if x.carrier is None else x.carrier
        weight = _Whole.apply(self.whole_weight, self.top, self.binary)
        total = _Product.apply(weight, carrier, x.codes, low, step)
        assert isinstance(total, Tensor)
        if self.quantiser is None:
            least, bits = self._scores(low, len(x.levels))
            codes = (total.detach() / step * 2).round().int() - least
            return Signal(codes, self._score_levels(least, bits, step), bits, total)
        values, codes = self._activate(total)
        return Signal(codes, self.quantiser.levels, self.quantiser.bits, values)

    forward_samples = forward  # a sum has no table: it is taken sample by sample

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep weights where their gradients pass."""
        self.whole_weight.clamp_(-1, 1)

    @torch.no_grad()
    def lower(self, builder: Builder, words: Words, levels: Tensor) -> tuple[Words, Tensor]:
        """Append sums and thresholds to a circuit; return the codes and their real values."""
        low, step = self._grid(levels)
        real = _whole(self.whole_weight, self.top, self.binary)
        whole = real.cpu().numpy().astype(np.int64)
        if self.quantiser is None:
            least, bits = self._scores(low, len(levels))
            bias = round(2 * float(low)) * whole.sum(1) - least
            sums = self._sum(builder, words, 2 * whole, bias, Code(bits, least, float(step) / 2))
            return sums, self._score_levels(least, bits, step)
        least = -self.features * self.top * (len(levels) - 1)
        bits = (-2 * least).bit_length()
        bias = np.full(self.neurons, -least)
        sums = self._sum(builder, words, whole, bias, Code(bits, least, float(step)))
        grid = torch.arange(1 << bits, device=levels.device, dtype=step.dtype) + least
        total = (grid + low * real.sum(1, keepdim=True)) * step
        training = self.training
        codes = self.train(False)._activate(total)[1].long()
        self.train(training)
        steps = torch.arange(1, 1 << self.quantiser.bits, device=codes.device)
        limits = (codes[:, None] < steps[:, None]).sum(2).cpu().numpy()
        quantiser = self.quantiser
        meaning = Code(quantiser.bits, quantiser.q_min, float(quantiser.step))
        found = builder.add(Encode(sums, limits, name=self.name, code=meaning), quantiser.bits)
        return found, quantiser.levels

    def _activate(self, total: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and codes of sums (n, B); monotone, the norm's weight counts by size."""
        assert self.norm is not None and self.quantiser is not None
        mean, variance = self.norm.statistics(total)
        scale = self.norm.weight.abs() / (variance + self.norm.eps).sqrt()
        x = (total - mean[:, None]) * scale[:, None] + self.norm.bias[:, None]
        return self.quantiser(x)

    def _grid(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the value of code 0 in steps, a whole number of halves, and the step."""
        step = levels[1] - levels[0]
        return (2 * levels[0] / step).round() / 2, step

    def _scores(self, low: Tensor, codes: int) -> tuple[int, int]:
        """Return the least score in half steps, and the bits that hold all above it."""
        most = round(2 * max(abs(float(low)), abs(float(low) + codes - 1)))
        reach = self.features * self.top * most
        return -reach, (2 * reach).bit_length()

    def _score_levels(self, least: int, bits: int, step: Tensor) -> Tensor:
        return (torch.arange(1 << bits, device=step.device) + least) * step / 2

    def _sum(
        self, builder: Builder, words: Words, weights: np.ndarray, bias: np.ndarray, code: Code
    ) -> Words:
        """Append the sums of all codes by whole weights (n, features)."""
        weights = (weights[:, :, None] << np.arange(words.width)).reshape(self.neurons, -1)
        wires = np.tile(words.bits.reshape(1, -1), (self.neurons, 1))
        op = Sum(wires, weights, bias, code.width, False, f"{self.name}_sum", code)
        return builder.add(op, code.width)


class _Product(torch.autograd.Function):
    """``W @ x`` by whole numbers: exact whatever the order of the additions."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, carrier: Tensor, codes: Tensor, low: Tensor, step: Tensor
    ) -> Tensor:
        whole = codes.to(step.dtype)
        ctx.save_for_backward(weight, (whole + low) * step)
        ctx.fed = carrier.dim() > 0
        return (weight @ whole + low * weight.sum(1, keepdim=True)) * step

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        weight, values = ctx.saved_tensors
        fed = weight.T @ gradient if ctx.fed else None
        return gradient @ values.T, fed, None, None, None


class _Whole(torch.autograd.Function):
    """Whole weights; the gradient passes where a weight is within -1 and 1."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, top: int, binary: bool) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.top = top
        return _whole(weight, top, binary)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return gradient * ctx.top * (weight.abs() <= 1), None, None


def _whole(weight: Tensor, top: int, binary: bool) -> Tensor:
    """Return signs, 1 for 0, or multiples of ``1 / top`` as whole numbers from -top to top."""
    if binary:
        return (weight >= 0).to(weight.dtype) * 2 - 1
    return (weight * top).round().clamp(-top, top)
