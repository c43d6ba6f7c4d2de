"""How a table of single bits sends gradients back to its address bits: by its other entries."""

from typing import Literal

import torch
from torch import Tensor

__all__ = ["BitGradient", "bit_mixing"]

BitGradient = Literal["difference", "extended", "extended-linear"]
"""Which pairs of entries say what an address bit is worth, see `bit_mixing`."""


def bit_mixing(bits: int, gradient: BitGradient, softness: float = 0.75) -> Tensor:
    """Return the matrix W, (E, E) float64, by which slopes are differences of neighbouring entries.

    The slope of a table T by bit f at address a is a sum over all pairs of entries that differ in
    bit f alone, upper less lower, weighted by the Hamming distance d of the pair from a in the
    other bits. It equals what ``T @ W`` holds at a with bit f set, less what it holds with bit f
    clear: W falls, from one distance to the next, by the weight. E = 2**bits.

    ``difference``: the entry's own pair. DWN's baseline, and the derivative of the table's
    multilinear extension at its corners (DiffLogicNet and after).

    ``extended``: the extended finite difference of DWN's released code: half the derivative of
    the multilinear extension where every address bit has its value with probability ``softness``
    (0.75 as released; 1 is half of ``difference``).

    ``extended-linear``: the published form (arXiv 2410.11112, section 3.2), ``1 / (d + 1)``.
    """
    distance = torch.arange(bits, dtype=torch.float64)
    if gradient == "difference":
        pair = (distance == 0).double()
    elif gradient == "extended":
        pair = 0.5 * softness ** (bits - 1 - distance) * (1 - softness) ** distance
    else:
        pair = 1 / (distance + 1)
    weight = torch.cat([pair.flip(0).cumsum(0).flip(0), torch.zeros(1).double()])
    entry = torch.arange(1 << bits)
    apart = entry[:, None] ^ entry
    return weight[sum(apart >> bit & 1 for bit in range(bits))]
