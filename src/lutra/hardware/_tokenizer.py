"""From pixels to the residual stream in front of the first encoder."""

from lutra.hardware._block import Block, Memory
from lutra.hardware._linear import CODE_BITS, Image, linear_blocks, rescale_block
from lutra.vit import STREAM_BITS, IntegerTransformer, parts

__all__ = ["tokenizer_blocks"]


def tokenizer_blocks(model: IntegerTransformer, lanes: int | None = None) -> list[Block]:
    """Return the blocks that do `IntegerTransformer.embed`.

    They take pixels, 8 bits unsigned, in the order of its rows, and give 16-bit codes. Blocks work
    on neighbouring images at once, so that the longest sets the clocks per image. Patches take
    ``tokens * ceil(dim / lanes) * max(inputs, lanes + 1)``, and up to ``dim`` more for a class
    token where results leave without a pause; a convolution takes
    ``height * width * ceil(channels / lanes) * max(9 * planes, lanes + 1)``.

    Parameters
    ----------
    model
        Of it, all that is in front of the encoders.
    lanes
        Multipliers of every linear map; one per output unless given.
    """
    convolutions = not isinstance(model.tokenizer, parts.Patches)
    blocks = _convolutions(model, lanes) if convolutions else _patches(model, lanes)
    return [*blocks, _positions(model)]


def _patches(model: IntegerTransformer, lanes: int | None) -> list[Block]:
    patches = model.tokenizer
    assert isinstance(patches, parts.Patches)
    image = Image(*model.shape, side=patches.side, step=patches.side, pixels=True)
    blocks = linear_blocks("patches", patches.projection, image, lanes=lanes)
    dim = model.positions.shape[1]
    last = blocks[-1].output_bits
    return [*blocks, rescale_block("embedded", model.embedded, dim, last, STREAM_BITS)]


def _convolutions(model: IntegerTransformer, lanes: int | None) -> list[Block]:
    """Rescaling never decreases, so it commutes with the maximum, whose memory it makes smaller.

    It comes after the ReLU: of the maxima that the reference takes, 0 of the border is none then.
    """
    assert not isinstance(model.tokenizer, parts.Patches)
    befores = [convolution.before for convolution in model.tokenizer[1:]]
    planes, height, width = model.shape
    blocks = []
    for i, convolution in enumerate(model.tokenizer):
        name = f"convolution{i}"
        rescale = befores[i] if i < len(befores) else model.embedded
        assert rescale is not None
        bits = CODE_BITS if i < len(befores) else STREAM_BITS
        image = Image(planes, height, width, side=3, border=1, pixels=i == 0)
        blocks += linear_blocks(name, convolution.kernel, image, lanes=lanes, relu=True)
        planes = len(convolution.kernel.weight)
        last = blocks[-1].output_bits
        blocks.append(rescale_block(f"{name}_rescale", rescale, planes, last, bits))
        blocks.append(_maxpool(f"{name}_columns", width, planes, bits))
        width = (width + 1) // 2
        blocks.append(_maxpool(f"{name}_rows", height, width * planes, bits))
        height = (height + 1) // 2
    return blocks


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
