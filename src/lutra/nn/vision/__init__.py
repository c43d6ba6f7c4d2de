"""Vision transformers whose channel mixers are MLPs or learned tables."""

from lutra.nn.vision._deit import load_deit
from lutra.nn.vision._freeze import freeze
from lutra.nn.vision._lut_mixer import LutChannelMixer
from lutra.nn.vision._lut_nn import CentroidLinear
from lutra.nn.vision._mlp_mixer import MlpChannelMixer
from lutra.nn.vision._model import VisionTransformer
from lutra.nn.vision._piecewise_affine import PiecewiseAffineLinear, piecewise_affine_product
from lutra.nn.vision._range import Range

__all__ = [
    "CentroidLinear",
    "LutChannelMixer",
    "MlpChannelMixer",
    "PiecewiseAffineLinear",
    "Range",
    "VisionTransformer",
    "freeze",
    "load_deit",
    "piecewise_affine_product",
]
