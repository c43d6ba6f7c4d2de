"""CIFAR-10: 60,000 photographs, 32 x 32 pixels of three colours of 8 bits."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._images import check_labels, photo_table, planes, read_rgb
from lutra.data._npz import array, read_arrays
from lutra.data._request import Request, is_file
from lutra.data._table import Rows, Table
from lutra.errors import DataError

__all__ = ["SIDE", "load_cifar10", "read_binary"]

_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
SIDE = 32
"""Pixels per row and column."""
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
        train = [read_binary(folder / name, len(_CLASSES)) for name in _BATCHES]
        test = read_binary(folder / "test_batch.bin", len(_CLASSES))
    elif folder is not None and is_file(folder / _SHEETS[0]):
        train, test = _from_sheets(folder)
    else:
        raise DataError(
            f"cifar10 was not found; searched: {folder or 'no folder (LUTRA_DATA is not set)'}\n"
            "Put the files of its binary version (https://www.cs.toronto.edu/~kriz/cifar.html), "
            f"{_BATCHES[0]} to test_batch.bin, into cifar10/ of a folder named by LUTRA_DATA."
        )
    joined = Rows(*(np.concatenate(parts) for parts in zip(*train, strict=True)))
    return photo_table("cifar10", joined, test, _CLASSES, SIDE, folder)


def read_binary(path: Path, classes: int, skip: int = 0) -> Rows:
    """Read images of a label and 3,072 pixels, a byte each, behind bytes to ``skip``."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    size = skip + 1 + 3 * SIDE**2
    if not content.size or content.size % size:
        raise DataError(f"{path}: {content.size} bytes are not images of {size} bytes each")
    rows = content.reshape(-1, size)
    return Rows(rows[:, skip + 1 :], check_labels(path, rows[:, skip], classes))


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
    given = np.split(check_labels(path, labels, len(_CLASSES)), len(_SHEETS))
    rows = [Rows(x, y) for x, y in zip(images, given, strict=True)]
    return rows[:-1], rows[-1]


def _sheet(path: Path) -> NDArray[np.uint8]:
    pixels = read_rgb(path, _ACROSS * SIDE)
    tiles = pixels.reshape(_ACROSS, SIDE, _ACROSS, SIDE, 3).transpose(0, 2, 1, 3, 4)
    return planes(tiles.reshape(-1, SIDE, SIDE, 3))
