"""Integer-only vision transformers: their shapes, and (without torch) what they compute."""

from lutra.vit import _parts as parts
from lutra.vit._arithmetic import (
    GELU_BITS,
    GELU_SLOPE,
    MULTIPLIER_BITS,
    NORM_BITS,
    SHIFTMAX_BITS,
    SOFTMAX_BITS,
    clamp,
    exponential_bits,
)
from lutra.vit._check import check, check_size
from lutra.vit._config import Cct, LutMixer, MlpMixer, Precision, Transformer, Vit
from lutra.vit._counts import count, hidden_width, token_count
from lutra.vit._file import load_integer, save_integer
from lutra.vit._integer import (
    PIXEL_ZERO,
    IntegerEncoder,
    IntegerTransformer,
    samples_at_once,
)
from lutra.vit._layer_count import Block, LayerCount, Operations, total
from lutra.vit._parts import STREAM_BITS
from lutra.vit._published import (
    PAPER_MIXER,
    TEXT_MIXER,
    cct_2_3x2,
    cct_7_3x1,
    cct_7_3x2,
    deit_tiny,
)

__all__ = [
    "GELU_BITS",
    "GELU_SLOPE",
    "MULTIPLIER_BITS",
    "NORM_BITS",
    "PAPER_MIXER",
    "PIXEL_ZERO",
    "SHIFTMAX_BITS",
    "SOFTMAX_BITS",
    "STREAM_BITS",
    "TEXT_MIXER",
    "Block",
    "Cct",
    "IntegerEncoder",
    "IntegerTransformer",
    "LayerCount",
    "LutMixer",
    "MlpMixer",
    "Operations",
    "Precision",
    "Transformer",
    "Vit",
    "cct_2_3x2",
    "cct_7_3x1",
    "cct_7_3x2",
    "check",
    "check_size",
    "clamp",
    "count",
    "deit_tiny",
    "exponential_bits",
    "hidden_width",
    "load_integer",
    "parts",
    "samples_at_once",
    "save_integer",
    "token_count",
    "total",
]
