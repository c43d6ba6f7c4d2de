"""The integer-only reference: what the hardware computes, in numpy, without a float."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.vit._arithmetic import Codes, clamp
from lutra.vit._parts import (
    STREAM_BITS,
    Attention,
    Convolution,
    Linear,
    LutChannelMixer,
    MlpChannelMixer,
    Norm,
    Patches,
    Pooling,
    Rescale,
)

__all__ = ["PIXEL_ZERO", "IntegerEncoder", "IntegerTransformer", "samples_at_once"]

PIXEL_ZERO = 128
"""The pixel value that is code 0."""
_GREATEST = 255
_AT_ONCE = 64
_MOST_SCORES = 1 << 26
"""Of attention at once, in one array."""


def samples_at_once(heads: int, tokens: int, most: int = _AT_ONCE) -> int:
    """Return how many images to map at once, so that intermediate codes fit the memory."""
    return max(1, min(most, _MOST_SCORES // (heads * tokens**2)))


@dataclass(frozen=True, eq=False)
class IntegerEncoder:
    """An encoder: attention, then a channel mixer."""

    norm1: Norm
    attention: Attention
    added: Rescale
    """Of attention to the residual stream."""
    norm2: Norm
    mixer_input: Rescale | None
    """Where ``norm2`` makes the residual stream anew, as in a CCT; else None."""
    mixer: MlpChannelMixer | LutChannelMixer

    def __call__(self, stream: Codes) -> Codes:
        """Map the residual stream (samples, tokens, dim)."""
        branch = self.added(self.attention(self.norm1(stream)))
        stream = clamp(stream + branch, STREAM_BITS)
        normal = self.norm2(stream)
        if self.mixer_input is not None:
            stream, normal = normal, self.mixer_input(normal)
        return self.mixer(normal, stream)


@dataclass(frozen=True, eq=False)
class IntegerTransformer:
    """A trained vision transformer in whole numbers alone.

    It says the same, bit for bit, as `lutra.nn.vision.VisionTransformer` in its integer mode,
    which `lutra.nn.vision.freeze` makes it from.
    """

    shape: tuple[int, int, int]
    """(planes, height, width) of the images, as they are read; 8 bits per pixel."""
    tokenizer: tuple[Convolution, ...] | Patches
    embedded: Rescale
    """Of tokens to the residual stream."""
    positions: Codes
    """(tokens, dim), in its unit; the class token is part of its position."""
    encoders: tuple[IntegerEncoder, ...]
    norm: Norm
    pooling: Pooling | None
    """None where the first token, the class token, is classified."""
    head: Linear

    def scores(self, raw: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return class scores of raw pixels (samples, planes * height * width).

        Raises
        ------
        ValueError
            A wrong shape or type, or a pixel that 8 bits cannot hold.
        """
        pixels = math.prod(self.shape)
        if raw.dtype.kind not in "iu":
            raise ValueError(f"images are {raw.dtype}; expected whole pixels")
        if raw.ndim != 2 or raw.shape[1] != pixels:
            planes, height, width = self.shape
            raise ValueError(
                f"images of shape {raw.shape}; expected (samples, {pixels}), {planes} planes of "
                f"{height} x {width} pixels"
            )
        if raw.size and (raw.min() < 0 or raw.max() > _GREATEST):
            raise ValueError(f"a pixel lies outside 0..{_GREATEST}")
        heads = max((encoder.attention.heads for encoder in self.encoders), default=1)
        rows = samples_at_once(heads, len(self.positions))
        parts = [self._scores(raw[i : i + rows]) for i in range(0, len(raw), rows)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.head.weight)), np.int64)

    def _scores(self, raw: NDArray[np.integer]) -> NDArray[np.int64]:
        stream = self.embed(raw)
        for encoder in self.encoders:
            stream = encoder(stream)
        if self.pooling is None:
            return self.head(self.norm(stream[:, 0]))
        return self.head(self.pooling(self.norm(stream)))

    def embed(self, raw: NDArray[np.integer]) -> Codes:
        """Return the residual stream in front of the first encoder, (samples, tokens, dim)."""
        pixels = raw.reshape(-1, *self.shape).astype(np.int64) - PIXEL_ZERO
        if isinstance(self.tokenizer, Patches):
            tokens = self.tokenizer(pixels)
        else:
            for convolution in self.tokenizer:
                pixels = convolution(pixels)
            tokens = np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), 1, 2)
        tokens = self.embedded(tokens)
        stream = np.broadcast_to(self.positions, (len(tokens), *self.positions.shape)).copy()
        stream[:, len(self.positions) - tokens.shape[1] :] += tokens
        return clamp(stream, STREAM_BITS)
