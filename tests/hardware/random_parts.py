"""Random parts of a model, whose constants use the range of their codes and now and then leave it.

What rescales is fitted to sums of random codes, which the parts in front of it gave.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lutra.vit import (
    PIXEL_ZERO,
    STREAM_BITS,
    IntegerEncoder,
    IntegerTransformer,
    clamp,
    parts,
)
from lutra.vit._arithmetic import matmul, shift_gelu, shiftmax
from tests.hardware.simulation import Codes

Generator = np.random.Generator


def linear_of(
    rng: Generator, inputs: int, outputs: int, bits: int = 8, bias: int = 4000
) -> parts.Linear:
    """Two outputs have the largest sums there are."""
    limit = 1 << (bits - 1)
    weight = rng.integers(-limit, limit, (outputs, inputs))
    if outputs > 2:
        weight[0], weight[-1] = -limit, limit - 1
    return parts.Linear(weight, rng.integers(-bias, bias, outputs))


def rescale_of(
    rng: Generator, q: Codes, bits: int, channels: int = 0, room: int = 0
) -> parts.Rescale:
    """One for all or one for each of so many channels; results with more room are smaller."""
    spread = np.exp(rng.normal(0, 0.3, channels) if channels else 0.0)
    typical = max(1.0, float(np.median(np.sqrt((q.astype(float) ** 2).mean(0)))))
    mantissa, exponent = np.frexp((1 << (bits - 1)) / (2.5 * typical) * spread)
    multiplier = np.floor(mantissa * 2**31 + 0.5).astype(np.int64)
    shift = np.asarray(31 - exponent + room).astype(np.int64)
    return parts.Rescale(np.asarray(multiplier), shift, bits)


def norm_of(rng: Generator, channels: int, bits: int = 8, shift: int = 30) -> parts.Norm:
    """About a third of the codes saturate."""
    unit = 2.0**shift * 2 ** (bits - 1)
    multiplier = rng.normal(size=channels) * unit * np.sqrt(channels) / 2**30
    offset = rng.normal(size=channels) * unit / 4
    limit = (1 << 31) - 1
    return parts.Norm(
        multiplier.round().clip(-limit, limit).astype(np.int64),
        offset.round().clip(-(2.0**60), 2.0**60).astype(np.int64),
        shift,
        bits,
    )


def attention_of(
    rng: Generator, x: Codes, heads: int, bits: int = 8, room: int = 0
) -> tuple[parts.Attention, parts.Rescale]:
    """Return one for tokens (images, tokens, dim), and how it is added to the stream."""
    samples, tokens, dim = x.shape
    qkv = linear_of(rng, dim, 3 * dim)
    qkv_codes = rescale_of(rng, qkv(x), bits, 3 * dim)
    split = qkv_codes(qkv(x)).reshape(samples, tokens, 3, heads, -1)
    query, key, value = split.transpose(2, 0, 3, 1, 4)
    scores = rescale_of(rng, matmul(query, key), 8)
    unit = int(rng.integers(8, 40))
    p = shiftmax(scores(matmul(query, key)), unit)
    sums = matmul(p, value.swapaxes(2, 3)).transpose(0, 2, 1, 3).reshape(samples, tokens, dim)
    mixed = rescale_of(rng, sums, bits, dim)
    projection = linear_of(rng, dim, dim)
    added = rescale_of(rng, projection(mixed(sums)), STREAM_BITS, dim, room)
    return parts.Attention(heads, qkv, qkv_codes, scores, unit, mixed, projection), added


def mlp_of(
    rng: Generator, x: Codes, hidden: int, bits: int = 8, unit: int = 30, room: int = 0
) -> parts.MlpChannelMixer:
    dim = x.shape[-1]
    up, down = linear_of(rng, dim, hidden), linear_of(rng, hidden, dim)
    codes = rescale_of(rng, up(x), bits, hidden)
    gelu = shift_gelu(codes(up(x)), unit)
    activated = rescale_of(rng, gelu, bits)
    added = rescale_of(rng, down(activated(gelu)), STREAM_BITS, dim, room)
    return parts.MlpChannelMixer(up, codes, unit, activated, down, added)


def mixer_of(
    rng: Generator,
    channels: int,
    sizes: Sequence[int],
    *,
    thresholds: int = 3,
    fan_in: int = 5,
    bits: int = 4,
    most_shift: int = 8,
) -> parts.LutChannelMixer:
    """Thresholds within and out of the codes, and shifts so large that sums saturate."""
    before, layers = channels * thresholds, []
    for size in sizes:
        wires = rng.integers(0, before, (size, fan_in))
        layers.append(parts.Tables(wires, rng.integers(0, 2, (size, 1 << fan_in))))
        before = size
    limit = 1 << (bits - 1)
    codes = [-32768, -128, 127, 128, 32767, *range(-100, 100)]
    return parts.LutChannelMixer(
        np.sort(rng.choice(codes, (channels, thresholds))),
        tuple(layers),
        rng.integers(-limit, limit, (before, channels)),
        rng.integers(0, most_shift + 1, channels),
    )


def pooling_of(
    rng: Generator,
    x: Codes,
    unit: int = 20,
    score_bits: int = 8,
    bits: int = 8,
    scalar: bool = False,
) -> parts.Pooling:
    """Return one of tokens (images, tokens, dim)."""
    dim = x.shape[-1]
    importance = linear_of(rng, dim, 1)
    scores = rescale_of(rng, importance(x), score_bits)
    p = shiftmax(scores(importance(x)).swapaxes(1, 2), unit)
    sums = matmul(p, x.swapaxes(1, 2))[:, 0]
    return parts.Pooling(
        importance, scores, unit, rescale_of(rng, sums, bits, 0 if scalar else dim)
    )


def pixels_of(rng: Generator, images: int, shape: Sequence[int]) -> Codes:
    """Return raw images as rows; some are uniform, at either end."""
    raw = rng.integers(0, 256, (images, int(np.prod(shape))))
    raw[1::5] = rng.choice([0, 255], raw[1::5].shape)
    raw[2::10], raw[3::10] = 0, 255
    return raw


def tokens_of(rng: Generator, count: int, channels: int) -> Codes:
    """Of every size, among them constant ones, extremes, and few different codes."""
    scale = 2.0 ** rng.uniform(0, 16, (count, 1))
    found = rng.normal(size=(count, channels)) * scale + rng.normal(size=(count, 1)) * scale
    found = found.round().astype(np.int64)
    kind = rng.integers(0, 12, count)
    found[kind == 0] = rng.choice([-32768, 32767], (int((kind == 0).sum()), channels))
    found[kind == 1] = rng.integers(-32768, 32768, (int((kind == 1).sum()), 1))
    found[kind == 2] = rng.integers(-1, 2, (int((kind == 2).sum()), channels))
    found[:4] = np.array([[-32768], [32767], [0], [-1]])
    return found.clip(-32768, 32767)


Tokenizer = tuple[parts.Convolution, ...] | parts.Patches


def patches_of(
    rng: Generator,
    shape: tuple[int, int, int],
    side: int,
    dim: int,
    *,
    scalar: bool = False,
    **more: int,
) -> tuple[parts.Patches, parts.Rescale]:
    """Return patches and what makes their results the stream."""
    found = parts.Patches(side, linear_of(rng, shape[0] * side**2, dim, **more))
    tokens = found(_codes_of(rng, shape))
    return found, rescale_of(rng, tokens, STREAM_BITS, 0 if scalar else dim)


def convolutions_of(
    rng: Generator,
    shape: tuple[int, int, int],
    channels: Sequence[int],
    bits: int = 8,
    scalar: bool = False,
) -> tuple[tuple[parts.Convolution, ...], parts.Rescale]:
    """Return convolutions and what makes their results the stream."""
    layers: list[parts.Convolution] = []
    q, before, planes = _codes_of(rng, shape), None, shape[0]
    for i, count in enumerate(channels):
        layers.append(parts.Convolution(before, linear_of(rng, 9 * planes, count)))
        q, planes = layers[-1](q), count
        last = i == len(channels) - 1
        spread = 0 if scalar else count
        before = rescale_of(rng, np.moveaxis(q, 1, -1), STREAM_BITS if last else bits, spread)
    assert before is not None
    return tuple(layers), before


def _codes_of(rng: Generator, shape: tuple[int, int, int]) -> Codes:
    return pixels_of(rng, 20, shape).reshape(-1, *shape) - PIXEL_ZERO


def transformer_of(
    rng: Generator,
    shape: tuple[int, int, int] = (1, 8, 8),
    dim: int = 16,
    *,
    patch: int = 4,
    convolutions: Sequence[int] = (),
    encoders: int = 2,
    heads: int = 2,
    tables: Sequence[int] = (24, 20),
    hidden: int = 0,
    classes: int = 5,
) -> IntegerTransformer:
    """Return a ViT with a class token, or with convolutions a CCT, whose norms make the stream.

    Its mixers are tables, or with ``hidden`` channels MLPs.
    """
    if convolutions:
        found = convolutions_of(rng, shape, [*convolutions, dim])
        tokens = halved(shape, len(convolutions) + 1)
    else:
        found = patches_of(rng, shape, patch, dim)
        tokens = shape[1] // patch * (shape[2] // patch)
    model = embedding_of(rng, shape, *found, tokens, not convolutions)
    stream = model.embed(pixels_of(rng, 20, shape))
    built = []
    for _ in range(encoders):
        norm1 = norm_of(rng, dim)
        attention, added = attention_of(rng, norm1(stream), heads, room=1)
        middle = clamp(stream + added(attention(norm1(stream))), STREAM_BITS)
        norm2, again = norm_of(rng, dim, STREAM_BITS if convolutions else 8), None
        normal = norm2(middle)
        if convolutions:
            again = rescale_of(rng, normal, 8, dim)
            normal = again(normal)
        mixer = mlp_of(rng, normal, hidden, room=1) if hidden else mixer_of(rng, dim, tables)
        built.append(IntegerEncoder(norm1, attention, added, norm2, again, mixer))
        stream = built[-1](stream)
    norm = norm_of(rng, dim)
    return replace(
        model,
        encoders=tuple(built),
        norm=norm,
        pooling=pooling_of(rng, norm(stream)) if convolutions else None,
        head=linear_of(rng, dim, classes),
    )


def embedding_of(
    rng: Generator,
    shape: tuple[int, int, int],
    tokenizer: Tokenizer,
    embedded: parts.Rescale,
    tokens: int,
    class_token: bool,
) -> IntegerTransformer:
    """Return a model without encoders, whose tokenizer makes so many tokens."""
    last = tokenizer.projection if isinstance(tokenizer, parts.Patches) else tokenizer[-1].kernel
    dim = len(last.weight)
    norm = norm_of(rng, dim)
    return IntegerTransformer(
        shape=shape,
        tokenizer=tokenizer,
        embedded=embedded,
        positions=rng.integers(-20_000, 20_000, (tokens + class_token, dim)),
        encoders=(),
        norm=norm,
        pooling=None if class_token else pooling_of(rng, norm(tokens_of(rng, 30, dim)[None])),
        head=linear_of(rng, dim, 1),
    )


def halved(shape: tuple[int, int, int], convolutions: int) -> int:
    """Return the pixels that so many convolutions leave, each half of either side."""
    _, height, width = shape
    for _ in range(convolutions):
        height, width = (height + 1) // 2, (width + 1) // 2
    return height * width
