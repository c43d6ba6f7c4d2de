"""CIFAR-10: 60,000 photographs, 32 x 32 pixels of three colours of 8 bits."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._npz import array, read_arrays
from lutra.data._request import Request, is_file
from lutra.data._table import Rows, Table
from lutra.errors import DataError, missing_extra

__all__ = ["load_cifar10"]

_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_SIDE, _PIXELS = 32, 32 * 32
_BATCHES = [f"data_batch_{number}.bin" for number in range(1, 6)]
_SHEETS = [f"cifar10_{number}.webp" for number in range(6)]
_ACROSS = 100
"""Images per row and column of a sheet."""


def load_cifar10(request: Request) -> Table:
    """Load CIFAR-10 from the local folder: the binary version's files, or sheets of images.

    Features are the red plane, row by row, then the green and the blue one.
    """
    folder = request.folder / "cifar10" if request.folder is not None else None
    if folder is not None and is_file(folder / _BATCHES[0]):
        train = [_binary(folder / name) for name in _BATCHES]
        test = _binary(folder / "test_batch.bin")
    elif folder is not None and is_file(folder / _SHEETS[0]):
        train, test = _from_sheets(folder)
    else:
        raise DataError(
            f"cifar10 was not found; searched: {folder or 'no folder (LUTRA_DATA is not set)'}\n"
            "Put the files of its binary version (https://www.cs.toronto.edu/~kriz/cifar.html), "
            f"{_BATCHES[0]} to test_batch.bin, into cifar10/ of a folder named by LUTRA_DATA."
        )
    joined = Rows(*(np.concatenate(parts) for parts in zip(*train, strict=True)))
    names = tuple(
        f"{plane}r{row}c{column}"
        for plane in ("red", "green", "blue")
        for row in range(_SIDE)
        for column in range(_SIDE)
    )
    return Table(
        "cifar10",
        joined,
        None,
        test,
        _CLASSES,
        names,
        image=(_SIDE, _SIDE),
        scale=1 / 255,
        source=str(folder),
    )


def _binary(path: Path) -> Rows:
    """Return rows of a label and 3,072 pixels, a byte each."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    size = 1 + 3 * _PIXELS
    if not content.size or content.size % size:
        raise DataError(f"{path}: {content.size} bytes are not images of {size} bytes each")
    rows = content.reshape(-1, size)
    return Rows(rows[:, 1:], _labels(path, rows[:, 0]))


def _from_sheets(folder: Path) -> tuple[list[Rows], Rows]:
    """Return the train parts and the test part from sheets of 100 x 100 images."""
    path = folder / "labels.npz"
    arrays = read_arrays(path)
    labels = np.concatenate(
        [array(path, arrays, f"y_{part}", "ui", (1,)) for part in ("train", "test")]
    )
    images = [_sheet(folder / name) for name in _SHEETS]
    if len(labels) != sum(map(len, images)):
        raise DataError(f"{path}: {len(labels)} labels of {sum(map(len, images))} images")
    given = np.split(_labels(path, labels), len(_SHEETS))
    rows = [Rows(x, y) for x, y in zip(images, given, strict=True)]
    return rows[:-1], rows[-1]


def _sheet(path: Path) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(missing_extra(f"{path}", "pillow", "data")) from error
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable image ({error})") from error
    side = _ACROSS * _SIDE
    if pixels.shape != (side, side, 3):
        raise DataError(f"{path}: {pixels.shape[:2]} pixels; a sheet has {side} x {side}")
    tiles = pixels.reshape(_ACROSS, _SIDE, _ACROSS, _SIDE, 3).transpose(0, 2, 4, 1, 3)
    return tiles.reshape(-1, 3 * _PIXELS)


def _labels(path: Path, labels: NDArray) -> NDArray[np.int64]:
    if labels.size and not (labels.min() >= 0 and labels.max() < len(_CLASSES)):
        raise DataError(f"{path}: a label is not between 0 and {len(_CLASSES) - 1}")
    return labels.astype(np.int64)
