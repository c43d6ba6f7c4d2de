"""Files of sets that Lutra does not fetch, and the formats that need optional packages."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from lutra.data._request import Request, is_file
from lutra.data._table import check_numbers
from lutra.errors import DataError, missing_extra

__all__ = ["Columns", "hdf5", "local_file", "numbers", "read_lines", "read_parquet", "require"]

Columns = dict[str, NDArray]


def local_file(request: Request, names: Sequence[str], home: str) -> Path:
    """Return the first of some files that the local folder has.

    Parameters
    ----------
    names
        Below the local folder.
    home
        Where a person finds the set, for the error.
    """
    if request.folder is None:
        raise DataError(
            f"data set {request.name!r} is not fetched and LUTRA_DATA is not set; "
            f"name the folder that holds {' or '.join(names)} ({home})"
        )
    paths = [request.folder / name for name in names]
    for path in paths:
        if is_file(path):
            return path
    searched = ", ".join(map(str, paths))
    raise DataError(f"data set {request.name!r} was not found; searched: {searched}; {home}")


def read_lines(path: Path) -> list[str]:
    """Return a text file's lines, without those that are empty."""
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable text file ({error})") from error


def read_parquet(path: Path, wanted: Sequence[str] | None = None) -> Columns:
    """Return a parquet file's columns, text as numpy strings; ``wanted`` ones must be there."""
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError(missing_extra(f"{path}", "pyarrow", "data")) from error
    try:
        table = parquet.read_table(path)
        columns = {name: np.array(table.column(name).to_pylist()) for name in table.column_names}
    except Exception as error:  # pyarrow's own, OSError, ValueError
        raise DataError(f"{path}: not a readable parquet file ({error})") from error
    for name, values in columns.items():
        if values.dtype.kind not in "biufU" or values.ndim != 1:
            raise DataError(f"{path}: column {name!r} has gaps or mixed types; fill them")
    return require(path, columns, wanted or ())


def require(path: Path, columns: Columns, wanted: Sequence[str]) -> Columns:
    """Return the columns where all wanted ones are there."""
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise DataError(
            f"{path}: column {missing[0]!r} is missing; the file has: {', '.join(columns)}"
        )
    return columns


def numbers(path: Path, columns: Columns, wanted: Sequence[str]) -> NDArray:
    """Return the wanted columns, all of finite numbers, shape (rows, columns)."""
    require(path, columns, wanted)
    for name in wanted:
        if columns[name].dtype.kind not in "biuf" or columns[name].ndim != 1:
            found = f"{columns[name].dtype} of rank {columns[name].ndim}"
            raise DataError(f"{path}: column {name!r} is {found}; it must be a number per row")
    x = np.stack([columns[name] for name in wanted], axis=1)
    check_numbers(x, wanted, str(path))
    return x


def hdf5(path: Path) -> ModuleType:
    """Return h5py, which reads ``path``."""
    try:
        import h5py
    except ImportError as error:
        raise DataError(missing_extra(f"{path}", "h5py", "data")) from error
    return h5py
