"""Integer-only transformers made of random numbers, without torch."""

from typing import Any

import numpy as np

from lutra.vit import IntegerEncoder, IntegerTransformer, parts

DIM, HEADS = 8, 2
SHAPE = (2, 4, 6)


def random_model(seed: int, family: str = "vit", mixer: str = "lut") -> IntegerTransformer:
    """Return a small model; ``family`` is that of `lutra.vit`'s descriptions."""
    draw = np.random.default_rng(seed)

    def whole(most: int, *shape: int) -> np.ndarray:
        return draw.integers(-most, most, shape, endpoint=True)

    def linear(inputs: int, outputs: int) -> parts.Linear:
        return parts.Linear(whole(127, outputs, inputs), whole(1 << 10, outputs))

    def rescale(bits: int, *shape: int, shift: int = 38) -> parts.Rescale:
        multiplier = draw.integers(1 << 30, 1 << 31, shape)
        return parts.Rescale(np.asarray(multiplier), np.full(shape, shift), bits)

    def norm(bits: int) -> parts.Norm:
        return parts.Norm(whole(1 << 31, DIM), whole(1 << 50, DIM), 53 if bits == 8 else 46, bits)

    vit = family == "vit"

    def encoder() -> IntegerEncoder:
        hidden = 12
        first = parts.Tables(draw.integers(0, 3 * DIM, (10, 4)), draw.integers(0, 2, (10, 16)))
        second = parts.Tables(draw.integers(0, 10, (7, 3)), draw.integers(0, 2, (7, 8)))
        lut = parts.LutChannelMixer(
            np.sort(whole(90, DIM, 3), 1),
            (first, second),
            whole(7, 7, DIM),
            draw.integers(0, 12, DIM),
        )
        mlp = parts.MlpChannelMixer(
            linear(DIM, hidden),
            rescale(8, hidden),
            30,
            rescale(8, shift=36),
            linear(hidden, DIM),
            rescale(16, DIM, shift=33),
        )
        attention = parts.Attention(
            HEADS,
            linear(DIM, 3 * DIM),
            rescale(8, 3 * DIM),
            rescale(8),
            40,
            rescale(8, shift=45),
            linear(DIM, DIM),
        )
        return IntegerEncoder(
            norm(8),
            attention,
            rescale(16, DIM, shift=33),
            norm(8 if vit else 16),
            None if vit else rescale(8, shift=39),
            lut if mixer == "lut" else mlp,
        )

    convolutions = (
        parts.Convolution(None, linear(9 * SHAPE[0], 3)),
        parts.Convolution(rescale(8, 3, shift=40), linear(27, DIM)),
    )
    side = (1, 2) if not vit else (2, 3)
    return IntegerTransformer(
        shape=SHAPE,
        tokenizer=parts.Patches(2, linear(4 * SHAPE[0], DIM)) if vit else convolutions,
        embedded=rescale(16, DIM, shift=32),
        positions=whole(1 << 12, side[0] * side[1] + vit, DIM),
        encoders=(encoder(), encoder()),
        norm=norm(8),
        pooling=None
        if vit
        else parts.Pooling(linear(DIM, 1), rescale(8, 1), 20, rescale(8, shift=45)),
        head=linear(DIM, 5),
    )


def images(count: int, seed: int = 0) -> np.ndarray:
    """Return random images of `SHAPE`."""
    pixels = int(np.prod(SHAPE))
    return np.random.default_rng(seed).integers(0, 256, (count, pixels), np.uint8)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all values of a JSON tree, the tree itself not among them."""
    if isinstance(content, dict):
        items: Any = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    else:
        return []
    found = []
    for key, value in items:
        found += [(*path, key), *places(value, (*path, key))]
    return found
