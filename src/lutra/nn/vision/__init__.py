"""Vision transformers whose channel mixers are MLPs or learned tables."""

from lutra.nn.vision._freeze import freeze
from lutra.nn.vision._lut_mixer import LutChannelMixer
from lutra.nn.vision._mlp_mixer import MlpChannelMixer
from lutra.nn.vision._model import VisionTransformer

__all__ = ["LutChannelMixer", "MlpChannelMixer", "VisionTransformer", "freeze"]
