"""Photographs: files of any format become planes of red, green and blue."""

import io
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._table import Rows, Table
from lutra.errors import DataError, missing_extra

__all__ = ["check_labels", "photo_table", "planes", "read_rgb"]


def photo_table(
    name: str, train: Rows, test: Rows, classes: tuple[str, ...], side: int, source: Path | None
) -> Table:
    """Return a set of square photographs, whose features are plane by plane, row by row."""
    pixels = itertools.product(("red", "green", "blue"), range(side), range(side))
    features = tuple(f"{plane}r{row}c{column}" for plane, row, column in pixels)
    image = (side, side)
    return Table(name, train, None, test, classes, features, image, 1 / 255, str(source))


def read_rgb(file: Path | bytes, side: int, name: str = "") -> NDArray[np.uint8]:
    """Return a square image's pixels, shape (side, side, 3); shades of grey become colours.

    One that is malformed or of another size raises DataError naming it.
    """
    where = name or str(file)
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(missing_extra(where, "pillow", "data")) from error
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            if image.size != (side, side):  # known before any pixel is decoded
                raise DataError(f"{where}: {image.size} pixels; expected {side} x {side}")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: not a readable image ({error})") from error


def planes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return features of images (..., height, width, 3): one plane after the other."""
    return np.moveaxis(pixels, -1, -3).reshape(*pixels.shape[:-3], -1)


def check_labels(path: Path, labels: NDArray, classes: int) -> NDArray[np.int64]:
    """Return labels that are all known."""
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise DataError(f"{path}: a label is not between 0 and {classes - 1}")
    return labels.astype(np.int64)
