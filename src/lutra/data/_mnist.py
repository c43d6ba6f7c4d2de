"""MNIST: 70,000 handwritten digits, 28 x 28 pixels of 8 bits."""

import gzip
import hashlib
import io
import logging
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._fetch import cache_folder, download, from_package
from lutra.data._npz import read_arrays
from lutra.data._request import Progress, Request, is_file
from lutra.data._table import Rows, Table
from lutra.errors import DataError, OutputError
from lutra.files import write_atomic

__all__ = ["load_mnist"]

Arrays = dict[str, NDArray]

_SHA256 = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
"""Of the bytes of x_train, y_train, x_test, y_test one after the other."""
_SHAPES = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}
_IDX = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_IDX_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_PACKAGE = (  # the last resort, where only a package index is reachable
    "chisel4ml==0.3.6",
    "d1b117309118f8c8ab05746f86b115cfefaa5303117d2ef52e99e1ffd53916a7",
    "chisel4ml-0.3.6/data/mnist/mnist.npz",
)
_LIMIT = 64 << 20

_log = logging.getLogger(__name__)


def load_mnist(request: Request) -> Table:
    """Load MNIST: local ``mnist/mnist.npz`` or IDX files, the cache, or a public mirror."""
    source, arrays = _find(request)
    train, test = (
        Rows(arrays[f"x_{part}"].reshape(-1, 784), arrays[f"y_{part}"].astype(np.int64))
        for part in ("train", "test")
    )
    return Table(
        "mnist",
        train,
        None,
        test,
        tuple("0123456789"),
        tuple(f"r{row}c{column}" for row in range(28) for column in range(28)),
        image=(28, 28),
        scale=1 / 255,
        source=source,
    )


def _find(request: Request) -> tuple[str, Arrays]:
    """Return where the arrays were found, and the arrays, checked."""
    local = request.folder / "mnist" if request.folder is not None else None
    cached = cache_folder() / "mnist" / "mnist.npz"
    searched = [str(local) if local is not None else "no local folder (LUTRA_DATA is not set)"]
    if local is not None:
        if is_file(local / "mnist.npz"):
            return str(local / "mnist.npz"), _checked(read_arrays(local / "mnist.npz"))
        if all(is_file(local / name) for name in _IDX.values()):
            return str(local), _checked(_read_idx(lambda name: (local / name).read_bytes()))
    if is_file(cached):
        try:
            return str(cached), _checked(read_arrays(cached))
        except DataError as error:
            if request.offline:
                raise DataError(f"{cached}: corrupt ({error}); delete it and go online") from error
            searched.append(f"{cached}: corrupt, fetched again")
    else:
        searched.append(str(cached))
    if request.offline:
        searched.append("no mirrors: offline (argument offline, or LUTRA_OFFLINE=1)")
    else:
        for source, fetch in _mirrors(request.progress):
            try:
                arrays = _checked(fetch())
            except DataError as error:
                searched.append(str(error))
                continue
            _store(cached, arrays)
            return source, arrays
    raise DataError(
        "mnist was not found; searched:\n  "
        + "\n  ".join(searched)
        + "\nPut the Keras file as mnist/mnist.npz into a folder named by LUTRA_DATA, or go online."
    )


def _mirrors(progress: Progress | None) -> Iterator[tuple[str, Callable[[], Arrays]]]:
    yield _KERAS, lambda: read_arrays(download(_KERAS, _LIMIT, progress), _KERAS)
    for mirror in _IDX_MIRRORS:

        def fetch(mirror: str = mirror) -> Arrays:
            return _read_idx(lambda name: download(mirror + name, _LIMIT, progress))

        yield mirror, fetch
    name = f"package index, {_PACKAGE[0]}"
    yield name, lambda: read_arrays(from_package(*_PACKAGE), name)


def _read_idx(read: Callable[[str], bytes]) -> Arrays:
    arrays = {}
    for key, name in _IDX.items():
        try:
            content = gzip.decompress(read(name))
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{name}: not a readable gzip file ({error})") from error
        shape = _SHAPES[key]
        header = np.array([0x800 + len(shape), *shape], ">u4").tobytes()
        if not content.startswith(header):
            raise DataError(f"{name}: not an IDX file of shape {shape}")
        if len(content) != len(header) + np.prod(shape):
            raise DataError(f"{name}: {len(content)} bytes do not hold an array of shape {shape}")
        arrays[key] = np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)
    return arrays


def _checked(arrays: Arrays) -> Arrays:
    digest = hashlib.sha256()
    for key, shape in _SHAPES.items():
        if key not in arrays or arrays[key].shape != shape or arrays[key].dtype != np.uint8:
            raise DataError(f"mnist: array {key} is missing or is not uint8 of shape {shape}")
        digest.update(arrays[key].tobytes())
    if digest.hexdigest() != _SHA256:
        raise DataError("mnist: the images or labels are not MNIST's (SHA-256 differs)")
    return arrays


def _store(path: Path, arrays: Arrays) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    try:
        write_atomic(path, content.getvalue())
    except OutputError as error:
        _log.warning("the fetched data set was not kept: %s", error)
