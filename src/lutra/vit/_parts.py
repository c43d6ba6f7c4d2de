"""The operations of an integer-only vision transformer, each with its constants."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.vit._arithmetic import (
    Codes,
    clamp,
    layer_norm,
    matmul,
    requantise,
    shift_gelu,
    shiftmax,
)

__all__ = [
    "STREAM_BITS",
    "Attention",
    "Convolution",
    "Linear",
    "LutChannelMixer",
    "MlpChannelMixer",
    "Norm",
    "Patches",
    "Pooling",
    "Rescale",
    "Tables",
]

STREAM_BITS = 16
"""Of the residual stream."""


@dataclass(frozen=True, eq=False)
class Rescale:
    """Codes of one scale to ``bits`` bits of another, see `requantise`."""

    multiplier: Codes
    """A scalar (), or one per channel."""
    shift: Codes
    bits: int

    def __call__(self, q: Codes) -> Codes:
        """Map codes of any shape."""
        return requantise(q, self.multiplier, self.shift, self.bits)


@dataclass(frozen=True, eq=False)
class Linear:
    """``W q + b``, on the last axis."""

    weight: Codes
    """(outputs, inputs)."""
    bias: Codes
    """(outputs,)."""

    def __call__(self, q: Codes) -> Codes:
        """Map (..., inputs) to (..., outputs)."""
        return matmul(q, self.weight) + self.bias


@dataclass(frozen=True, eq=False)
class Norm:
    """I-LayerNorm, see `layer_norm`."""

    multiplier: Codes
    """(channels,), as the offset."""
    offset: Codes
    shift: int
    bits: int

    def __call__(self, q: Codes) -> Codes:
        """Normalise the last axis."""
        return layer_norm(q, self.multiplier, self.offset, self.shift, self.bits)


@dataclass(frozen=True, eq=False)
class Attention:
    """Multi-head self-attention."""

    heads: int
    qkv: Linear
    """Outputs: Q of every head, then K, then V."""
    qkv_codes: Rescale
    scores: Rescale
    unit: int
    """Code of 1 in front of Shiftmax."""
    mixed: Rescale
    projection: Linear

    def __call__(self, q: Codes) -> Codes:
        """Mix tokens (samples, tokens, dim); the result is not yet requantised."""
        samples, tokens, dim = q.shape
        split = self.qkv_codes(self.qkv(q)).reshape(samples, tokens, 3, self.heads, -1)
        query, key, value = split.transpose(2, 0, 3, 1, 4)
        p = shiftmax(self.scores(matmul(query, key)), self.unit)
        mixed = matmul(p, value.swapaxes(2, 3))
        return self.projection(
            self.mixed(mixed.transpose(0, 2, 1, 3).reshape(samples, tokens, dim))
        )


@dataclass(frozen=True, eq=False)
class MlpChannelMixer:
    """``stream + W2 gelu(W1 q + b1) + b2``."""

    up: Linear
    hidden: Rescale
    unit: int
    """Code of 1 in front of ShiftGELU, by `GELU_SLOPE`."""
    activated: Rescale
    down: Linear
    added: Rescale

    def __call__(self, q: Codes, stream: Codes) -> Codes:
        """Mix the channels of (..., dim) and add them to the residual stream."""
        hidden = self.activated(shift_gelu(self.hidden(self.up(q)), self.unit))
        return clamp(self.added(self.down(hidden)) + stream, STREAM_BITS)


@dataclass(frozen=True, eq=False)
class Tables:
    """A layer of tables of single bits."""

    wires: Codes
    """Bit that each input reads, the lowest address bit first: (tables, fan-in)."""
    table: NDArray[np.int64]
    """Output bit of every address: (tables, 2**fan-in)."""

    def __call__(self, bits: Codes) -> Codes:
        """Map bits (rows, bits) to (rows, tables)."""
        address = np.zeros((len(bits), len(self.wires)), np.int64)
        for digit, wires in enumerate(self.wires.T):
            address |= bits[:, wires] << digit
        return self.table[np.arange(len(self.wires)), address]


@dataclass(frozen=True, eq=False)
class LutChannelMixer:
    """LL-ViT's mixer: ``stream_c + sum_i b_i (E[i, c] << shift_c)``, nothing multiplied."""

    thresholds: Codes
    """Least code of every thermometer bit, (dim, T)."""
    layers: tuple[Tables, ...]
    embedding: Codes
    """E, (tables of the last layer, dim)."""
    shift: Codes
    """(dim,)."""

    def __call__(self, q: Codes, stream: Codes) -> Codes:
        """Mix the channels of (..., dim) and add them to the residual stream."""
        dim = q.shape[-1]
        bits = (q.reshape(-1, dim, 1) >= self.thresholds).astype(np.int64).reshape(-1, self.bits)
        for layer in self.layers:
            bits = layer(bits)
        added = matmul(bits, self.embedding.T) << self.shift
        return clamp(stream + added.reshape(q.shape), STREAM_BITS)

    @property
    def bits(self) -> int:
        """Thermometer bits."""
        return self.thresholds.size


@dataclass(frozen=True, eq=False)
class Patches:
    """One token per square of pixels."""

    side: int
    projection: Linear
    """Inputs: plane, row, column of a patch."""

    def __call__(self, pixels: Codes) -> Codes:
        """Map (samples, planes, height, width) to (samples, tokens, dim), not yet requantised."""
        samples, planes, height, width = pixels.shape
        side = self.side
        grid = pixels.reshape(samples, planes, height // side, side, width // side, side)
        rows = grid.transpose(0, 2, 4, 1, 3, 5).reshape(samples, -1, planes * side * side)
        return self.projection(rows)


@dataclass(frozen=True, eq=False)
class Convolution:
    """3 x 3 pixels with a border of zeros, ReLU, the maximum of 3 x 3 at every second pixel."""

    before: Rescale | None
    """None where it reads pixels."""
    kernel: Linear
    """Inputs: plane, row, column of a window."""

    def __call__(self, q: Codes) -> Codes:
        """Map (samples, planes, height, width) to (samples, channels, about half of either)."""
        if self.before is not None:
            q = np.moveaxis(self.before(np.moveaxis(q, 1, -1)), -1, 1)
        samples, planes, height, width = q.shape
        padded = np.pad(q, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
        rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(samples, height, width, planes * 9)
        found = np.maximum(0, np.moveaxis(self.kernel(rows), -1, 1))
        padded = np.pad(found, ((0, 0), (0, 0), (1, 1), (1, 1)))  # 0 is the least there is
        views = [padded[:, :, y : y + height : 2, x : x + width : 2] for y, x in np.ndindex(3, 3)]
        return np.maximum.reduce(views)


@dataclass(frozen=True, eq=False)
class Pooling:
    """The mean of the tokens by attention."""

    importance: Linear
    scores: Rescale
    unit: int
    """Code of 1 in front of Shiftmax."""
    pooled: Rescale

    def __call__(self, q: Codes) -> Codes:
        """Map (samples, tokens, dim) to (samples, dim)."""
        scores = self.scores(self.importance(q)).swapaxes(1, 2)
        p = shiftmax(scores, self.unit)
        return self.pooled(matmul(p, q.swapaxes(1, 2))[:, 0])
