"""Integer-only vision transformers: their shapes, and (without torch) what they compute."""

from lutra.vit._arithmetic import (
    GELU_BITS,
    GELU_SLOPE,
    MULTIPLIER_BITS,
    NORM_BITS,
    SHIFTMAX_BITS,
    SOFTMAX_BITS,
    exponential_bits,
)
from lutra.vit._config import Cct, LutMixer, MlpMixer, Precision, Transformer, Vit

__all__ = [
    "GELU_BITS",
    "GELU_SLOPE",
    "MULTIPLIER_BITS",
    "NORM_BITS",
    "SHIFTMAX_BITS",
    "SOFTMAX_BITS",
    "Cct",
    "LutMixer",
    "MlpMixer",
    "Precision",
    "Transformer",
    "Vit",
    "exponential_bits",
]
