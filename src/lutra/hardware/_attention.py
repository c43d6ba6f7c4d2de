"""Multi-head attention on one systolic array: its program, constants and block."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lutra.hardware._array import constant_pairs, padded, weight_words
from lutra.hardware._block import Block, Memory
from lutra.hardware._program import Tile, address_bits, program
from lutra.hardware._rescale import one_shift
from lutra.hardware._widths import CODE_BITS, signed_bits, sum_bits, unsigned_bits
from lutra.vit import SHIFTMAX_BITS, SOFTMAX_BITS, exponential_bits, parts

__all__ = ["attention_block", "attention_program"]

_K, _Q, _V, _S, _M, _O = range(6)
_A_X, _A_Q, _A_E, _A_W = range(4)
_B_W, _B_X, _B_K, _B_V = range(4)


@dataclass(frozen=True)
class _Shape:
    """Tiles of an attention on an array."""

    side: int
    tokens: int
    dim: int
    heads: int

    @property
    def width(self) -> int:
        return self.dim // self.heads

    @property
    def rows(self) -> int:
        """Tiles of tokens."""
        return -(-self.tokens // self.side)

    @property
    def columns(self) -> int:
        """Tiles of channels."""
        return -(-self.dim // self.side)

    @property
    def values(self) -> int:
        """Tiles of channels of one head."""
        return -(-self.width // self.side)

    def channels(self, tile: int) -> int:
        """Return the channels in a tile of all heads."""
        return min(self.side, self.dim - tile * self.side)

    def product(self, row: int, column: int, weights: int, **more: Any) -> Tile:
        """Return the tile of so many tokens and output channels, by weights from ``weights`` on."""
        return Tile(
            a=row * self.dim,
            b_from=_B_W,
            b=weights + column * self.dim,
            depth=self.dim,
            columns=self.channels(column),
            out=row * self.dim + column * self.side,
            **more,
        )


def attention_program(tokens: int, dim: int, heads: int, side: int) -> list[Tile]:
    """Return the tiles of one image.

    K, then Q, then V, of all tokens. Scores of a tile of queries and a head are followed by the
    values of the one before, whose softmax is ready by then. The projection is last.
    """
    shape = _Shape(side, tokens, dim, heads)
    tiles: list[Tile] = []
    weights = 0
    for kind in (_K, _Q):
        for row in range(shape.rows):
            for column in range(shape.columns):
                constant, begins = kind * dim + column * side, not tiles
                tiles.append(
                    shape.product(
                        row,
                        column,
                        weights,
                        kind=kind,
                        a_from=_A_X,
                        constant=constant,
                        begins=begins,
                    )
                )
        weights += shape.columns * dim
    queries = len(tiles) - 1
    for row in range(shape.rows):
        for tile in range(heads * shape.values):
            tiles.append(
                Tile(
                    kind=_V,
                    a_from=_A_W,
                    a=weights + tile * dim,
                    b_from=_B_X,
                    b=row * dim,
                    depth=dim,
                    columns=min(side, tokens - row * side),
                    out=tile * tokens + row * side,
                    constant=tile,
                )
            )
    values = len(tiles) - 1
    weights += heads * shape.values * dim
    items = [(head, row) for head in range(heads) for row in range(shape.rows)]
    mixed: dict[int, int] = {}
    for number in range(len(items) + 1):
        if number < len(items):
            tiles += _scores(shape, *items[number], number % 2, queries)
        if number:
            tiles += _mixed(shape, *items[number - 1], 1 - number % 2, values)
            mixed[items[number - 1][1]] = len(tiles) - 1
    for row in range(shape.rows):
        for column in range(shape.columns):
            tiles.append(
                shape.product(
                    row,
                    column,
                    weights,
                    kind=_O,
                    a_from=_A_Q,
                    constant=3 * dim + side + column * side,
                    needs=[mixed[row]],
                    claims=row == column == 0,
                    ends=(row, column) == (shape.rows - 1, shape.columns - 1),
                )
            )
    return tiles


def _scores(shape: _Shape, head: int, row: int, slot: int, queries: int) -> list[Tile]:
    side, first = shape.side, head * shape.width
    return [
        Tile(
            kind=_S,
            a_from=_A_Q,
            a=row * shape.dim + first,
            b_from=_B_K,
            b=key * shape.dim + first,
            depth=shape.width,
            columns=min(side, shape.tokens - key * side),
            out=slot * shape.tokens + key * side,
            constant=2 * shape.dim,
            needs=[queries],
            slot=slot,
        )
        for key in range(shape.rows)
    ]


def _mixed(shape: _Shape, head: int, row: int, slot: int, values: int) -> list[Tile]:
    side = shape.side
    return [
        Tile(
            kind=_M,
            a_from=_A_E,
            a=slot * shape.tokens,
            b_from=_B_V,
            b=(head * shape.values + tile) * shape.tokens,
            depth=shape.tokens,
            columns=min(side, shape.width - tile * side),
            out=row * shape.dim + head * shape.width + tile * side,
            constant=2 * shape.dim + side + head * shape.width + tile * side,
            needs=[values],
            wanted=True,
            slot=slot,
        )
        for tile in range(shape.values)
    ]


def attention_block(
    name: str, attention: parts.Attention, added: parts.Rescale, tokens: int, side: int
) -> Block:
    """Return the block of an attention and the residual that it is added to.

    It takes pairs of the stream (16 bits) and its normalised codes, and gives the stream. Nothing
    stalling it, an image takes as many clocks as `cycles` of `attention_program` says, besides
    waiting where tiles are so few that results are not written in time.

    Parameters
    ----------
    name
        Of the module.
    attention, added
        Constants, of the attention and of what is added.
    tokens
        Of an image.
    side
        Processing elements per row and column.
    """
    dim = len(attention.projection.weight)
    shape = _Shape(side, tokens, dim, attention.heads)
    tiles = attention_program(tokens, dim, attention.heads, side)
    qkv = np.split(attention.qkv.weight, 3)
    weights = np.concatenate(
        [
            weight_words(qkv[1], shape.columns, side),
            weight_words(qkv[0], shape.columns, side),
            *(weight_words(part, shape.values, side) for part in np.split(qkv[2], attention.heads)),
            weight_words(attention.projection.weight, shape.columns, side),
        ]
    )
    one = np.zeros(side, np.int64)
    nothing = np.zeros(dim, np.int64)
    rescales = [(attention.qkv_codes, 3 * dim), (attention.scores, side)]
    rescales += [(attention.mixed, dim), (added, dim)]
    multipliers, shift = one_shift(rescales)
    query, key, value = np.split(multipliers[0], 3)
    biases = np.split(attention.qkv.bias, 3)
    columns = np.stack(
        [
            np.concatenate([key, query, *multipliers[1:]]),
            np.concatenate([biases[1], biases[0], one, nothing, attention.projection.bias]),
        ],
        1,
    )
    heads = [(attention.heads, shape.width)]
    rows = np.stack(
        [
            padded(x.reshape(heads[0]), shape.values * side).reshape(-1, side)
            for x in (value, biases[2])
        ],
        2,
    )
    multiplier_bits = unsigned_bits(columns[:, 0], rows[..., 0])
    bias_bits = signed_bits(attention.qkv.bias, attention.projection.bias)
    fraction = exponential_bits(SHIFTMAX_BITS, attention.unit * tokens)
    top = attention.unit << fraction
    address = address_bits(tiles, side, tokens, dim)
    return Block(
        name=name,
        module="lutra_attention",
        parameters={
            "SIDE": side,
            "TOKENS": tokens,
            "DIM": dim,
            "ADDRESS": address,
            "SUM_BITS": _sum_bits(attention, shape.width),
            "BIAS_BITS": bias_bits,
            "M_BITS": multiplier_bits,
            "SHIFT": shift,
            "CODE_BITS": attention.qkv_codes.bits,
            "SCORE_BITS": attention.scores.bits,
            "MIXED_BITS": attention.mixed.bits,
            "ADDED_BITS": added.bits,
            "UNIT": attention.unit,
            "FRACTION": fraction,
            "E_BITS": top.bit_length(),
            "E_SUM_BITS": (tokens * top).bit_length(),
            "F_BITS": (((1 << 31) - 1) // top).bit_length(),
            "WEIGHTS": len(weights),
            "VALUES": attention.heads * shape.values * tokens,
            "COLUMNS": len(columns),
            "ROWS": len(rows),
            "OPERATIONS": len(tiles),
        },
        memories={
            "PROGRAM": program(tiles, side, address),
            "WEIGHT": Memory(weights, 8),
            "COLUMN": constant_pairs(columns, multiplier_bits, bias_bits),
            "ROW": constant_pairs(rows, multiplier_bits, bias_bits),
        },
        input_bits=24,
        output_bits=16,
    )


def _sum_bits(attention: parts.Attention, width: int) -> int:
    """Return how many bits the sums of any codes need."""
    linear = np.concatenate([attention.qkv.weight, attention.projection.weight])
    code = 1 << CODE_BITS - 1
    scores, mixed = width * code * code, -code << SOFTMAX_BITS - 1
    return max(sum_bits(linear), signed_bits(np.array([scores, mixed])))
