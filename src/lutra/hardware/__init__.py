"""Accelerators in closed form: cycles, throughput and energy, without a tool being run."""

from lutra.hardware._accelerator import Accelerator, ll_vit
from lutra.hardware._encoder import Stage, encoder_stages
from lutra.hardware._performance import Headroom, Performance, headroom, performance

__all__ = [
    "Accelerator",
    "Headroom",
    "Performance",
    "Stage",
    "encoder_stages",
    "headroom",
    "ll_vit",
    "performance",
]
