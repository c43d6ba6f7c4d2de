"""Tiny-ImageNet: 110,000 photographs of 200 classes; its published validation part, the only other
one with labels, is our test part."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._images import check_labels, photo_table, planes, read_rgb
from lutra.data._local import local_file, read_lines
from lutra.data._npz import Arrays, array, read_arrays
from lutra.data._request import Request
from lutra.data._table import Rows, Table, class_indices
from lutra.errors import DataError

__all__ = ["load_tiny_imagenet", "load_tiny_imagenet_32"]

_HOME = "unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip in there"
_HOME_32 = "its images of 32 x 32 pixels in one npz file, see the manual's page on data"
_END = b"\xff\xd9"
"""The marker at the end of a JPEG."""


def load_tiny_imagenet(request: Request) -> Table:
    """Load the original, 64 x 64 pixels, from the folder that its archive holds."""
    listed = local_file(request, ["tiny-imagenet-200/wnids.txt"], _HOME)
    folder, classes = listed.parent, sorted(read_lines(listed))
    files, labels = [], []
    for name in classes:
        own = sorted((folder / "train" / name / "images").glob("*.JPEG"))
        files += own
        labels += [name] * len(own)
    train = _files(files, labels, classes, folder / "train")
    notes = folder / "val" / "val_annotations.txt"
    rows = [line.split("\t") for line in read_lines(notes)]
    short = [number for number, row in enumerate(rows, 1) if len(row) < 2]
    if short:
        raise DataError(f"{notes}, line {short[0]}: expected the names of a file and of a class")
    shown = [folder / "val" / "images" / Path(row[0]).name for row in rows]
    test = _files(shown, [row[1] for row in rows], classes, notes)
    return photo_table("tiny-imagenet", train, test, tuple(classes), 64, folder)


def load_tiny_imagenet_32(request: Request) -> Table:
    """Load the images of 32 x 32 pixels: JPEGs in one npz file, less the header that all share.

    For each part the file has the bytes of all images one after the other, how many bytes each
    has, and its class.
    """
    path = local_file(request, ["tiny_imagenet32/tiny_imagenet32_jpeg.npz"], _HOME_32)
    arrays = read_arrays(path)
    classes = tuple(map(str, array(path, arrays, "names", "U", (1,))))
    train, test = (_packed(path, arrays, part, len(classes)) for part in ("train", "val"))
    return photo_table("tiny-imagenet-32", train, test, classes, 32, path)


def _files(files: list[Path], labels: list[str], classes: list[str], where: Path) -> Rows:
    y = class_indices(np.array(labels, "U"), np.array(classes, "U"), str(where))
    return Rows(_features((read_rgb(path, 64) for path in files), len(files), 64), y)


def _packed(path: Path, arrays: Arrays, part: str, classes: int) -> Rows:
    header = array(path, arrays, "header", "u", (1,)).tobytes()
    content = array(path, arrays, f"{part}_bytes", "u", (1,))
    sizes = array(path, arrays, f"{part}_len", "ui", (1,))
    labels = array(path, arrays, f"y_{part}", "ui", (1,))
    if len(sizes) != len(labels):
        raise DataError(
            f"{path}: {len(sizes)} numbers in '{part}_len', {len(labels)} in 'y_{part}'"
        )
    fits = not sizes.size or (sizes.min() >= 0 and sizes.max() <= len(content))
    if not fits or sizes.sum(dtype=np.int64) != len(content):
        raise DataError(
            f"{path}: '{part}_len' does not add up to the {len(content)} bytes there are"
        )
    y = check_labels(path, labels, classes)
    ends = np.cumsum(sizes, dtype=np.int64).tolist()

    def decoded() -> Iterator[NDArray[np.uint8]]:
        for number, (end, size) in enumerate(zip(ends, sizes.tolist(), strict=True)):
            jpeg = header + content[end - size : end].tobytes() + _END
            yield read_rgb(jpeg, 32, f"{path}, {part} image {number}")

    return Rows(_features(decoded(), len(y), 32), y)


def _features(images: Iterable[NDArray[np.uint8]], count: int, side: int) -> NDArray[np.uint8]:
    """Return one row per image; each is let go as soon as it is in its row."""
    x = np.empty((count, 3 * side * side), np.uint8)
    for row, image in zip(x, images, strict=True):
        row[:] = planes(image)
    return x
