"""Integer-only vision transformers: their shapes, and (without torch) what they compute."""

from lutra.vit._config import Cct, LutMixer, MlpMixer, Precision, Transformer, Vit

__all__ = ["Cct", "LutMixer", "MlpMixer", "Precision", "Transformer", "Vit"]
