"""Whether the parts of an integer model fit one another, and what they compute its widths."""

from collections.abc import Sequence

from lutra.vit._arithmetic import MULTIPLIER_BITS, Codes
from lutra.vit._config import Cct, Vit
from lutra.vit._integer import IntegerEncoder, IntegerTransformer
from lutra.vit._parts import (
    STREAM_BITS,
    Attention,
    Convolution,
    Linear,
    LutChannelMixer,
    MlpChannelMixer,
    Norm,
    Patches,
    Pooling,
    Rescale,
)

__all__ = ["check", "check_size"]

_BITS = 8
"""Of weights, of activations, of summed values."""
_MOST_INPUTS = 1 << 16
"""Of a linear map: so many products of 8 bits each add up in 31."""
_MOST_VALUES = 1 << 26
"""Of one image in one place."""
_MOST_FACTOR = 1 << MULTIPLIER_BITS
_MOST_UNIT = 1 << 16
_MOST_FAN_IN = 16


def check(model: IntegerTransformer) -> None:
    """Raise ValueError where something is out of bounds, or shapes do not fit.

    What passes maps images without an error, nothing in it overflows, and no layer needs
    unreasonable memory.
    """
    planes, height, width = model.shape
    _number("a side of the images", min(model.shape), 1, _MOST_VALUES)
    _number("pixels", planes * height * width, 1, _MOST_VALUES)
    given = model.tokenizer
    tokens, dim = (
        _patches(given, model.shape)
        if isinstance(given, Patches)
        else _convolutions(given, model.shape)
    )
    _rescale("embedded", model.embedded, dim, STREAM_BITS)
    tokens += model.pooling is None
    _array("positions", model.positions, (tokens, dim), STREAM_BITS)
    for number, encoder in enumerate(model.encoders):
        _encoder(f"encoder {number}", encoder, tokens, dim)
    _norm("norm", model.norm, dim, _BITS)
    if model.pooling is not None:
        _pooling("pooling", model.pooling, tokens, dim)
    _linear("head", model.head, dim, None)


def check_size(config: Vit | Cct, shape: tuple[int, int, int]) -> None:
    """Raise ValueError where images of (planes, height, width) make too many tokens for `check`.

    This needs no model, which might not fit into memory.
    """
    tokens = config.tokens(shape[1:])
    for what, values in (
        ("channels of tokens", tokens * config.dim),
        ("scores", config.heads * tokens**2),
    ):
        if values > _MOST_VALUES:
            raise ValueError(
                f"{tokens:,} tokens have {values:,} {what}, more than {_MOST_VALUES:,}; take "
                "smaller images (model.resize), larger patches or more convolutions"
            )


