"""LL-ViT's channel mixer (FPT 2025, arXiv 2511.00812): learned tables in the place of an MLP."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal
from lutra.nn._table_domain import operations
from lutra.nn._table_layer import TableLayer
from lutra.nn._wiring import balanced_wiring
from lutra.nn.functions import Direct
from lutra.nn.vision._range import Range
from lutra.nn.vision._values import Values, bounds, straight
from lutra.vit import STREAM_BITS, LutMixer

__all__ = ["LutChannelMixer"]

_COARSER = 3
"""Powers of two below the one that just holds a channel's greatest value, to choose from."""


class LutChannelMixer(nn.Module):
    """``y_c = x_c + sum_i b_i E[i, c]``, token by token; b are the bits of the last tables.

    Thermometer bits of every channel (``x >= t``, thresholds in ascending order) address the
    tables of the first layer, their bits those of the next. Tables train by finite differences,
    DWN's extended ones or plain ones, on the table-domain kernels. E is real while training in
    floating point; in integers it has few bits, in units of the residual stream's times a power of
    two per channel, so that one accumulator adds it all up and nothing is multiplied.

    Parameters
    ----------
    config
        Its shape.
    dim
        Channels.
    stream
        Range of the residual stream.
    name
        Of the layers, for reports and RTL.
    generator
        Source of wiring and tables.
    """

    def __init__(
        self,
        config: LutMixer,
        dim: int,
        stream: Range,
        name: str = "mixer",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.bits, self._stream = config.embedding_bits, (stream,)
        share = torch.arange(1, config.thresholds + 1) / (config.thresholds + 1)
        self.thresholds = nn.Parameter(
            torch.special.ndtri(share).repeat(dim, 1), requires_grad=config.learn_thresholds
        )
        self.levels: Tensor
        self.register_buffer("levels", torch.tensor([0.0, 1.0]), persistent=False)
        self.layers = nn.ModuleList()
        features = self.thresholds.numel()
        for number, tables in enumerate(config.tables):
            wires = balanced_wiring(tables, config.fan_in, features, generator)
            function = Direct(tables, config.fan_in, gradient=config.gradient, generator=generator)
            quantiser = Quantiser(1, signed=False, threshold=1.0)
            quantiser.threshold.requires_grad_(False)
            self.layers.append(
                TableLayer(wires, 1, function, quantiser, f"{name}_luts{number}", norm=False)
            )
            features = tables
        # Nothing at first: what tables say by chance would have to be unlearned again.
        self.embedding = nn.Parameter(torch.zeros(features, dim))
        self.wide = features > 255

    def forward(self, values: Values, residual: Values, kept: Tensor | None) -> Values:
        """Mix the channels of (batch, tokens, dim) and add them to the residual stream.

        ``kept`` are factors (batch, 1, 1) of the branch.
        """
        shape = values.x.shape
        bits = self.features(values).values
        if values.scale is None:
            branch = (bits.T @ self.embedding).view(shape)
            x = residual.x + (branch if kept is None else branch * kept)
            self._stream[0].observe(x)
            return Values(x)
        assert residual.scale is not None
        codes, shift = self.embedding_codes(residual.scale)
        whole = codes * 2.0**shift
        if self.wide:
            bits, whole = bits.double(), whole.double()
        total = residual.x + (bits.T @ whole).to(residual.x).view(shape)
        self._stream[0].observe(total.detach() * residual.scale.to(total))
        return Values(total.clamp(*bounds(STREAM_BITS)), residual.scale)

    def features(self, values: Values) -> Signal:
        """Return the bits of the last tables, feature-major: (tables, tokens of the batch)."""
        x = values.x.flatten(0, -2).float().T.contiguous()
        limits, unit = self.thresholds, 1.0
        if values.scale is not None:
            limits, unit = self.threshold_codes(values.scale).to(x), float(values.scale)
        carrier, codes = _Thermometer.apply(x, limits, self.thresholds, unit)  # pyright: ignore
        signal = Signal(codes, self.levels, 1, carrier)
        for layer in self.layers:
            signal = layer(signal)
        return signal

    def features_before(self) -> list[tuple[TableLayer, int]]:
        """Return every layer of tables, and how many bits it can read."""
        found, features = [], self.thresholds.numel()
        for layer in self.layers:
            assert isinstance(layer, TableLayer)
            found.append((layer, features))
            features = layer.neurons
        return found

    def threshold_codes(self, scale: Tensor) -> Tensor:
        """Return the least code that every bit is 1 at, (dim, thresholds), int64: ascending."""
        limits = (self.thresholds.detach().double().sort(1).values / scale).ceil()
        return limits.clamp(-128, 128).long()

    def embedding_codes(self, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Return E in whole numbers, with gradient, and each channel's power of two, int64.

        ``E = codes * 2**shift * scale``; of the powers that hold a channel's greatest value or
        saturate it a little, the one of the least square error.
        """
        units = self.embedding / scale.to(self.embedding)
        real, (least, most) = units.detach().double(), bounds(self.bits)
        fitting = torch.log2(real.abs().amax(0).clamp_min(1e-9) / most).ceil()
        highest = STREAM_BITS - 1 - (self.bits - 1)
        best = torch.full_like(fitting, torch.inf)
        shift = torch.zeros_like(fitting)
        for coarser in range(_COARSER):
            trial = (fitting - coarser).clamp(0, highest)
            quantised = (real / 2**trial).round().clamp(least, most) * 2**trial
            error = (quantised - real).square().sum(0)
            shift = torch.where(error < best, trial, shift)
            best = torch.minimum(error, best)
        step = 2.0**shift
        exact = (real / step).round().clamp(least, most)
        return straight(exact.to(units), units / step.to(units)), shift.long()

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep the thresholds of a channel in ascending order."""
        self.thresholds.copy_(self.thresholds.sort(1).values)


class _Thermometer(torch.autograd.Function):
    """Bits ``x >= limit``; their gradients reach x and the thresholds through a wider step."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, limits: Tensor, thresholds: Tensor, unit: float
    ) -> tuple[Tensor, Tensor]:
        ctx.run = operations(x)
        codes = ctx.run.thermometer(x, limits)
        ctx.save_for_backward(x, thresholds)
        ctx.unit = unit
        ctx.mark_non_differentiable(codes)
        return x.new_empty(()).expand(codes.shape), codes

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor, _codes: Tensor
    ) -> tuple[Tensor, None, Tensor, None]:
        x, thresholds = ctx.saved_tensors
        fed, moved = ctx.run.thermometer_backward(gradient, x, thresholds, ctx.unit)
        return fed, None, moved, None
