"""From a trained integer transformer to its accelerator, block by block."""

import math
from collections.abc import Sequence
from pathlib import Path

from lutra.emit import Style
from lutra.errors import OutputError
from lutra.hardware._accelerator import Accelerator
from lutra.hardware._attention import attention_block, attention_program
from lutra.hardware._axi import axi_stream
from lutra.hardware._block import Block, Design, joined, write_design
from lutra.hardware._head import head_blocks, pooling_block
from lutra.hardware._mixer import mixer_block
from lutra.hardware._mlp import mlp_block, mlp_program
from lutra.hardware._norm import norm_block, norm_clocks
from lutra.hardware._program import cycles
from lutra.hardware._share import shared_sources
from lutra.hardware._tokenizer import tokenizer_blocks, tokenizer_clocks
from lutra.vit import STREAM_BITS, IntegerEncoder, IntegerTransformer, parts

__all__ = [
    "accelerator_blocks",
    "attention_blocks",
    "mixer_blocks",
    "model_clocks",
    "write_accelerator",
]


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
        Encoders are to share a mixer whose own are not of one shape, or the array has one element.
    """
    if accelerator.side < 2:
        raise OutputError(f"arrays of {accelerator.side} x {accelerator.side}: 2 x 2 at least")
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
    tokenizer = tokenizer_blocks(model, clocks=_encoder_clocks(model, accelerator))
    return [joined("tokenizer", tokenizer), *encoders, joined("classifier", end)]


def write_accelerator(
    model: IntegerTransformer, accelerator: Accelerator, folder: Path, style: Style = "constants"
) -> Design:
    """Write an accelerator as SystemVerilog, with AXI-Stream ports in a module ``accelerator_axi``.

    ``accelerator`` has the same streams under plainer names. Pixels enter as bytes, plane by plane;
    scores leave as signed words of 32 bits, ``tlast`` with the last class of an image.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    blocks = accelerator_blocks(model, accelerator, style)
    ends = blocks[0].input_bits, blocks[-1].output_bits
    around = axi_stream("accelerator", *ends, len(model.head.weight))
    return write_design(blocks, folder, "accelerator", {"accelerator_axi.sv": around})


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
    return Block(
        name=name,
        module="",
        parameters={},
        memories={},
        input_bits=bits,
        output_bits=bits,
        sources=shared_sources(f"{name}_shared", engine, dim, count),
        body="\n".join(lines) + "\n",
        inner=[*attentions, *engine],
    )


def model_clocks(model: IntegerTransformer, accelerator: Accelerator) -> dict[str, int]:
    """Return the clocks per image of every part, by name, in closed form.

    An image takes as many clocks as it has pixels, a stream of codes ``tokens * dim``, with a norm
    ``tokens`` times `norm_clocks`. An array takes as many as the products of its tiles are deep,
    see `attention_program` and `mlp_program`; a mixer ``tokens`` times its last tables by
    ``sums_per_clock``. What is left out: results of an image's last tiles that are waited for, and
    the division of a pooling.
    """
    tokens, dim = model.positions.shape
    tokenizer = tokenizer_clocks(model, clocks=_encoder_clocks(model, accelerator))
    found = {"tokenizer": max(math.prod(model.shape), tokens * dim, tokenizer)}
    normal = tokens * norm_clocks(dim)
    halves = _half_clocks(model, accelerator)
    found |= {name: max(normal, clocks) for name, clocks in halves.items()}
    pooling = 0 if model.pooling is None else tokens * (dim + 1)
    return {**found, "classifier": max(normal, pooling)}


def _encoder_clocks(model: IntegerTransformer, accelerator: Accelerator) -> int:
    """Return the clocks per image that the encoders leave to other blocks."""
    shared = min(accelerator.encoders_per_mixer, len(model.encoders))
    halves = _half_clocks(model, accelerator).items()
    return max(shared * n if name.endswith("_mixer") else n for name, n in halves)


def _half_clocks(model: IntegerTransformer, accelerator: Accelerator) -> dict[str, int]:
    tokens, dim = model.positions.shape
    side, found = accelerator.side, {}
    for i, encoder in enumerate(model.encoders):
        attention = attention_program(tokens, dim, encoder.attention.heads, side)
        found[f"encoder{i}_attention"] = cycles(attention, side)
        mixer = encoder.mixer
        if isinstance(mixer, parts.MlpChannelMixer):
            clocks = cycles(mlp_program(tokens, dim, len(mixer.up.weight), side), side)
        else:
            clocks = tokens * -(-len(mixer.embedding) // accelerator.sums_per_clock)
        found[f"encoder{i}_mixer"] = clocks
    return found