def _patches(patches: Patches, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return the tokens and their channels, as `_convolutions`."""
    planes, height, width = shape
    side = _number("the side of a patch", patches.side, 1, min(height, width))
    if height % side or width % side:
        raise ValueError(f"patches of {side} pixels do not make up {height} x {width}")
    tokens = height // side * (width // side)
    dim = _linear("patches", patches.projection, planes * side * side, None)
    _number("tokens by channels", tokens * dim, 1, _MOST_VALUES)
    return tokens, dim


def _convolutions(
    convolutions: tuple[Convolution, ...], shape: tuple[int, int, int]
) -> tuple[int, int]:
    channels, height, width = shape
    _number("convolutions", len(convolutions), 1, 64)
    for number, convolution in enumerate(convolutions):
        where = f"convolution {number}"
        if (convolution.before is None) != (number == 0):
            raise ValueError(f"{where} is the first, or is not, and its input shows otherwise")
        if convolution.before is not None:
            _rescale(where, convolution.before, channels, _BITS)
        _number(f"windows of {where}", 9 * channels * height * width, 1, _MOST_VALUES)
        channels = _linear(where, convolution.kernel, 9 * channels, None)
        _number(f"results of {where}", channels * height * width, 1, _MOST_VALUES)
        height, width = (height + 1) // 2, (width + 1) // 2
    return height * width, channels


def _encoder(where: str, encoder: IntegerEncoder, tokens: int, dim: int) -> None:
    _norm(f"{where}, norm1", encoder.norm1, dim, _BITS)
    _attention(f"{where}, attention", encoder.attention, tokens, dim)
    _rescale(f"{where}, added", encoder.added, dim, STREAM_BITS)
    again = encoder.mixer_input
    _norm(f"{where}, norm2", encoder.norm2, dim, _BITS if again is None else STREAM_BITS)
    if again is not None:
        _rescale(f"{where}, mixer_input", again, dim, _BITS)
    if isinstance(encoder.mixer, MlpChannelMixer):
        _mlp(f"{where}, mixer", encoder.mixer, tokens, dim)
    else:
        _lut(f"{where}, mixer", encoder.mixer, tokens, dim)


def _attention(where: str, attention: Attention, tokens: int, dim: int) -> None:
    heads = _number(f"{where}: heads", attention.heads, 1, dim)
    if dim % heads:
        raise ValueError(f"{where}: {dim} channels do not divide among {heads} heads")
    _number(f"{where}: scores", heads * tokens * tokens, 1, _MOST_VALUES)
    _number(f"{where}: Q, K and V", 3 * tokens * dim, 1, _MOST_VALUES)
    _linear(where, attention.qkv, dim, 3 * dim)
    _rescale(f"{where}, qkv_codes", attention.qkv_codes, 3 * dim, _BITS)
    _rescale(f"{where}, scores", attention.scores, 0, _BITS)
    _number(f"{where}: unit", attention.unit, 1, _MOST_UNIT)
    _rescale(f"{where}, mixed", attention.mixed, dim, _BITS)
    _linear(f"{where}, projection", attention.projection, dim, dim)


def _mlp(where: str, mixer: MlpChannelMixer, tokens: int, dim: int) -> None:
    hidden = _linear(f"{where}, up", mixer.up, dim, None)
    _number(f"{where}: hidden values", tokens * hidden, 1, _MOST_VALUES)
    _rescale(f"{where}, hidden", mixer.hidden, hidden, _BITS)
    _number(f"{where}: unit", mixer.unit, 1, _MOST_UNIT)
    _rescale(f"{where}, activated", mixer.activated, hidden, _BITS)
    _linear(f"{where}, down", mixer.down, hidden, dim)
    _rescale(f"{where}, added", mixer.added, dim, STREAM_BITS)


def _lut(where: str, mixer: LutChannelMixer, tokens: int, dim: int) -> None:
    count = _columns(f"{where}, thresholds", mixer.thresholds)
    _array(f"{where}, thresholds", mixer.thresholds, (dim, count), STREAM_BITS)
    before = mixer.bits
    for number, layer in enumerate(mixer.layers):
        place = f"{where}, layer {number}"
        _number(f"{place}: bits read", tokens * before, 1, _MOST_VALUES)
        fan_in = _number(f"{place}: inputs", _columns(place, layer.wires), 1, _MOST_FAN_IN)
        tables = len(layer.wires)
        _array(f"{place}, wires", layer.wires, (tables, fan_in), (0, before - 1))
        _array(f"{place}, table", layer.table, (tables, 1 << fan_in), (0, 1))
        before = tables
    _number(f"{where}: summed bits", tokens * before, 1, _MOST_VALUES)
    _number(f"{where}: summands", before, 1, _MOST_INPUTS)
    _array(f"{where}, embedding", mixer.embedding, (before, dim), _BITS)
    _array(f"{where}, shift", mixer.shift, (dim,), (0, STREAM_BITS))


def _pooling(where: str, pooling: Pooling, tokens: int, dim: int) -> None:
    _number(f"{where}: tokens", tokens, 1, _MOST_INPUTS)
    _linear(where, pooling.importance, dim, 1)
    _rescale(f"{where}, scores", pooling.scores, 1, _BITS)
    _number(f"{where}: unit", pooling.unit, 1, _MOST_UNIT)
    _rescale(f"{where}, pooled", pooling.pooled, dim, _BITS)


def _linear(where: str, linear: Linear, inputs: int, outputs: int | None) -> int:
    """Return the outputs, any number where None is asked for."""
    _number(f"{where}: inputs", inputs, 1, _MOST_INPUTS)
    _columns(f"{where}, weight", linear.weight)
    found = len(linear.weight) if outputs is None else outputs
    _array(f"{where}, weight", linear.weight, (found, inputs), _BITS)
    _array(f"{where}, bias", linear.bias, (found,), MULTIPLIER_BITS)
    return found


def _rescale(where: str, rescale: Rescale, channels: int, bits: int) -> None:
    """Check a rescaling, whose numbers are one for all or, of so many channels, one for each."""
    shape = rescale.multiplier.shape if channels else ()
    if shape not in ((), (channels,)):
        raise ValueError(f"{where}: multipliers of {channels} channels have shape {shape}")
    _array(f"{where}: multiplier", rescale.multiplier, shape, (0, _MOST_FACTOR))
    _array(f"{where}: shift", rescale.shift, shape, (1, 2 * MULTIPLIER_BITS))
    _number(f"{where}: bits", rescale.bits, 1, bits)


def _norm(where: str, norm: Norm, channels: int, bits: int) -> None:
    _array(f"{where}: multiplier", norm.multiplier, (channels,), (-_MOST_FACTOR, _MOST_FACTOR))
    most = _MOST_FACTOR << MULTIPLIER_BITS - 1
    _array(f"{where}: offset", norm.offset, (channels,), (-most, most))
    _number(f"{where}: shift", norm.shift, 1, 2 * MULTIPLIER_BITS)
    _number(f"{where}: bits", norm.bits, 1, bits)


def _columns(where: str, array: Codes) -> int:
    if array.ndim != 2 or not array.size:
        raise ValueError(f"{where} has shape {array.shape}")
    return array.shape[1]


def _array(where: str, array: Codes, shape: Sequence[int], within: int | tuple[int, int]) -> None:
    """Check a shape, and that numbers are of so many bits or in an interval, ends included."""
    if array.shape != tuple(shape):
        raise ValueError(f"{where} has shape {array.shape}, not {tuple(shape)}")
    if isinstance(within, int):
        within = (-(1 << (within - 1)), (1 << (within - 1)) - 1)
    _number(where, int(array.min()), *within)
    _number(where, int(array.max()), *within)


def _number(where: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"{where}: {value} is not within {least} and {most}")
    return value
