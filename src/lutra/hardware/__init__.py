"""Accelerators of vision transformers: in closed form, as SystemVerilog, and in simulation."""

from lutra.hardware._accelerator import Accelerator, ll_vit
from lutra.hardware._block import LANES, Block, Design, joined, write_design
from lutra.hardware._encoder import Stage, encoder_stages
from lutra.hardware._performance import Headroom, Performance, headroom, performance
from lutra.hardware._transformer import (
    accelerator_blocks,
    attention_blocks,
    mixer_blocks,
    model_clocks,
    write_accelerator,
)
from lutra.hardware._verify import AcceleratorRun, BlockRun, verify_accelerator, verify_blocks

__all__ = [
    "LANES",
    "Accelerator",
    "AcceleratorRun",
    "Block",
    "BlockRun",
    "Design",
    "Headroom",
    "Performance",
    "Stage",
    "accelerator_blocks",
    "attention_blocks",
    "encoder_stages",
    "headroom",
    "joined",
    "ll_vit",
    "mixer_blocks",
    "model_clocks",
    "performance",
    "verify_accelerator",
    "verify_blocks",
    "write_accelerator",
    "write_design",
]
