"""Vision transformers that train in floating point, then in the very integers of the hardware."""

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutra.circuit import Circuit
from lutra.errors import CircuitError
from lutra.nn.functions import TableFunction
from lutra.nn.vision._attention import Attention
from lutra.nn.vision._linear import Linear
from lutra.nn.vision._lut_mixer import LutChannelMixer
from lutra.nn.vision._mlp_mixer import MlpChannelMixer
from lutra.nn.vision._nonlinear import Shiftmax
from lutra.nn.vision._norm import LayerNorm
from lutra.nn.vision._range import Range, update_ranges
from lutra.nn.vision._requantise import Requantise
from lutra.nn.vision._tokenizer import ConvTokenizer, PatchTokenizer
from lutra.nn.vision._values import Values, bounds, straight
from lutra.vit import PIXEL_ZERO, STREAM_BITS, Cct, LutMixer, Vit, samples_at_once

__all__ = ["PIXEL", "AttentionPooling", "Encoder", "VisionTransformer", "whole_positions"]

PIXEL = 1 / 64
"""Real value of a step of pixels, about one deviation of natural images' pixels by 64."""
_AT_ONCE = 256
"""Images, where memory allows."""


class Encoder(nn.Module):
    """``x += attention(norm(x)); x = mixer(norm(x)) + x``.

    A CCT normalises the residual stream itself between the two.

    Parameters
    ----------
    config
        The model's.
    stream
        Range of the residual stream.
    number
        The encoder's, from 0.
    generator
        Source of the initial weights.
    """

    def __init__(
        self, config: Vit | Cct, stream: Range, number: int, generator: torch.Generator | None
    ) -> None:
        super().__init__()
        dim, precision = config.dim, config.precision
        bias = isinstance(config, Vit)
        self.norm1 = LayerNorm(dim, precision.activations, epsilon=config.epsilon)
        self.attention = Attention(dim, config.heads, bias, precision, generator)
        self.added = Requantise(STREAM_BITS, stream)
        if isinstance(config, Vit):
            self.norm2 = LayerNorm(dim, precision.activations, epsilon=config.epsilon)
            self.mixer_input = None
        else:
            self.norm2 = LayerNorm(dim, STREAM_BITS, stream, config.epsilon)
            self.mixer_input = Requantise(precision.activations)
        if isinstance(config.mixer, LutMixer):
            name = f"encoder{number}"
            self.mixer = LutChannelMixer(config.mixer, dim, stream, name, generator)
        else:
            self.mixer = MlpChannelMixer(config.mixer, dim, precision, stream, generator)
        self.drop = config.drop_path * number / max(1, config.layers - 1)

    def forward(self, x: Values, noise: torch.Generator | None) -> Values:
        """Map (batch, tokens, dim)."""
        branch = self.attention(self.norm1(x))
        kept = self._kept(x, noise)
        if kept is not None:
            branch = Values(branch.x * kept, branch.scale)
        x = self.added(branch, x)
        normal = self.norm2(x)
        if self.mixer_input is not None:
            x, normal = normal, self.mixer_input(normal)
        return self.mixer(normal, x, self._kept(x, noise))

    def _kept(self, x: Values, noise: torch.Generator | None) -> Tensor | None:
        """Return 0 for each sample that skips a branch, else what makes up for it; or None."""
        if noise is None or not self.drop or not self.training or x.scale is not None:
            return None
        draw = torch.rand(len(x.x), 1, 1, generator=noise).to(x.x)
        return (draw >= self.drop) / (1 - self.drop)


