"""Linear maps of windows of an image, or of vectors, and what follows them."""

from dataclasses import dataclass

import numpy as np

from lutra.hardware._block import Block, Memory
from lutra.hardware._rescale import common_shift
from lutra.hardware._widths import CODE_BITS, signed_bits, sum_bits
from lutra.vit import parts

__all__ = ["Image", "linear_blocks", "rescale_block"]


@dataclass(frozen=True)
class Image:
    """What a linear map reads in windows of ``side`` pixels at every ``step``-th."""

    planes: int
    height: int = 1
    width: int = 1
    side: int = 1
    step: int = 1
    border: int = 0
    """Pixels of zeros around it."""
    pixels: bool = False
    """Whether it arrives plane by plane, as unsigned pixels; else channel by channel."""


def linear_blocks(
    name: str,
    linear: parts.Linear,
    image: Image,
    *,
    lanes: int | None = None,
    together: int = 1,
    input_bits: int = CODE_BITS,
    output_bits: int | None = None,
    relu: bool = False,
) -> list[Block]:
    """Return blocks that map windows of images, a result per clock.

    A window takes ``ceil(outputs / lanes)`` passes of ``max(inputs / together, lanes + 1)`` clocks,
    since results leave one per clock.

    Parameters
    ----------
    name
        Their names begin with it.
    linear
        Inputs: plane, row, column of a window.
    image
        What the windows are cut from.
    lanes
        Outputs that are summed up side by side; all unless given.
    together
        Planes that are multiplied in one clock, by as many multipliers per lane; a divisor.
    input_bits
        Of the stream; codes are its lowest 8.
    output_bits
        As many as the results may take unless given.
    relu
        Whether negative results become 0.
    """
    outputs, inputs = linear.weight.shape
    width = min(lanes or outputs, outputs)
    passes = -(-outputs // width)
    # The hardware walks a window pixel by pixel, whose planes it has together.
    weight = linear.weight.reshape(outputs, image.planes, -1).swapaxes(1, 2).reshape(outputs, -1)
    bits = sum_bits(linear.weight)
    out = output_bits or sum_bits(linear.weight, linear.bias)
    weight_bits = signed_bits(weight)
    padded = np.pad(weight, ((0, passes * width - outputs), (0, 0)))
    grouped = padded.reshape(passes, width, -1, together).swapaxes(1, 2)
    windows = {
        "IN_BITS": input_bits,
        "UNSIGNED": int(image.pixels),
        "PLANAR": int(image.pixels),
        "PLANES": image.planes,
        "TOGETHER": together,
        "HEIGHT": image.height,
        "WIDTH": image.width,
        "SIDE": image.side,
        "STEP": image.step,
        "BORDER": image.border,
        "PASSES": passes,
    }
    matvec = {
        "INPUTS": inputs,
        "TOGETHER": together,
        "PASSES": passes,
        "LANES": width,
        "W_BITS": weight_bits,
        "ACC_BITS": bits,
    }
    serial = {"BITS": bits, "LANES": width, "OUTPUTS": outputs, "RELU": int(relu), "OUT_BITS": out}
    weights = {"WEIGHTS": Memory(grouped.reshape(-1, width * together), weight_bits)}
    biases = {"BIASES": Memory(linear.bias[:, None], out)}
    return [
        Block(f"{name}_windows", "lutra_windows", windows, {}, input_bits, together * CODE_BITS),
        Block(
            f"{name}_matvec", "lutra_matvec", matvec, weights, together * CODE_BITS, width * bits
        ),
        Block(f"{name}_serialise", "lutra_serialise", serial, biases, width * bits, out),
    ]


def rescale_block(
    name: str, rescale: parts.Rescale, channels: int, input_bits: int, output_bits: int
) -> Block:
    """Return a block that rescales codes, one per clock, channel by channel."""
    if rescale.multiplier.ndim == 0 or rescale.bits == 1:
        channels = 1
    multipliers, shift, width = common_shift(rescale, channels)
    parameters = {
        "IN_BITS": input_bits,
        "CHANNELS": channels,
        "M_BITS": width,
        "SHIFT": shift,
        "BITS": rescale.bits,
        "OUT_BITS": output_bits,
    }
    memories = {"MULTIPLIERS": Memory(multipliers[:, None], width)}
    return Block(name, "lutra_rescale", parameters, memories, input_bits, output_bits)
