"""Integer transformer == its accelerator in simulation, and how many clocks that takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.errors import VerifyError
from lutra.hardware._accelerator import Accelerator
from lutra.hardware._block import Block, Design, write_design
from lutra.hardware._transformer import (
    accelerator_blocks,
    attention_blocks,
    mixer_blocks,
    model_clocks,
    write_accelerator,
)
from lutra.tools import StreamSimulator, build_stream
from lutra.vit import STREAM_BITS, IntegerTransformer, clamp

__all__ = ["AcceleratorRun", "BlockRun", "verify_accelerator", "verify_blocks"]


@dataclass(frozen=True)
class BlockRun:
    """A block alone, between the streams that it has in the accelerator."""

    name: str
    images: int
    codes: int
    """That were compared."""
    expected: int
    """Clocks per image by the closed form."""
    measured: int
    """Clocks from image to image, with nothing stalling it."""


@dataclass(frozen=True)
class AcceleratorRun:
    """A whole accelerator, from pixels to class scores."""

    images: int
    latency: int
    """Clocks from the first pixel of an image to its last score, the accelerator being empty."""
    interval: int
    """Clocks from image to image."""


def verify_accelerator(
    model: IntegerTransformer,
    accelerator: Accelerator,
    pixels: NDArray[np.integer],
    folder: Path,
    pauses: tuple[int, int] = (0, 0),
    timeout: float = 7200,
) -> AcceleratorRun:
    """Write an accelerator, simulate it, and compare every score of every image.

    Parameters
    ----------
    model
        The reference.
    accelerator
        What to build.
    pixels
        Raw images, two or more. Shape (images, planes * height * width).
    folder
        Where the SystemVerilog and the simulator go.
    pauses
        Per cent of clocks in which the sender and the receiver pause.
    timeout
        Seconds for each step.

    Raises
    ------
    VerifyError
        A score differs; the message names image and class.
    ToolError
        A tool is missing or fails, or the accelerator deadlocks.
    """
    design = write_accelerator(model, accelerator, folder)
    expected = model.scores(pixels)
    found = _simulator(design, timeout).run(
        pixels.astype(np.int64).reshape(-1), expected.size, pauses=pauses, timeout=timeout
    )
    scores = found.words.reshape(expected.shape)
    _compare(f"{folder}: model and accelerator", expected, scores)
    left = found.left.reshape(expected.shape)
    return AcceleratorRun(
        len(pixels), int(left[0, -1] - found.entered[0]) + 1, int(np.diff(left[:, 0])[-1])
    )


def verify_blocks(
    model: IntegerTransformer,
    accelerator: Accelerator,
    pixels: NDArray[np.integer],
    folder: Path,
    timeout: float = 7200,
) -> tuple[BlockRun, ...]:
    """Do the same for every block alone, fed by what the one before it gives in the reference.

    Blocks that several encoders share are left out.

    Raises
    ------
    VerifyError, ToolError
        As `verify_accelerator`.
    """
    clocks = model_clocks(model, accelerator)
    runs = []
    for name, blocks, given, expected in _halves(model, accelerator, pixels):
        design = write_design(blocks, folder / name)
        found = _simulator(design, timeout).run(given.reshape(-1), expected.size, timeout=timeout)
        _compare(f"{folder / name}: model and block", expected, found.words.reshape(expected.shape))
        first = found.left.reshape(len(pixels), -1)[:, 0]
        interval = int(np.diff(first)[-1])
        runs.append(BlockRun(name, len(pixels), expected.size, clocks[name], interval))
    return tuple(runs)


def _halves(
    model: IntegerTransformer, accelerator: Accelerator, pixels: NDArray[np.integer]
) -> Iterator[tuple[str, Sequence[Block], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the name, blocks, input and output of every part of an accelerator."""
    blocks = accelerator_blocks(model, accelerator)
    tokens = len(model.positions)
    stream = model.embed(pixels)
    yield "tokenizer", blocks[:1], pixels.astype(np.int64), stream
    for i, encoder in enumerate(model.encoders):
        branch = encoder.added(encoder.attention(encoder.norm1(stream)))
        middle = clamp(stream + branch, STREAM_BITS)
        name = f"encoder{i}"
        half = attention_blocks(name, encoder, tokens, accelerator.side)
        yield f"{name}_attention", half, stream, middle
        stream = encoder(stream)
        if accelerator.encoders_per_mixer == 1:
            half = mixer_blocks(name, [encoder], tokens, accelerator)
            yield f"{name}_mixer", half, middle, stream
    yield "classifier", blocks[-1:], stream, model.scores(pixels)


def _simulator(design: Design, timeout: float) -> StreamSimulator:
    return build_stream(
        design.folder,
        design.top,
        design.files,
        design.input_bits,
        design.output_bits,
        optimise=True,
        timeout=timeout,
    )


def _compare(what: str, expected: NDArray[np.int64], found: NDArray[np.int64]) -> None:
    wrong = np.argwhere(expected != found)
    if len(wrong):
        at = tuple(int(i) for i in wrong[0])
        raise VerifyError(
            f"{what} differ in {len(wrong):,} of {expected.size:,} codes, first at image {at[0]}, "
            f"place {at[1:]}: {expected[at]} and {found[at]}"
        )