class VisionTransformer(nn.Module):
    """Tokenizer, positions, encoders, pooling, class scores.

    Parameters
    ----------
    config
        Backbone, mixer, precision.
    shape
        (planes, height, width) of the images, 8 bits per pixel.
    classes
        Scores.
    generator
        Source of the initial weights.

    Raises
    ------
    ValueError
        The images do not divide into patches.
    """

    estimated_lut6 = None
    budget = None

    def __init__(
        self,
        config: Vit | Cct,
        shape: tuple[int, int, int],
        classes: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.config, self.shape = config, shape
        planes, height, width = shape
        tokens = config.tokens((height, width))
        dim, activations = config.dim, config.precision.activations
        self.stream = Range(stream=True)
        self.class_token: nn.Parameter | None = None
        if isinstance(config, Vit):
            self.tokenizer = PatchTokenizer(config, planes, generator)
            self.class_token = nn.Parameter(_positions(1, dim, generator))
        else:
            self.tokenizer = ConvTokenizer(config, planes, generator)
        self.embedded = Requantise(STREAM_BITS, self.stream)
        self.positions = nn.Parameter(_positions(tokens, dim, generator))
        self.encoders = nn.ModuleList(
            Encoder(config, self.stream, number, generator) for number in range(config.layers)
        )
        self.norm = LayerNorm(dim, activations, epsilon=config.epsilon)
        self.pooling: AttentionPooling | None = None
        if isinstance(config, Cct):
            self.pooling = AttentionPooling(dim, activations, generator)
        self.head = Linear(dim, classes, 8, True, activations, generator, one_scale=True)
        self.integers: Tensor
        self.register_buffer("integers", torch.zeros((), dtype=torch.bool))
        self.register_load_state_dict_post_hook(_know_integers)
        self._whole = False  # what `integers` says, which a GPU would have to be asked for

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.positions.device

    @property
    def quantised(self) -> bool:
        """Whether it computes in whole numbers."""
        return self._whole

    def quantise(self) -> None:
        """Compute in whole numbers from now on; ranges are those met in training so far."""
        self.integers.fill_(True)
        self._whole = True

    def forward(self, raw: Tensor, noise: torch.Generator | None = None) -> Tensor:
        """Return logits (batch, classes) of raw pixels (batch, planes * height * width).

        ``noise`` draws which samples skip a branch.
        """
        return self.scores(raw, noise).real.float()

    def scores(self, raw: Tensor, noise: torch.Generator | None = None) -> Values:
        """Return the class scores."""
        pixels = self._images(raw).to(self.norm.gain.dtype)
        if self.config.resize:
            pixels = _resized(pixels, self.config.resize)
        x = pixels - PIXEL_ZERO
        if self.quantised:
            values = Values(x, torch.tensor(PIXEL, dtype=torch.float64, device=x.device))
        else:
            values = Values(x * PIXEL)
        x = self._with_positions(self.tokenizer(values))
        for encoder in self.encoders:
            x = encoder(x, noise)
        if self.pooling is None:
            x = Values(x.x[:, 0], x.scale)
            return self.head(self.norm(x))
        return self.head(self.pooling(self.norm(x)))

    def _images(self, raw: Tensor) -> Tensor:
        """Return (samples, planes, height, width) of raw pixels; ValueError of another shape."""
        pixels = math.prod(self.shape)
        if raw.shape[1:] != (pixels,):
            planes, height, width = self.shape
            raise ValueError(
                f"images of shape {tuple(raw.shape)}; expected (samples, {pixels}), {planes} "
                f"planes of {height} x {width} pixels"
            )
        return raw.view(len(raw), *self.shape)

    def _with_positions(self, tokens: Values) -> Values:
        """Return the residual stream: tokens and positions, the class token first."""
        batch, dim = len(tokens.x), tokens.x.shape[2]
        positions, first = self.positions, self.class_token
        if tokens.scale is None:
            x = tokens.x if first is None else torch.cat([first.expand(batch, 1, dim), tokens.x], 1)
            x = x + positions
            self.stream.observe(x)
            return Values(x)
        scale = self.stream.scale(STREAM_BITS)
        known = whole_positions(positions, scale)
        if first is None:
            return self.embedded(tokens, Values(known, scale))
        own = (known[:, :1] + whole_positions(first, scale)).clamp(*bounds(STREAM_BITS))
        x = self.embedded(tokens, Values(known[:, 1:], scale))
        return Values(torch.cat([own.expand(batch, 1, dim), x.x], 1), scale)

    @torch.no_grad()
    def codes(self, raw: Tensor) -> Tensor:
        """Return scores in evaluation mode: (samples, classes), int64 where they are whole."""
        training = self.training
        self.train(False)
        try:
            rows = samples_at_once(self.config.heads, self.positions.shape[1], _AT_ONCE)
            parts = [self.scores(part.to(self.device)).x for part in raw.split(rows)]
        finally:
            self.train(training)
        scores = torch.cat(parts).cpu()
        return scores.long() if self.quantised else scores

    def lower(
        self, name: str, classes: Sequence[str] = (), features: Sequence[str] = ()
    ) -> Circuit:
        """Raise CircuitError: a transformer is not a circuit of bits, see `freeze`."""
        del classes, features
        raise CircuitError(
            f"{name}: a vision transformer has no circuit; `lutra compile` writes it as whole "
            "numbers, integer.safetensors"
        )

    def resized(self, raw: Tensor) -> Tensor:
        """Return raw pixels (samples, pixels) at the size that the integer model reads."""
        side = self.config.resize
        if not side:
            return raw
        images = _resized(self._images(raw).float(), side)
        return images.clamp(0, 255).to(torch.uint8).flatten(1)

    @torch.no_grad()
    def constrain(self) -> None:
        """After a step: keep parameters within their bounds, take in the ranges met."""
        for part in self.modules():
            if isinstance(part, TableFunction | LutChannelMixer):
                part.constrain()
        update_ranges([part for part in self.modules() if isinstance(part, Range)])

    def check_wires(self) -> None:
        """Raise ValueError where a table reads a bit that does not exist."""
        for mixer in self.mixers():
            for layer, features in mixer.features_before():
                for outside in layer.outside(features).tolist():
                    raise ValueError(f"{layer.name} reads bit {outside} of {features}")

    def penalty(self) -> Tensor | None:
        """Return what is added to the loss: nothing."""
        return None

    def mixers(self) -> Iterator[LutChannelMixer]:
        """Yield the learned-LUT mixers."""
        for part in self.modules():
            if isinstance(part, LutChannelMixer):
                yield part


class AttentionPooling(nn.Module):
    """The mean of the tokens by ``softmax(w x + b)`` over them (CCT's sequence pooling).

    Parameters
    ----------
    dim
        Channels.
    activations
        Bits of x and of the result.
    generator
        Source of the initial weights.
    """

    def __init__(
        self, dim: int, activations: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.importance = Linear(dim, 1, 8, True, activations, generator)
        self.scores = Requantise(8)
        self.softmax = Shiftmax()
        self.pooled = Requantise(activations)

    def forward(self, values: Values) -> Values:
        """Map (batch, tokens, dim) to (batch, dim)."""
        scores = self.scores(self.importance(values))
        p = self.softmax(Values(scores.x.transpose(1, 2), scores.scale))
        scale = None
        if p.scale is not None and values.scale is not None:
            scale = p.scale * values.scale
        return self.pooled(Values((p.x @ values.x).squeeze(1), scale))


def _know_integers(model: nn.Module, _keys: object) -> None:
    assert isinstance(model, VisionTransformer)
    model._whole = bool(model.integers)


def whole_positions(positions: Tensor, scale: Tensor) -> Tensor:
    """Return positions in whole units of the residual stream and its bits, with gradient."""
    units = positions / scale.to(positions)
    exact = (positions.detach().double() / scale).round().clamp(*bounds(STREAM_BITS))
    return straight(exact.to(units), units)


def _resized(pixels: Tensor, side: int) -> Tensor:
    """Return images (batch, planes, height, width) at ``side`` pixels: bilinear, whole."""
    return F.interpolate(pixels, (side, side), mode="bilinear").round()


def _positions(tokens: int, dim: int, generator: torch.Generator | None) -> Tensor:
    return nn.init.trunc_normal_(torch.empty(1, tokens, dim), std=0.02, generator=generator)
