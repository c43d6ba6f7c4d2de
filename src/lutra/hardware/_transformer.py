"""From a trained integer transformer to its accelerator, block by block."""

from collections.abc import Sequence

from lutra.emit import Style
from lutra.errors import OutputError
from lutra.hardware._accelerator import Accelerator
from lutra.hardware._attention import attention_block
from lutra.hardware._block import Block, composed, joined
from lutra.hardware._head import head_blocks, pooling_block
from lutra.hardware._mixer import mixer_block
from lutra.hardware._mlp import mlp_block
from lutra.hardware._norm import norm_block
from lutra.hardware._share import shared_sources
from lutra.hardware._tokenizer import tokenizer_blocks
from lutra.vit import STREAM_BITS, IntegerEncoder, IntegerTransformer, parts

__all__ = ["accelerator_blocks", "attention_blocks", "mixer_blocks"]


def accelerator_blocks(
    model: IntegerTransformer, accelerator: Accelerator, style: Style = "constants"
) -> list[Block]:
    """Return the blocks of an accelerator, from pixels to class scores.

    Images are pipelined over blocks; each encoder has an array for attention and a mixer, or an
    array for its MLP, of its own, unless ``encoders_per_mixer`` of them take turns at one mixer.

    Parameters
    ----------
    model
        What it computes, bit for bit.
    accelerator
        Sides of arrays, sums per clock, encoders per mixer.
    style
        Of the mixers' tables, see `lutra.emit.emit_verilog`.

    Raises
    ------
    OutputError
        Encoders of several mixers are to share one that are not of one shape.
    """
    tokens, dim = model.positions.shape
    step = accelerator.encoders_per_mixer
    encoders = [
        _group(model.encoders[i : i + step], i, tokens, accelerator, style)
        for i in range(0, len(model.encoders), step)
    ]
    norm = norm_block("norm", [model.norm], dim)
    if model.pooling is None:
        end = [norm, *head_blocks("head", model.head, tokens, norm.output_bits)]
    else:
        pooling = pooling_block("pooling", model.pooling, tokens, dim, norm.output_bits)
        end = [norm, pooling, *head_blocks("head", model.head, 1, pooling.output_bits)]
    return [joined("tokenizer", tokenizer_blocks(model)), *encoders, joined("classifier", end)]


def attention_blocks(name: str, encoder: IntegerEncoder, tokens: int, side: int) -> list[Block]:
    """Return the blocks of the first half of an encoder, from stream to stream."""
    dim = len(encoder.attention.projection.weight)
    return [
        norm_block(f"{name}_norm1", [encoder.norm1], dim),
        attention_block(f"{name}_attention", encoder.attention, encoder.added, tokens, side),
    ]


def mixer_blocks(
    name: str,
    encoders: Sequence[IntegerEncoder],
    tokens: int,
    accelerator: Accelerator,
    style: Style = "constants",
) -> list[Block]:
    """Return the blocks of the second half of an encoder, or of one that several share."""
    mixers = [encoder.mixer for encoder in encoders]
    dim = len(encoders[0].attention.projection.weight)
    again = [encoder.mixer_input for encoder in encoders if encoder.mixer_input is not None]
    norms = [encoder.norm2 for encoder in encoders]
    norm = norm_block(f"{name}_norm2", norms, dim, again or None)
    tables = [mixer for mixer in mixers if isinstance(mixer, parts.LutChannelMixer)]
    if len(tables) == len(mixers):
        sums = accelerator.sums_per_clock
        return [norm, mixer_block(f"{name}_mixer", tables, dim, sums, style)]
    if len(encoders) > 1:
        raise OutputError(f"{name}: only mixers of tables can be shared, not an MLP")
    (mlp,) = mixers
    assert isinstance(mlp, parts.MlpChannelMixer)
    return [norm, mlp_block(f"{name}_mlp", mlp, tokens, accelerator.side)]


def _group(
    encoders: Sequence[IntegerEncoder],
    first: int,
    tokens: int,
    accelerator: Accelerator,
    style: Style,
) -> Block:
    """Return the block of encoders that share a mixer, or of one that does not."""
    side = accelerator.side
    if len(encoders) == 1:
        name, (encoder,) = f"encoder{first}", encoders
        attention = attention_blocks(name, encoder, tokens, side)
        return joined(name, [*attention, *mixer_blocks(name, encoders, tokens, accelerator, style)])
    name, count = f"encoders{first}to{first + len(encoders) - 1}", len(encoders)
    attentions = [
        joined(f"encoder{i}_half", attention_blocks(f"encoder{i}", encoder, tokens, side))
        for i, encoder in enumerate(encoders, first)
    ]
    dim = len(encoders[0].attention.projection.weight)
    engine = mixer_blocks(name, encoders, tokens, accelerator, style)
    last, bits = count - 1, STREAM_BITS
    lines = [
        f"    logic [{last}:0] to_valid, to_ready, from_valid, from_ready;",
        f"    logic [{count * bits - 1}:0] to_data, from_data;",
        f"    {name}_shared shared (.clk, .rst,",
        "        .in_valid(to_valid), .in_ready(to_ready), .in_data(to_data),",
        "        .out_valid(from_valid), .out_ready(from_ready), .out_data(from_data));",
    ]
    for i, attention in enumerate(attentions):
        ins = ("in_valid", "in_ready", "in_data")
        if i:
            at = f"[{(i - 1) * bits}+:{bits}]"
            ins = (f"from_valid[{i - 1}]", f"from_ready[{i - 1}]", f"from_data{at}")
        lines.append(
            f"    {attention.name} {attention.name}_block (.clk, .rst,\n"
            f"        .in_valid({ins[0]}), .in_ready({ins[1]}), .in_data({ins[2]}),\n"
            f"        .out_valid(to_valid[{i}]), .out_ready(to_ready[{i}]),\n"
            f"        .out_data(to_data[{i * bits}+:{bits}]));"
        )
    lines += [
        f"    assign out_valid = from_valid[{last}];",
        f"    assign from_ready[{last}] = out_ready;",
        f"    assign out_data = from_data[{last * bits}+:{bits}];",
    ]
    sources = shared_sources(f"{name}_shared", engine, dim, count)
    return composed(name, attentions, "\n".join(lines) + "\n", sources)
