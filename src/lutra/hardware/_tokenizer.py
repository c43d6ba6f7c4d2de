"""From pixels to the residual stream in front of the first encoder."""

from dataclasses import dataclass

from lutra.hardware._block import Block, Memory
from lutra.hardware._linear import Image, linear_blocks, rescale_block
from lutra.hardware._widths import CODE_BITS
from lutra.vit import STREAM_BITS, IntegerTransformer, parts

__all__ = ["tokenizer_blocks", "tokenizer_clocks"]


def tokenizer_blocks(
    model: IntegerTransformer, lanes: int | None = None, clocks: int = 1 << 62
) -> list[Block]:
    """Return the blocks that do `IntegerTransformer.embed`.

    They take pixels, 8 bits unsigned, in the order of its rows, and give 16-bit codes. Blocks work
    on neighbouring images at once, so that the longest sets the clocks per image, see
    `tokenizer_clocks`; where results leave without a pause, up to ``dim`` more for a class token.

    Parameters
    ----------
    model
        Of it, all that is in front of the encoders.
    lanes
        Outputs of every linear map that are summed up side by side; all unless given.
    clocks
        Per image, that are enough: planes are multiplied together until there are no more, where
        that helps.
    """
    maps = _maps(model)
    limit = max(clocks, *(_results(each, lanes) for each in maps))
    blocks = []
    for each in maps:
        relu, last = not isinstance(model.tokenizer, parts.Patches), each is maps[-1]
        blocks += linear_blocks(
            each.name,
            each.linear,
            each.image,
            lanes=lanes,
            together=_together(each, lanes, limit),
            relu=relu,
        )
        bits = STREAM_BITS if last else CODE_BITS
        channels, given = len(each.linear.weight), blocks[-1].output_bits
        blocks.append(rescale_block(f"{each.name}_rescale", each.rescale, channels, given, bits))
        if relu:
            # Rescaling never decreases, so it commutes with the maximum, whose memory it makes
            # smaller. After the ReLU no maximum is of the border's zeros alone.
            height, width = each.image.height, each.image.width
            blocks.append(_maxpool(f"{each.name}_columns", width, channels, bits))
            size = (width + 1) // 2 * channels
            blocks.append(_maxpool(f"{each.name}_rows", height, size, bits))
    return [*blocks, _positions(model)]


def tokenizer_clocks(
    model: IntegerTransformer, lanes: int | None = None, clocks: int = 1 << 62
) -> int:
    """Return the clocks per image of `tokenizer_blocks`, those of its longest block.

    A linear map of ``windows`` takes ``windows * ceil(outputs / lanes)`` times the more of
    ``inputs / together`` and ``lanes + 1``, in which its results leave.
    """
    maps = _maps(model)
    limit = max(clocks, *(_results(each, lanes) for each in maps))
    return max(
        max(_results(each, lanes), _products(each, lanes) // _together(each, lanes, limit))
        for each in maps
    )


@dataclass(frozen=True, eq=False)
class _Map:
    """A linear map of windows, and the rescaling of its results."""

    name: str
    linear: parts.Linear
    image: Image
    windows: int
    rescale: parts.Rescale


def _maps(model: IntegerTransformer) -> list[_Map]:
    given = model.tokenizer
    planes, height, width = model.shape
    if isinstance(given, parts.Patches):
        image = Image(planes, height, width, side=given.side, step=given.side, pixels=True)
        windows = height // given.side * (width // given.side)
        return [_Map("patches", given.projection, image, windows, model.embedded)]
    found = []
    for i, convolution in enumerate(given):
        rescale = given[i + 1].before if i + 1 < len(given) else model.embedded
        assert rescale is not None
        image = Image(planes, height, width, side=3, border=1, pixels=i == 0)
        kernel = convolution.kernel
        found.append(_Map(f"convolution{i}", kernel, image, height * width, rescale))
        planes, height, width = len(kernel.weight), (height + 1) // 2, (width + 1) // 2
    return found


def _passes(each: _Map, lanes: int | None) -> int:
    outputs = len(each.linear.weight)
    return each.windows * -(-outputs // min(lanes or outputs, outputs))


def _results(each: _Map, lanes: int | None) -> int:
    outputs = len(each.linear.weight)
    return _passes(each, lanes) * (min(lanes or outputs, outputs) + 1)


def _products(each: _Map, lanes: int | None) -> int:
    return _passes(each, lanes) * each.linear.weight.shape[1]


def _together(each: _Map, lanes: int | None, limit: int) -> int:
    """Return the fewest planes to multiply together that meet the limit; all if none do."""
    planes = each.image.planes
    divisors = [d for d in range(1, planes + 1) if planes % d == 0]
    return next((d for d in divisors if _products(each, lanes) <= limit * d), planes)


def _maxpool(name: str, length: int, size: int, bits: int) -> Block:
    parameters = {"BITS": bits, "LENGTH": length, "SIZE": size}
    return Block(name, "lutra_maxpool", parameters, {}, bits, bits)


def _positions(model: IntegerTransformer) -> Block:
    tokens, dim = model.positions.shape
    parameters = {
        "IN_BITS": STREAM_BITS,
        "DIM": dim,
        "TOKENS": tokens,
        "CLASS": int(model.pooling is None),
    }
    memories = {"POSITIONS": Memory(model.positions.reshape(-1, 1), STREAM_BITS)}
    return Block("positions", "lutra_positions", parameters, memories, STREAM_BITS, STREAM_BITS)
