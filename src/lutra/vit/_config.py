"""Vision transformers as recipes describe them: backbones, channel mixers, precision."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from lutra.sections import AcceleratorConfig, Section

__all__ = ["Cct", "LutMixer", "MlpMixer", "Precision", "Transformer", "Vit"]

Bits = Annotated[int, Field(ge=1, le=8)]
Size = Annotated[int, Field(ge=1, le=1 << 14)]


class MlpMixer(Section):
    """``W2 gelu(W1 x + b1) + b2``, applied to every token."""

    kind: Literal["mlp"]
    ratio: Annotated[float, Field(gt=0, le=16)] = 4.0
    """Hidden width by token width."""

    def hidden(self, dim: int) -> int:
        """Return the hidden channels where tokens have so many."""
        return round(self.ratio * dim)


class LutMixer(Section):
    """LL-ViT's channel mixer: thermometers, layers of tables, conditional summation."""

    kind: Literal["lut"]
    thresholds: Annotated[int, Field(ge=1, le=64)] = 8
    """Per channel, T."""
    learn_thresholds: bool = True
    """Train them; else they stay where a standard normal distribution puts them."""
    tables: Annotated[list[Size], Field(min_length=1, max_length=8)]
    """Tables of each layer; the last layer's are summed up."""
    fan_in: Annotated[int, Field(ge=2, le=8)] = 6
    """Inputs per table."""
    candidates: Annotated[int, Field(ge=0)] = 64
    """Bits that each input selects among while training; 0 keeps the random wiring."""
    gradient: Literal["extended", "difference"] = "extended"
    """What tells a table's input its gradient: all entries, by their distance, or the two alone
    that the input chooses between (`lutra.nn.functions.bit_mixing`)."""
    embedding_bits: Annotated[int, Field(ge=2, le=8)] = 4
    """Bits per summed value."""

    @model_validator(mode="after")
    def _check(self) -> "LutMixer":
        if self.candidates == 1:
            raise ValueError("candidates = 1 leaves nothing to select; 0 is random wiring")
        return self


Mixer = Annotated[MlpMixer | LutMixer, Field(discriminator="kind")]


class Precision(Section):
    """Bits of the integer model; 1 is a sign."""

    weights: Bits = 8
    activations: Bits = 8
    """Between operations; the residual stream has 16 bits, scores and norms are whole."""


class Transformer(Section):
    """What all backbones share: pre-norm encoders on tokens of ``dim`` channels."""

    layers: Annotated[int, Field(ge=1, le=64)]
    heads: Annotated[int, Field(ge=1, le=64)]
    dim: Size
    mixer: Mixer
    precision: Precision = Precision()
    resize: Annotated[int, Field(ge=0, le=1024)] = 0
    """Side that images are brought to first; 0 leaves them as they are."""
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of samples that skip a branch of the last encoder in training; earlier ones less."""
    quantised_epochs: Annotated[int, Field(ge=0, le=100_000)] = 2
    """Epochs of training with integers after those with floats; 0 rounds what these leave."""
    quantised_rate: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Their learning rate as a share of ``train.learning_rate``."""
    accelerator: AcceleratorConfig = AcceleratorConfig()

    @model_validator(mode="after")
    def _check(self) -> "Transformer":
        if self.dim % self.heads:
            raise ValueError(f"{self.dim} channels do not divide among {self.heads} heads")
        if isinstance(self.mixer, MlpMixer) and not self.mixer.hidden(self.dim):
            raise ValueError(
                f"mixer.ratio = {self.mixer.ratio} leaves no hidden channel of {self.dim}"
            )
        if self.accelerator.encoders_per_mixer > 1 and isinstance(self.mixer, MlpMixer):
            raise ValueError(
                "accelerator.encoders_per_mixer is for mixers of tables; an MLP cannot be shared"
            )
        return self


class Vit(Transformer):
    """ViT with a class token (DeiT, arXiv 2012.12877; I-ViT, arXiv 2207.01405)."""

    epsilon: ClassVar[float] = 1e-6
    """Added to the variance of a norm in floating point."""
    family: Literal["vit"]
    patch: Size
    """Side of the patches that tokens are made of."""
    pretrained: str | None = None
    """File of a DeiT's weights to start from, .safetensors or .npz, relative to the recipe."""

    def tokens(self, image: tuple[int, int]) -> int:
        """Return the tokens of an image (height, width), the class token among them.

        Raises
        ------
        ValueError
            The image does not divide into patches.
        """
        side = (self.resize, self.resize) if self.resize else image
        if side[0] % self.patch or side[1] % self.patch:
            raise ValueError(
                f"images of {side[0]} x {side[1]} pixels do not divide into patches of {self.patch}"
            )
        return side[0] // self.patch * (side[1] // self.patch) + 1


class Cct(Transformer):
    """Compact convolutional transformer (arXiv 2104.05704): CCT-``layers``/3x``convolutions``.

    Convolutions of 3 x 3, each followed by max pooling of 3 x 3 at every second pixel, make the
    tokens; the mean of the last tokens, weighted by attention, is classified.
    """

    epsilon: ClassVar[float] = 1e-5
    family: Literal["cct"]
    convolutions: Annotated[int, Field(ge=1, le=4)]
    """The last one has ``dim`` channels, those before it 64."""

    def sides(self, image: tuple[int, int]) -> list[tuple[int, int]]:
        """Return (height, width) before every convolution, and behind the last."""
        found = [(self.resize, self.resize) if self.resize else image]
        for _ in range(self.convolutions):
            found.append(((found[-1][0] + 1) // 2, (found[-1][1] + 1) // 2))
        return found

    def tokens(self, image: tuple[int, int]) -> int:
        """Return the tokens of an image (height, width)."""
        height, width = self.sides(image)[-1]
        return height * width
