"""Behind the encoders: from the normalised tokens of an image to its class scores."""

from lutra.hardware._block import Block, Memory
from lutra.hardware._linear import Image, linear_blocks
from lutra.hardware._rescale import common_shift
from lutra.hardware._widths import CODE_BITS, signed_bits, sum_bits
from lutra.vit import SHIFTMAX_BITS, exponential_bits, parts

__all__ = ["SCORE_BITS", "head_blocks", "pooling_block"]

SCORE_BITS = 32
"""Of a class score."""
_DIVIDEND = (1 << 31) - 1


def head_blocks(
    name: str,
    linear: parts.Linear,
    tokens: int = 1,
    input_bits: int = CODE_BITS,
    lanes: int | None = None,
) -> list[Block]:
    """Return the blocks that map the first of an image's tokens to its class scores.

    A score of 32 bits leaves per clock, class 0 first. An image takes as many clocks as it has
    codes, or ``ceil(classes / lanes) * max(dim, lanes + 1)`` if that is more.

    Parameters
    ----------
    name
        Their names begin with it.
    linear
        Of the classes.
    tokens
        Of an image, of which the first counts; one where they are pooled.
    input_bits
        Of the stream; codes are its lowest 8.
    lanes
        Multipliers. Unless given, as few as keep up with the codes where there are many tokens, and
        one per class where there is one.
    """
    dim = linear.weight.shape[1]
    lanes = lanes or -(-len(linear.weight) // tokens)
    blocks = []
    if tokens > 1:
        first = {"IN_BITS": input_bits, "BITS": CODE_BITS, "TAKE": dim, "OF": tokens * dim}
        blocks = [Block(f"{name}_first", "lutra_first", first, {}, input_bits, CODE_BITS)]
        input_bits = CODE_BITS
    blocks += linear_blocks(
        name, linear, Image(dim), lanes=lanes, input_bits=input_bits, output_bits=SCORE_BITS
    )
    return blocks


def pooling_block(
    name: str, pooling: parts.Pooling, tokens: int, dim: int, input_bits: int = CODE_BITS
) -> Block:
    """Return the block that does `parts.Pooling`.

    It takes codes, the lowest 8 bits of its stream, and gives ``dim`` codes of 8 bits per image. An
    image takes ``tokens * (dim + 1)`` clocks, and less than 40 for the division.
    """
    bits = exponential_bits(SHIFTMAX_BITS, pooling.unit * tokens)
    most = pooling.unit << bits
    channels = 1 if pooling.pooled.multiplier.ndim == 0 else dim
    score, score_shift, score_width = common_shift(pooling.scores, 1)
    multipliers, shift, width = common_shift(pooling.pooled, channels)
    weight = pooling.importance.weight
    acc, weight_bits = sum_bits(weight, pooling.importance.bias), signed_bits(weight)
    parameters = {
        "IN_BITS": input_bits,
        "TOKENS": tokens,
        "DIM": dim,
        "W_BITS": weight_bits,
        "ACC_BITS": acc,
        "SCORE_M_BITS": score_width,
        "SCORE_SHIFT": score_shift,
        "SCORE_BITS": pooling.scores.bits,
        "UNIT": pooling.unit,
        "FRACTION": bits,
        "E_BITS": most.bit_length(),
        "SUM_BITS": (tokens * most).bit_length(),
        "Q_BITS": (_DIVIDEND // most).bit_length(),
        "CHANNELS": channels,
        "M_BITS": width,
        "SHIFT": shift,
        "BITS": pooling.pooled.bits,
        "BIAS": int(pooling.importance.bias[0]),
    }
    memories = {
        "WEIGHTS": Memory(weight.T, weight_bits),
        "SCORE_MULTIPLIERS": Memory(score[:, None], score_width),
        "MULTIPLIERS": Memory(multipliers[:, None], width),
    }
    return Block(name, "lutra_pooling", parameters, memories, input_bits, CODE_BITS)
