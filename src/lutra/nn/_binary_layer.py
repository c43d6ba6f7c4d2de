"""Neurons of binary weights: sums of signed codes against thresholds, as a binarised network."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.circuit import Builder, Code, Encode, Sum, Words
from lutra.nn._norm import BatchNorm
from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal

__all__ = ["BinaryLayer"]


class BinaryLayer(nn.Module):
    """``y = Q(BN(sign(W) x))``, every neuron reading every input (FINN, FPGA 2017, 1612.07119).

    Codes are whole numbers, so that a sum is exact; norm and quantiser become thresholds on it.
    The gradient of a weight passes its sign while the weight is within -1 and 1.

    Parameters
    ----------
    features, neurons
        Inputs and neurons.
    quantiser
        Of the output; None leaves the sums whole, as class scores.
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
        name: str = "",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.features, self.neurons, self.name = features, neurons, name
        weight = torch.empty(neurons, features).uniform_(-0.1, 0.1, generator=generator)
        self.sign_weight = nn.Parameter(weight)
        self.quantiser = quantiser
        self.norm = None
        if quantiser is not None:
            self.norm = BatchNorm(neurons)
            nn.init.constant_(self.norm.bias, quantiser.middle)  # codes begin evenly used

    def forward(self, x: Signal) -> Signal:
        """Add up, normalise, quantise."""
        low, step = self._grid(x.levels)
        carrier = x.codes.new_zeros((), dtype=step.dtype) if x.carrier is None else x.carrier
        total = _Product.apply(self.sign_weight, carrier, x.codes, low, step)
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
        self.sign_weight.clamp_(-1, 1)

    @torch.no_grad()
    def lower(self, builder: Builder, words: Words, levels: Tensor) -> tuple[Words, Tensor]:
        """Append sums and thresholds to a circuit; return the codes and their real values."""
        low, step = self._grid(levels)
        sign = _sign(self.sign_weight).cpu().numpy().astype(np.int64)
        if self.quantiser is None:
            least, bits = self._scores(low, len(levels))
            bias = round(2 * float(low)) * sign.sum(1) - least
            sums = self._sum(builder, words, 2 * sign, bias, Code(bits, least, float(step) / 2))
            return sums, self._score_levels(least, bits, step)
        least = -self.features * (len(levels) - 1)
        bits = (-2 * least).bit_length()
        bias = np.full(self.neurons, -least)
        sums = self._sum(builder, words, sign, bias, Code(bits, least, float(step)))
        grid = torch.arange(1 << bits, device=levels.device, dtype=step.dtype) + least
        total = (grid + low * _sign(self.sign_weight).sum(1, keepdim=True)) * step
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
        reach = self.features * round(2 * max(abs(float(low)), abs(float(low) + codes - 1)))
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
    """``sign(W) @ x`` by whole numbers: exact whatever the order of the additions."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, carrier: Tensor, codes: Tensor, low: Tensor, step: Tensor
    ) -> Tensor:
        whole, sign = codes.to(step.dtype), _sign(weight)
        ctx.save_for_backward(weight, (whole + low) * step)
        ctx.fed = carrier.dim() > 0
        return (sign @ whole + low * sign.sum(1, keepdim=True)) * step

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        weight, values = ctx.saved_tensors
        theirs = (gradient @ values.T) * (weight.abs() <= 1)
        return theirs, _sign(weight).T @ gradient if ctx.fed else None, None, None, None


def _sign(weight: Tensor) -> Tensor:
    """Return 1 where a weight is 0 or more, else -1."""
    return (weight >= 0).to(weight.dtype) * 2 - 1
