"""From a trained vision transformer to whole numbers alone."""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lutra.nn import TableLayer
from lutra.nn.vision._attention import Attention
from lutra.nn.vision._linear import Linear
from lutra.nn.vision._lut_mixer import LutChannelMixer
from lutra.nn.vision._mlp_mixer import MlpChannelMixer
from lutra.nn.vision._model import (
    PIXEL,
    AttentionPooling,
    Encoder,
    VisionTransformer,
    whole_positions,
)
from lutra.nn.vision._nonlinear import whole_unit
from lutra.nn.vision._norm import LayerNorm
from lutra.nn.vision._range import Ranged
from lutra.nn.vision._requantise import dyadic
from lutra.nn.vision._tokenizer import PatchTokenizer
from lutra.nn.vision._values import bounds
from lutra.vit import (
    GELU_SLOPE,
    SOFTMAX_BITS,
    STREAM_BITS,
    IntegerEncoder,
    IntegerTransformer,
    parts,
)

__all__ = ["freeze"]

Module = TypeVar("Module", bound=nn.Module)


@torch.no_grad()
def freeze(model: VisionTransformer) -> IntegerTransformer:
    """Return the integer-only model that ``model`` simulates in its integer mode.

    Where ``model`` resizes images it reads them as `VisionTransformer.resized` gives them.

    Raises
    ------
    ValueError
        The model computes in floating point.
    """
    if not model.quantised:
        raise ValueError("the model computes in floating point: quantise it first")
    scale = torch.tensor(PIXEL, dtype=torch.float64)
    tokenizer, scale = _tokenizer(model, scale)
    stream = model.stream.scale(STREAM_BITS)
    positions = whole_positions(model.positions, stream)[0]
    if model.class_token is not None:
        positions = positions.clone()
        positions[0] += whole_positions(model.class_token, stream)[0, 0]
        positions = positions.clamp(*bounds(STREAM_BITS))
    norm, pooling = model.norm, None
    head_input = norm.scale
    if model.pooling is not None:
        pooling, head_input = _pooling(model.pooling, norm.scale)
    side = model.config.resize
    return IntegerTransformer(
        shape=(model.shape[0], side, side) if side else model.shape,
        tokenizer=tokenizer,
        embedded=_rescale(model.embedded, scale),
        positions=_whole(positions),
        encoders=tuple(_encoder(encoder, stream) for encoder in model.encoders),
        norm=_norm(norm),
        pooling=pooling,
        head=_linear(model.head, head_input)[0],
    )


def _tokenizer(
    model: VisionTransformer, scale: Tensor
) -> tuple[tuple[parts.Convolution, ...] | parts.Patches, Tensor]:
    """Return the tokenizer and the scale of what it gives."""
    given = model.tokenizer
    if isinstance(given, PatchTokenizer):
        projection, scale = _linear(given.projection, scale)
        return parts.Patches(given.patch, projection), scale
    found = []
    for number, layer in enumerate(given.convolutions):
        before = None
        if number:
            between = _is(given.between[number - 1], Ranged)
            before, scale = _rescale(between, scale), between.scale
        kernel, scale = _linear(_is(layer, Linear), scale)
        found.append(parts.Convolution(before, kernel))
    return tuple(found), scale


def _encoder(encoder: nn.Module, stream: Tensor) -> IntegerEncoder:
    encoder = _is(encoder, Encoder)
    attention, scale = _attention(encoder.attention, encoder.norm1.scale)
    given = encoder.norm2.scale
    mixer_input = None
    if encoder.mixer_input is not None:
        mixer_input, given = _rescale(encoder.mixer_input, given), encoder.mixer_input.scale
    mixer = encoder.mixer
    return IntegerEncoder(
        norm1=_norm(encoder.norm1),
        attention=attention,
        added=_rescale(encoder.added, scale),
        norm2=_norm(encoder.norm2),
        mixer_input=mixer_input,
        mixer=_mlp(mixer, given)
        if isinstance(mixer, MlpChannelMixer)
        else _lut(mixer, given, stream),
    )


def _attention(attention: Attention, scale: Tensor) -> tuple[parts.Attention, Tensor]:
    """Return attention on codes of a scale, and the scale of its sums."""
    qkv, total = _linear(attention.qkv, scale)
    own = attention.qkv_codes.scale
    head = attention.qkv.linear_weight.shape[1] // attention.heads
    projection, out = _linear(attention.projection, attention.mixed.scale)
    found = parts.Attention(
        heads=attention.heads,
        qkv=qkv,
        qkv_codes=_rescale(attention.qkv_codes, total),
        scores=_rescale(attention.scores, own**2 * head**-0.5),
        unit=whole_unit(attention.scores.scale),
        mixed=_rescale(attention.mixed, own * 2.0 ** (1 - SOFTMAX_BITS)),
        projection=projection,
    )
    return found, out


def _mlp(mixer: MlpChannelMixer, scale: Tensor) -> parts.MlpChannelMixer:
    up, total = _linear(mixer.up, scale)
    hidden = mixer.hidden.scale
    down, out = _linear(mixer.down, mixer.activated.scale)
    return parts.MlpChannelMixer(
        up=up,
        hidden=_rescale(mixer.hidden, total),
        unit=whole_unit(hidden * GELU_SLOPE),
        activated=_rescale(mixer.activated, hidden * 2.0**-7),
        down=down,
        added=_rescale(mixer.added, out),
    )


def _lut(mixer: nn.Module, scale: Tensor, stream: Tensor) -> parts.LutChannelMixer:
    mixer = _is(mixer, LutChannelMixer)
    layers = []
    for layer in mixer.layers:
        layer = _is(layer, TableLayer)
        table = layer.tables(mixer.levels)
        layers.append(parts.Tables(_whole(layer.wires), _whole(table)))
    embedding, shift = mixer.embedding_codes(stream)
    return parts.LutChannelMixer(
        _whole(mixer.threshold_codes(scale)), tuple(layers), _whole(embedding), _whole(shift)
    )


def _pooling(pooling: AttentionPooling, scale: Tensor) -> tuple[parts.Pooling, Tensor]:
    importance, total = _linear(pooling.importance, scale)
    found = parts.Pooling(
        importance=importance,
        scores=_rescale(pooling.scores, total),
        unit=whole_unit(pooling.scores.scale),
        pooled=_rescale(pooling.pooled, scale * 2.0 ** (1 - SOFTMAX_BITS)),
    )
    return found, pooling.pooled.scale


def _linear(layer: Linear, scale: Tensor) -> tuple[parts.Linear, Tensor]:
    """Return a linear map of codes of a scale, and the scale of its sums, one per output."""
    weight, own = layer.codes()
    total = scale * own
    bias = layer.bias_codes(total)
    if bias is None:
        bias = torch.zeros(len(weight))
    return parts.Linear(_whole(weight), _whole(bias)), total


def _norm(norm: LayerNorm) -> parts.Norm:
    multiplier, offset, shift = norm.constants()
    return parts.Norm(_whole(multiplier), _whole(offset), shift, norm.bits)


def _rescale(to: Ranged, scale: Tensor) -> parts.Rescale:
    multiplier, shift = dyadic(scale / to.scale)
    return parts.Rescale(_whole(multiplier), _whole(shift), to.bits)


def _whole(x: Tensor) -> NDArray[np.int64]:
    found = x.detach().cpu().numpy()
    whole = found.astype(np.int64)
    assert (whole == found).all()
    return whole


def _is(module: nn.Module, kind: type[Module]) -> Module:
    assert isinstance(module, kind)
    return module
