"""The user's own arrays: an npz file."""

import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._request import Request, is_file
from lutra.data._table import Rows, Table, check_numbers, class_indices, hold_out
from lutra.errors import DataError

__all__ = ["Arrays", "array", "load_npz", "own_path", "read_arrays"]

Arrays = dict[str, NDArray]


def load_npz(request: Request) -> Table:
    """Load an npz file with ``x_train y_train [x_val y_val] x_test y_test``, or ``x y``.

    Features have shape (samples, features), or for images (samples, height, width) or
    (samples, planes, height, width). Labels are text, or whole numbers that ``classes`` may name.
    ``features`` may name the features.
    """
    path = own_path(request)
    arrays = read_arrays(path)
    parts = ["_train", "_test"] + ["_val"] * ("x_val" in arrays)
    if "x" in arrays and "x_train" not in arrays:
        parts = [""]
    given = {part: _part(path, arrays, part) for part in parts}
    x, y = given[parts[0]]
    if len({(x.shape[1:], y.dtype.kind) for x, y in given.values()}) > 1:
        raise DataError(f"{path}: the parts differ in the shape of a row or in the type of labels")
    if y.dtype.kind == "i" and "classes" in arrays:
        names = _names(path, arrays, "classes")
        classes = np.arange(len(names))
    else:
        classes = np.unique(y)
        names = tuple(str(label) for label in classes)
    count = math.prod(x.shape[1:])
    features = tuple(f"x{i}" for i in range(count))
    if "features" in arrays:
        features = _names(path, arrays, "features", count)
    rows = {}
    for part, (values, labels) in given.items():
        flat = values.reshape(len(values), count)
        check_numbers(flat, features, f"{path}, array {'x' + part!r}")
        rows[part] = Rows(flat, class_indices(labels, classes, f"{path}, array {'y' + part!r}"))
    if "" in rows:
        train, test = hold_out(rows[""], request.test, 0, f"{path}: test")
    else:
        train, test = rows["_train"], rows["_test"]
    image = (x.shape[-2], x.shape[-1]) if x.ndim > 2 else None
    validation = rows.get("_val")
    return Table(path.stem, train, validation, test, names, features, image, source=str(path))


def own_path(request: Request) -> Path:
    """Return the user's file, which must exist."""
    if request.path is None:
        raise DataError(f"data set {request.name!r} reads your own file; give its path")
    for path in (request.path, request.test_path):
        if path is not None and not is_file(path):
            raise DataError(f"{path}: no such file; correct the path")
    return request.path


def read_arrays(file: Path | bytes, name: str = "") -> Arrays:
    """Return every array of an npz file; a malformed one raises DataError naming it."""
    try:
        content = file if isinstance(file, bytes) else file.read_bytes()
        if not content.startswith(b"PK"):
            raise ValueError("not a zip archive")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: np.asarray(archive[key]) for key in archive.files}
    except Exception as error:  # numpy, zipfile and zlib each raise their own
        raise DataError(
            f"{name or file}: not a readable npz file ({error}); "
            "write it with numpy.savez_compressed, without object arrays"
        ) from error


def array(path: Path, arrays: Arrays, key: str, kinds: str, ranks: tuple[int, ...]) -> NDArray:
    """Return one array of a file, its type (numpy kind letters) and rank checked."""
    if key not in arrays:
        raise DataError(f"{path}: array {key!r} is missing; the file has: {', '.join(arrays)}")
    found = arrays[key]
    if found.dtype.kind not in kinds or found.ndim not in ranks:
        raise DataError(
            f"{path}: array {key!r} is {found.dtype} of rank {found.ndim}; expected rank "
            f"{' or '.join(map(str, ranks))} and type {' or '.join(_KINDS[k] for k in kinds)}"
        )
    return found


_MOST_PLANES = 4
"""Of colour, by which images that have them last are told."""
_KINDS = {"b": "bool", "i": "int", "u": "unsigned int", "f": "float", "U": "text"}


def _part(path: Path, arrays: Arrays, part: str) -> tuple[NDArray, NDArray]:
    x = array(path, arrays, f"x{part}", "biuf", (2, 3, 4))
    if x.ndim == 4 and x.shape[3] <= _MOST_PLANES < x.shape[1]:
        raise DataError(
            f"{path}: array 'x{part}' has shape {x.shape}; colour planes come before height and "
            "width: transpose it by (0, 3, 1, 2)"
        )
    y = array(path, arrays, f"y{part}", "biuU", (1,))
    if len(x) != len(y):
        raise DataError(f"{path}: {len(x)} rows in 'x{part}', {len(y)} labels in 'y{part}'")
    return x, y if y.dtype.kind == "U" else y.astype(np.int64)


def _names(path: Path, arrays: Arrays, key: str, count: int | None = None) -> tuple[str, ...]:
    names = array(path, arrays, key, "U", (1,))
    if count is not None and len(names) != count:
        raise DataError(f"{path}: array {key!r} has {len(names)} names for {count}")
    return tuple(str(name) for name in names)
