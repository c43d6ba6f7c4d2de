"""Exact counts of a vision transformer, layer by layer."""

from collections.abc import Iterator
from dataclasses import replace

from lutra.errors import RecipeError
from lutra.vit._config import Cct, LutMixer, Transformer, Vit
from lutra.vit._layer_count import Block, LayerCount

__all__ = ["count", "hidden_width", "token_count"]

_WIDE, _RESIDUAL = 32, 16
"""Bits of biases and norms, and of what is added to the residual stream."""
_EDGE = 8
"""Of weights of the first layer, of pooling and of the head, at any precision."""


def count(model: Vit | Cct, shape: tuple[int, int, int], classes: int) -> tuple[LayerCount, ...]:
    """Return what every layer holds and computes for one image; `LayerCount` says how it counts.

    Bringing images to another size is not counted.

    Parameters
    ----------
    model
        Any description.
    shape
        Of the images: planes, height, width.
    classes
        Of the head.

    Raises
    ------
    RecipeError
        A size below 1, or images that do not divide into the model's patches.
    """
    if min(*shape, classes) < 1:
        raise RecipeError(f"images of {shape} and {classes} classes: each must be 1 or more")
    n = token_count(model, shape[1:])
    layers = [*(_patches(model, shape[0], n) if isinstance(model, Vit) else _convs(model, shape))]
    positions = n * model.dim
    layers.append(_vectors("positions", "tokens", positions, _RESIDUAL, additions=positions))
    for number in range(model.layers):
        layers += [replace(layer, encoder=number) for layer in _encoder(model, n)]
    layers.append(_norm(model, n))
    if isinstance(model, Cct):
        scores = _linear("pooling", "head", model, n, model.dim, 1, True)
        layers.append(_edge(replace(scores, macs=scores.macs + n * model.dim, nonlinear=n)))
    layers.append(_edge(_linear("head", "head", model, 1, model.dim, classes, True)))
    return tuple(layers)


def token_count(model: Vit | Cct, image: tuple[int, int]) -> int:
    """Return the tokens of an image (height, width).

    Raises
    ------
    RecipeError
        The image does not divide into patches.
    """
    try:
        return model.tokens(image)
    except ValueError as error:
        raise RecipeError(str(error)) from error


def hidden_width(model: Transformer) -> int:
    """Return the hidden channels of an MLP mixer, 0 for one of tables."""
    mixer = model.mixer
    return 0 if isinstance(mixer, LutMixer) else mixer.hidden(model.dim)


def _patches(model: Vit, planes: int, n: int) -> Iterator[LayerCount]:
    inputs = planes * model.patch**2
    yield _edge(_linear("patches", "tokens", model, n - 1, inputs, model.dim, True))
    yield _vectors("class token", "tokens", model.dim, _RESIDUAL)


def _convs(model: Cct, shape: tuple[int, int, int]) -> Iterator[LayerCount]:
    planes, *image = shape
    sides = model.sides((image[0], image[1]))
    for number in range(model.convolutions):
        (height, width), after = sides[number], sides[number + 1]
        channels = model.dim if number == model.convolutions - 1 else 64
        layer = _linear("conv", "tokens", model, height * width, 9 * planes, channels, False)
        layer = layer if number else _edge(layer)
        maximum = _in_windows(height) * _in_windows(width) - after[0] * after[1]
        compared = channels * (height * width + maximum)
        yield replace(layer, name=f"convolution {number + 1}", comparisons=compared)
        planes = channels


def _in_windows(side: int) -> int:
    """Return the pixels in all windows of 3 at every second pixel, those beyond the border not."""
    return sum(min(first + 3, side) - max(first, 0) for first in range(-1, side - 1, 2))


def _encoder(model: Vit | Cct, n: int) -> Iterator[LayerCount]:
    dim = model.dim
    yield _norm(model, n)
    yield _linear("qkv", "attention", model, n, dim, 3 * dim, isinstance(model, Vit))
    scores = model.heads * n * n
    yield LayerCount("q.k", "attention", macs=n * n * dim, nonlinear=scores)
    yield LayerCount("s.v", "attention", macs=n * n * dim)
    projection = _linear("projection", "attention", model, n, dim, dim, True)
    yield replace(projection, additions=n * dim)
    yield _norm(model, n)
    yield from (
        _tables(model, model.mixer, n) if isinstance(model.mixer, LutMixer) else _mlp(model, n)
    )


def _mlp(model: Transformer, n: int) -> Iterator[LayerCount]:
    hidden = hidden_width(model)
    first = _linear("dense 1", "mixer", model, n, model.dim, hidden, True)
    yield replace(first, nonlinear=n * hidden)
    second = _linear("dense 2", "mixer", model, n, hidden, model.dim, True)
    yield replace(second, additions=n * model.dim)


def _tables(model: Transformer, mixer: LutMixer, n: int) -> Iterator[LayerCount]:
    thresholds = model.dim * mixer.thresholds
    yield LayerCount(
        "thermometer",
        "mixer",
        parameters=thresholds if mixer.learn_thresholds else 0,
        comparisons=n * thresholds,
        stored_bits=thresholds * model.precision.activations,
    )
    for number, tables in enumerate(mixer.tables):
        entries = tables << mixer.fan_in
        sizes = dict.fromkeys(("weights", "parameters", "weight_bits", "stored_bits"), entries)
        yield LayerCount(f"tables {number + 1}", "mixer", lookups=n * tables, **sizes)
    values = mixer.tables[-1] * model.dim
    bits = values * mixer.embedding_bits
    yield LayerCount(
        "conditional sum",
        "mixer",
        weights=values,
        parameters=values,
        additions=n * (values + model.dim),
        weight_bits=bits,
        stored_bits=bits,
    )


def _linear(
    name: str, block: Block, model: Transformer, n: int, inputs: int, outputs: int, bias: bool
) -> LayerCount:
    weights, biases = inputs * outputs, outputs if bias else 0
    bits = weights * model.precision.weights
    return LayerCount(
        name,
        block,
        weights=weights,
        parameters=weights + biases,
        macs=n * weights,
        weight_bits=bits,
        stored_bits=bits + biases * _WIDE,
    )


def _edge(layer: LayerCount) -> LayerCount:
    """Return a layer in front of the encoders or behind them, whose weights have 8 bits always."""
    bits, others = _EDGE * layer.weights, layer.stored_bits - layer.weight_bits
    return replace(layer, weight_bits=bits, stored_bits=bits + others)


def _norm(model: Transformer, n: int) -> LayerCount:
    return replace(_vectors("norm", "norm", 2 * model.dim, _WIDE), nonlinear=n * model.dim)


def _vectors(name: str, block: Block, values: int, bits: int, additions: int = 0) -> LayerCount:
    return LayerCount(
        name, block, parameters=values, additions=additions, stored_bits=values * bits
    )
