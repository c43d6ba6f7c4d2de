"""Accelerators of trained vision transformers: written, simulated, synthesised, for the record."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.hardware import (
    LANES,
    Accelerator,
    accelerator_blocks,
    ll_vit,
    performance,
    verify_accelerator,
    verify_blocks,
    write_accelerator,
)
from lutra.optimise import Say
from lutra.report import AcceleratorFigures, BlockArea, BlockClocks
from lutra.tools import synthesise_blocks
from lutra.vit import Cct, IntegerTransformer, Vit

__all__ = ["emit", "simulate", "synthesise"]

_BLOCK_IMAGES = 3
"""That each block alone is simulated with."""


def emit(model: IntegerTransformer, config: Vit | Cct, folder: Path) -> None:
    """Write the SystemVerilog of the accelerator that a recipe's model section describes."""
    write_accelerator(model, _accelerator(config), folder)


def simulate(
    model: IntegerTransformer,
    config: Vit | Cct,
    pixels: NDArray[np.integer],
    folder: Path,
    say: Say,
) -> AcceleratorFigures:
    """Simulate it block by block and as a whole; every code equals the integer model's.

    Parameters
    ----------
    model, config
        The integer model and the model section that it was trained by.
    pixels
        Raw images of the size that the model reads; as many as the section says are simulated.
    folder
        Where the SystemVerilog and the simulators go.
    say
        Is told what is done next.

    Raises
    ------
    VerifyError
        A code differs; the message names where.
    """
    accelerator, asked = _accelerator(config), config.accelerator
    write_accelerator(model, accelerator, folder)  # what cannot be written takes no simulation
    say("blocks == integer model in simulation")
    few = pixels[:_BLOCK_IMAGES]
    blocks = verify_blocks(model, accelerator, few, folder / "blocks")
    say(f"accelerator == integer model on {min(asked.images, len(pixels)):,} images")
    run = verify_accelerator(model, accelerator, pixels[: asked.images], folder)
    expected = performance(config, model.shape[1:], accelerator)
    return AcceleratorFigures(
        side=asked.side,
        sums_per_clock=asked.sums_per_clock,
        encoders_per_mixer=asked.encoders_per_mixer,
        clock_mhz=asked.clock,
        images=run.images,
        latency=run.latency,
        interval=run.interval,
        joule=expected.joule,
        weight_bits=sum(b.constant_bits for b in accelerator_blocks(model, accelerator)),
        clocks=tuple(
            BlockClocks(name=block.name, expected=block.expected, measured=block.measured)
            for block in blocks
        ),
    )


def synthesise(
    model: IntegerTransformer, config: Vit | Cct, folder: Path, say: Say
) -> tuple[BlockArea, ...]:
    """Map every part of the accelerator with Yosys for UltraScale+, each alone.

    Parameters
    ----------
    model, config
        As in `simulate`.
    folder
        Where the SystemVerilog and the netlists go.
    say
        Is told what is done next.

    Raises
    ------
    ToolError
        Yosys is missing or fails.
    """
    design = write_accelerator(model, _accelerator(config), folder, style="luts")
    found = []
    for block in accelerator_blocks(model, _accelerator(config)):
        say(f"synthesise {block.name} with Yosys")
        (area,) = synthesise_blocks(folder, design.files, [block.name], kept=LANES).values()
        figures = {key: getattr(area, key) for key in ("lut", "ff", "dsp", "block_rams")}
        found.append(BlockArea(name=block.name, **figures))
    return tuple(found)


def _accelerator(config: Vit | Cct) -> Accelerator:
    asked = config.accelerator
    return replace(
        ll_vit(asked.side),
        clock=asked.clock * 1e6,
        sums_per_clock=asked.sums_per_clock,
        encoders_per_mixer=asked.encoders_per_mixer,
    )
