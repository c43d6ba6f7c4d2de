"""An MLP as channel mixer on one systolic array: its program, constants and block."""

import numpy as np

from lutra.hardware._array import constant_pairs, weight_words
from lutra.hardware._block import Block, Memory
from lutra.hardware._program import Tile, address_bits, program
from lutra.hardware._rescale import common_shift, one_shift
from lutra.hardware._widths import signed_bits, sum_bits, unsigned_bits
from lutra.vit import GELU_BITS, exponential_bits, parts

__all__ = ["mlp_block", "mlp_program"]

_U, _D = range(2)
_A_X, _A_H = range(2)


def mlp_program(tokens: int, dim: int, hidden: int, side: int) -> list[Tile]:
    """Return the tiles of one image: up and down of every tile of tokens, down one tile later."""
    rows, wide, narrow = (-(-count // side) for count in (tokens, hidden, dim))
    tiles: list[Tile] = []
    for row in range(rows + 1):
        if row < rows:
            tiles += [
                Tile(
                    kind=_U,
                    a_from=_A_X,
                    a=0,
                    b_from=0,
                    b=column * dim,
                    depth=dim,
                    columns=min(side, hidden - column * side),
                    out=row % 2 * hidden + column * side,
                    constant=column * side,
                    begins=column == 0,
                    slot=row % 2,
                )
                for column in range(wide)
            ]
        if row:
            tiles += [
                Tile(
                    kind=_D,
                    a_from=_A_H,
                    a=(row - 1) % 2 * hidden,
                    b_from=0,
                    b=wide * dim + column * hidden,
                    depth=hidden,
                    columns=min(side, dim - column * side),
                    out=column * side,
                    constant=hidden + column * side,
                    claims=column == 0,
                    ends=column == narrow - 1,
                    wanted=True,
                    slot=(row - 1) % 2,
                )
                for column in range(narrow)
            ]
    return tiles


def mlp_block(name: str, mlp: parts.MlpChannelMixer, tokens: int, side: int) -> Block:
    """Return the block of an MLP and the residual that it is added to.

    It takes pairs of the stream (16 bits) and its normalised codes, and gives the stream. Nothing
    stalling it, an image takes as many clocks as `cycles` of `mlp_program` says, and those that
    GELU takes for its last tile of tokens, at most an eighth of the two products of a tile.

    Parameters
    ----------
    name
        Of the module.
    mlp
        Constants.
    tokens
        Of an image.
    side
        Processing elements per row and column.
    """
    hidden, dim = mlp.up.weight.shape
    tiles = mlp_program(tokens, dim, hidden, side)
    wide, narrow = (-(-count // side) for count in (hidden, dim))
    weights = np.concatenate(
        [weight_words(mlp.up.weight, wide, side), weight_words(mlp.down.weight, narrow, side)]
    )
    (up, down), shift = one_shift([(mlp.hidden, hidden), (mlp.added, dim)])
    bias = np.concatenate([mlp.up.bias, mlp.down.bias])
    columns = np.stack([np.concatenate([up, down]), bias.astype(object)], 1)
    multiplier_bits, bias_bits = unsigned_bits(columns[:, 0]), signed_bits(bias)
    gelu, gelu_shift, gelu_bits = common_shift(mlp.activated, hidden)
    fraction = exponential_bits(GELU_BITS, 2 * mlp.unit)
    address = address_bits(tiles, side, tokens, dim, 2 * hidden)
    return Block(
        name=name,
        module="lutra_mlp",
        parameters={
            "SIDE": side,
            "TOKENS": tokens,
            "DIM": dim,
            "HIDDEN": hidden,
            "GROUP": _group(side, wide * dim + narrow * hidden, hidden),
            "ADDRESS": address,
            "SUM_BITS": max(sum_bits(mlp.up.weight), sum_bits(mlp.down.weight)),
            "BIAS_BITS": bias_bits,
            "M_BITS": multiplier_bits,
            "SHIFT": shift,
            "HIDDEN_BITS": mlp.hidden.bits,
            "ADDED_BITS": mlp.added.bits,
            "UNIT": mlp.unit,
            "FRACTION": fraction,
            "E_BITS": (mlp.unit << fraction).bit_length(),
            "GELU_M_BITS": gelu_bits,
            "GELU_SHIFT": gelu_shift,
            "GELU_BITS": mlp.activated.bits,
            "WEIGHTS": len(weights),
            "COLUMNS": len(columns),
            "OPERATIONS": len(tiles),
        },
        memories={
            "PROGRAM": program(tiles, side, address),
            "WEIGHT": Memory(weights, 8),
            "COLUMN": constant_pairs(columns, multiplier_bits, bias_bits),
            "GELU": Memory(gelu[:, None], gelu_bits),
        },
        input_bits=24,
        output_bits=16,
    )


def _group(side: int, clocks: int, hidden: int) -> int:
    """Return how many lanes of GELU, a divisor, are done in an eighth of a tile's clocks."""
    divisors = [group for group in range(1, side + 1) if side % group == 0]
    return next((group for group in divisors if 8 * hidden * side <= clocks * group), side)
