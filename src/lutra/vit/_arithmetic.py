"""Integer-only arithmetic of I-ViT (arXiv 2207.01405), in numpy: no float anywhere.

Every function takes and gives int64 arrays; the last axis is that of channels or, for `shiftmax`,
of tokens.
"""

import numpy as np
from numpy.typing import NDArray

from lutra._kernels import native

__all__ = [
    "GELU_BITS",
    "GELU_SLOPE",
    "MULTIPLIER_BITS",
    "NORM_BITS",
    "SHIFTMAX_BITS",
    "SOFTMAX_BITS",
    "clamp",
    "exponential_bits",
    "isqrt",
    "layer_norm",
    "matmul",
    "requantise",
    "shift_gelu",
    "shiftmax",
]

MULTIPLIER_BITS = 31
"""Of a dyadic number's numerator."""
NORM_BITS = 30
"""A normalised value of 1 is ``2**NORM_BITS / sqrt(channels)``."""
SHIFTMAX_BITS, GELU_BITS = 15, 23
"""Fractional bits of an exponential, at most."""
SOFTMAX_BITS = 16
"""Of a probability, whose sign bit is 0."""
GELU_SLOPE = 1.702
"""``gelu(x)`` is about ``x * sigmoid(GELU_SLOPE * x)``."""

_TOP = (1 << 31) - 1
_SUM_BITS = 25
"""Of a sum of exponentials: seven for the quotient, and as many as can be for its summands."""

Codes = NDArray[np.int64]


def exponential_bits(bits: int, most: int) -> int:
    """Return how many fractional bits keep sums of ``most`` within 25 bits, at most ``bits``.

    I-ViT lets sums grow to 31 bits and saturate, which leaves the whole quotient ``2**31 / sum``
    few bits: of a ShiftGELU, up to a quarter of the greatest input was lost.
    """
    return max(1, min(bits, _SUM_BITS - most.bit_length()))


def clamp(q: Codes, bits: int) -> Codes:
    """Return codes saturated to so many bits; their signs, -1 or 1, where it is one."""
    if bits == 1:
        return np.where(q >= 0, 1, -1)
    return q.clip(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def requantise(q: Codes, multiplier: Codes, shift: Codes, bits: int) -> Codes:
    """Return ``q * multiplier / 2**shift``, rounded half up; see `clamp` for the bounds.

    ``multiplier`` and ``shift`` are scalars or have one number per channel.
    """
    if bits == 1:
        return clamp(q, 1)
    return clamp((q * multiplier + (1 << (shift - 1))) >> shift, bits)


def matmul(q: Codes, weight: Codes) -> Codes:
    """Return ``q @ weight.T`` over the last axis of both, whose factors and sums have 32 bits.

    ``weight`` has two axes, or as many as ``q``, whose leading ones then agree.
    """
    if native is None:
        return q @ weight.swapaxes(-1, -2)
    stacked = weight.ndim > 2
    rows = q.reshape(-1, *q.shape[-2:]) if stacked else q.reshape(1, -1, q.shape[-1])
    rows = np.ascontiguousarray(rows, np.int32)
    columns = weight.reshape(-1, *weight.shape[-2:]).swapaxes(1, 2)
    columns = np.ascontiguousarray(columns, np.int32)
    result = np.empty((len(rows), rows.shape[1], columns.shape[2]), np.int32)
    native.matmul(*(x.ctypes.data for x in (rows, columns, result)), *rows.shape, columns.shape[2])
    return result.reshape(*q.shape[:-1], -1).astype(np.int64)


def isqrt(q: Codes) -> Codes:
    """Return the whole part of square roots, bit by bit, of numbers below 2**62."""
    root, rest = np.zeros_like(q), q.copy()
    for bit in range(60, -1, -2):
        trial = root + (1 << bit)
        fits = rest >= trial
        rest -= np.where(fits, trial, 0)
        root = (root >> 1) + np.where(fits, 1 << bit, 0)
    return root


def layer_norm(q: Codes, multiplier: Codes, offset: Codes, shift: int, bits: int) -> Codes:
    """Normalise, then scale and shift every channel: I-LayerNorm, see `lutra.nn.vision.LayerNorm`.

    Parameters
    ----------
    q
        (..., channels).
    multiplier, offset
        (channels,); their unit is ``2**-shift`` output codes.
    shift, bits
        Of the result.
    """
    count = q.shape[-1]
    y = q - (2 * q.sum(-1, keepdims=True) + count) // (2 * count)
    root = np.maximum(1, isqrt((y * y).sum(-1, keepdims=True)))
    z = y * (_TOP // root) >> 1
    product = z * multiplier + offset
    return clamp(product, 1) if bits == 1 else clamp((product + (1 << (shift - 1))) >> shift, bits)


def shiftmax(q: Codes, unit: int) -> Codes:
    """Return softmax probabilities over the last axis, `SOFTMAX_BITS` bits each.

    ``unit`` is the code of 1.
    """
    bits = exponential_bits(SHIFTMAX_BITS, unit * q.shape[-1])
    exp = _exponential(q - q.max(-1, keepdims=True), unit, bits)
    return exp * (_TOP // exp.sum(-1, keepdims=True)) >> (32 - SOFTMAX_BITS)


def shift_gelu(q: Codes, unit: int) -> Codes:
    """Return ``q * sigmoid``, the sigmoid of `GELU_SLOPE` times q in units of 2**-7.

    ``unit`` is the code of 1, by the scale times `GELU_SLOPE`.
    """
    bits = exponential_bits(GELU_BITS, 2 * unit)
    most = np.maximum(0, q.max(-1, keepdims=True))
    exp = _exponential(q - most, unit, bits)
    return q * (exp * (_TOP // (exp + _exponential(-most, unit, bits))) >> 24)


def _exponential(q: Codes, unit: int, bits: int) -> Codes:
    """Return about ``2**bits * unit * exp(q / unit)`` for q up to 0.

    ``q (1 + 1/2 - 1/16)`` is about ``q log2(e)``; its whole part shifts, the rest is linear.
    """
    q = np.maximum(q + (q >> 1) - (q >> 4), -bits * unit)
    whole = -q // unit
    return ((q + unit * whole + 2 * unit) << (bits - whole)) >> 1
