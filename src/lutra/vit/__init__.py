"""Integer-only vision transformers: their shapes, and (without torch) what they compute."""

from lutra.vit import _parts as parts
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
from lutra.vit._file import load_integer, save_integer
from lutra.vit._integer import PIXEL_ZERO, IntegerEncoder, IntegerTransformer
from lutra.vit._parts import STREAM_BITS

__all__ = [
    "GELU_BITS",
    "GELU_SLOPE",
    "MULTIPLIER_BITS",
    "NORM_BITS",
    "PIXEL_ZERO",
    "SHIFTMAX_BITS",
    "SOFTMAX_BITS",
    "STREAM_BITS",
    "Cct",
    "IntegerEncoder",
    "IntegerTransformer",
    "LutMixer",
    "MlpMixer",
    "Precision",
    "Transformer",
    "Vit",
    "exponential_bits",
    "load_integer",
    "parts",
    "save_integer",
]
