"""The user's own table: a CSV file with a header row."""

import csv
import math
from array import array
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._npz import own_path
from lutra.data._request import Request
from lutra.data._table import Rows, Table, check_numbers, class_indices, hold_out
from lutra.errors import DataError

__all__ = ["load_csv", "read_csv"]


def load_csv(request: Request) -> Table:
    """Load a CSV file: numeric feature columns and one label column, ``request.label`` or the last.

    The classes are the distinct labels of the train part, sorted: as numbers where all are
    whole numbers, else as text.
    """
    path = own_path(request)
    columns, label, x, labels = read_csv(path, request.label)
    classes = _classes(labels)
    train = Rows(x, class_indices(labels, classes, str(path)))
    if request.test_path is None:
        train, test = hold_out(train, request.test, 0, f"{path}: test")
    else:
        others, _, x, labels = read_csv(request.test_path, label)
        if others != columns:
            raise DataError(f"{request.test_path}: its columns differ from those of {path}")
        test = Rows(x, class_indices(labels, classes, str(request.test_path)))
    names = tuple(str(name) for name in classes)
    return Table(path.stem, train, None, test, names, tuple(columns), source=str(path))


def read_csv(path: Path, label: str | None) -> tuple[list[str], str, NDArray, NDArray]:
    """Return the names of the feature columns, that of the label, the features, the labels."""
    values, labels = array("d"), []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = [name.strip() for name in next(reader, [])]
            column = _label_column(path, columns, label)
            for row in reader:
                if not row:
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(row) != len(columns):
                    raise DataError(f"{where}: {len(row)} cells, the header has {len(columns)}")
                labels.append(row.pop(column).strip())
                if not 0 < len(labels[-1]) <= 200:
                    raise DataError(f"{where}, column {columns[column]!r}: no label, or too long")
                values.extend(_numbers(where, row, columns[:column] + columns[column + 1 :]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable UTF-8 CSV file ({error})") from error
    name = columns.pop(column)
    if not labels or not columns:
        raise DataError(f"{path}: it needs a header, rows, and a feature column beside the label")
    x = np.frombuffer(values).reshape(len(labels), -1)
    check_numbers(x, columns, str(path))
    return columns, name, x, np.array(labels)


def _label_column(path: Path, columns: list[str], label: str | None) -> int:
    if len(set(columns)) != len(columns):
        repeated = next(name for name in columns if columns.count(name) > 1)
        raise DataError(f"{path}: two columns are called {repeated!r}; rename one")
    if not columns:
        raise DataError(f"{path}: the file is empty; it needs a header row and data")
    if label is not None and label not in columns:
        raise DataError(f"{path}: no label column {label!r}; columns: {', '.join(columns)}")
    column = len(columns) - 1 if label is None else columns.index(label)
    features = columns[:column] + columns[column + 1 :]
    if features and all(map(_is_number, features)):
        raise DataError(
            f"{path}: the first line holds numbers where it must name the columns; "
            "add a header line, with names that are not numbers"
        )
    return column


def _numbers(where: str, cells: list[str], columns: list[str]) -> list[float]:
    for cell, column in zip(cells, columns, strict=True):
        if not _is_number(cell):
            raise DataError(
                f"{where}, column {column!r}: {cell[:40]!r} is not a finite number; "
                "encode text as numbers, fill gaps"
            )
    return [float(cell) for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _classes(labels: NDArray) -> NDArray:
    distinct = np.unique(labels)
    if all(label.removeprefix("-").isdecimal() and len(label) < 19 for label in distinct):
        return np.array(sorted(distinct, key=int))
    return distinct
