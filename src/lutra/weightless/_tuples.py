"""Which encoded bits a filter reads together."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_tuples"]


def draw_tuples(
    features: int,
    thresholds: int,
    window: int | None,
    image: tuple[int, int] | None,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Return all encoded bits in an order of which every t in a row are a tuple.

    Parameters
    ----------
    features, thresholds
        Bit ``f * thresholds + t`` is threshold t of feature f.
    window
        Side in pixels of squares, laid over the image at a random offset: bits of a square stay
        together. Without one the order is random, as published.
    image
        Height and width; the features are one plane of pixels after the other. Read with a
        window alone.
    generator
        Draws order and offset.
    """
    order = generator.permutation(features * thresholds)
    if window is None:
        return order
    assert image is not None
    rows, columns = np.divmod(order // thresholds % (image[0] * image[1]), image[1])
    down, right = generator.integers(window, size=2)
    return order[np.lexsort(((columns + right) // window, (rows + down) // window))]
