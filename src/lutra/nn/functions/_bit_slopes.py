"""How a table of single bits sends gradients back to its address bits: by its other entries."""

from typing import Literal

import torch
from torch import Tensor

__all__ = ["BitGradient", "bit_slopes"]

BitGradient = Literal["difference", "extended", "extended-linear"]
"""Which entries say what an address bit is worth, see `bit_slopes`."""


def bit_slopes(table: Tensor, gradient: BitGradient, softness: float = 0.75) -> Tensor:
    """Return how much each table value would change with each address bit. Shape (n, E, F).

    ``difference``: the entry with the bit set less the one without: DWN's baseline, and the
    derivative of the table's multilinear extension at its corners (DiffLogicNet and after).

    ``extended``: the extended finite difference of DWN's released code, all pairs of entries with
    weights that fall with their distance from the address: half the derivative of the multilinear
    extension where every address bit has its value with probability ``softness`` (0.75 as
    released; 1 is half of ``difference``).

    ``extended-linear``: the published form (arXiv 2410.11112, section 3.2), where a pair at Hamming
    distance d in the other bits weighs ``1 / (d + 1)``.

    Parameters
    ----------
    table
        Values (n, E), E = 2**F.
    """
    bits = table.shape[1].bit_length() - 1
    cube = table.view(len(table), *[2] * bits)  # the last axis is address bit 0
    axes = [bits - bit for bit in range(bits)]
    if gradient == "extended-linear":
        weights = 1 / (torch.arange(bits, dtype=table.dtype, device=table.device) + 1)
        parts = [_by_distance(_difference(cube, axis), axes, axis, weights) for axis in axes]
    else:
        keep = softness if gradient == "extended" else 1.0
        parts = [_difference(cube, axis) * (0.5 if gradient == "extended" else 1) for axis in axes]
        if keep < 1:
            for number, axis in enumerate(axes):
                for other in axes:
                    if other != axis:
                        parts[number] = _mix(parts[number], other, keep)
    return torch.stack([part.reshape(table.shape) for part in parts], 2)


def _difference(cube: Tensor, axis: int) -> Tensor:
    """Return upper less lower half along an axis, at both places."""
    lower, upper = cube.chunk(2, axis)
    return (upper - lower).expand(cube.shape)


def _mix(cube: Tensor, axis: int, keep: float) -> Tensor:
    """Return ``keep`` of each value and the rest of its neighbour's along an axis."""
    return keep * cube + (1 - keep) * cube.flip(axis)


def _by_distance(cube: Tensor, axes: list[int], own: int, weights: Tensor) -> Tensor:
    """Return sums over all corners of the other axes, weighted by Hamming distance."""
    rings = [cube]  # rings[d]: sum of the values at distance d over the axes so far
    for axis in axes:
        if axis == own:
            continue
        moved = [ring.flip(axis) for ring in rings]
        none = torch.zeros_like(cube)
        rings = [a + b for a, b in zip([*rings, none], [none, *moved], strict=True)]
    return torch.stack([w * ring for w, ring in zip(weights, rings, strict=True)]).sum(0)
