"""From a loader's table of real or whole numbers to a `Dataset` of fixed-point integers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lutra.data._dataset import Dataset, Split
from lutra.data._fixed_point import choose_format, to_raw
from lutra.errors import DataError

__all__ = ["Rows", "Table", "check_numbers", "class_indices", "finish", "hold_out"]

_LEAST, _GREATEST = np.float64(1e-30), np.float64(1e30)
"""Magnitudes with room for products in float32."""


class Rows(NamedTuple):
    """Features of any numeric type, shape (samples, features), and class indices (samples,)."""

    x: NDArray
    y: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Table:
    """A data set as its file has it.

    ``validation`` is None where the set brings no such part; ``scale`` is the real value of a
    feature of 1; ``more`` holds further test parts by name.
    """

    name: str
    train: Rows
    validation: Rows | None
    test: Rows
    classes: tuple[str, ...]
    features: tuple[str, ...]
    image: tuple[int, int] | None = None
    scale: float = 1.0
    source: str = ""
    more: Mapping[str, Rows] = field(default_factory=dict)


def finish(
    table: Table, validation: float | None, seed: int, width: int, clip: float = 0
) -> Dataset:
    """Hold out the validation part and turn the features to fixed point of the train part."""
    train, held, test = table.train, table.validation, table.test
    parts = {"train": train, "validation": held, "test": test, **table.more}
    for part, rows in parts.items():
        if rows is not None:
            _check(table, part, rows)
    if validation is None:
        validation = 0.1 if held is None else 0
    if validation or held is None:
        if held is not None:
            train = Rows(np.concatenate([train.x, held.x]), np.concatenate([train.y, held.y]))
        train, held = hold_out(train, validation, seed, f"data set {table.name!r}: validation")
    form = choose_format([train.x, held.x, test.x], width, clip)

    def words(rows: Rows) -> Split:
        return Split(to_raw(rows.x, form), rows.y.astype(np.int64))

    return Dataset(
        table.name,
        words(train),
        words(held),
        words(test),
        form.width,
        form.signed,
        table.scale * form.scale,
        table.scale * form.offset,
        table.classes,
        table.features,
        table.image,
        table.source,
        {name: words(rows) for name, rows in table.more.items()},
    )


def hold_out(rows: Rows, amount: float, seed: int, what: str) -> tuple[Rows, Rows]:
    """Return (kept, held out): ``amount`` rows (int) or a fraction (float), drawn with ``seed``.

    Both keep the order of the file.
    """
    total = len(rows.y)
    if not 0 <= amount < (1 if isinstance(amount, float) else total):
        raise DataError(
            f"{what} = {amount} of {total} rows is impossible; "
            "give fewer rows (int) or a fraction below 1 (float)"
        )
    count = int(amount * total) if isinstance(amount, float) else amount
    order = np.random.default_rng(seed).permutation(total)
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    return Rows(rows.x[kept], rows.y[kept]), Rows(rows.x[held], rows.y[held])


def check_numbers(x: NDArray, features: Sequence[str], where: str) -> None:
    """Refuse a value of ``x``, shape (rows, features), that is not finite or beyond 1e30."""
    bad = np.argwhere(~(np.abs(x) <= _GREATEST)) if x.dtype.kind == "f" else np.empty(0)
    if bad.size:
        row, column = bad[0]
        wrong = "is not a finite number; remove the row or fill the gap"
        if np.isfinite(x[row, column]):
            wrong = f"exceeds {_GREATEST:g} in magnitude; change the feature's unit"
        raise DataError(
            f"{where}, row {row}, feature {features[column]!r}: {x[row, column]} {wrong}"
        )


def class_indices(labels: NDArray, classes: NDArray, where: str) -> NDArray[np.int64]:
    """Return the index of each label among ``classes``; an unknown one is named."""
    if not len(classes):
        raise DataError(f"{where}: no class is known, as the train part has no rows; give it some")
    order = np.argsort(classes)
    place = np.searchsorted(classes, labels, sorter=order)
    found = order[place.clip(max=len(classes) - 1)]
    unknown = np.flatnonzero(classes[found] != labels)
    if unknown.size:
        known = ", ".join(str(name) for name in classes[:10])
        raise DataError(
            f"{where}, row {unknown[0]}: label {str(labels[unknown[0]])!r} does not occur in the "
            f"train part ({known}); correct the label or remove the row"
        )
    return found.astype(np.int64)


def _check(table: Table, part: str, rows: Rows) -> None:
    where = f"{table.source}: {part} part"
    if not rows.x.size and part != "validation":
        raise DataError(f"{where} of shape {rows.x.shape} is empty; it needs rows and features")
    if rows.x.shape[1] != len(table.features):
        raise DataError(
            f"{where} has {rows.x.shape[1]} features, the train part {len(table.features)}"
        )
    check_numbers(rows.x, table.features, where)
    if part != "train":
        return
    if len(met := np.unique(rows.y)) < 2:
        name = table.classes[met[0]]
        raise DataError(f"{where}: only the class {name!r} is met; it needs two or more")
    top = np.abs(rows.x).max(axis=0) if rows.x.dtype.kind == "f" else np.zeros(1)
    small = np.flatnonzero((top > 0) & (top < _LEAST))
    if small.size:
        raise DataError(
            f"{where}, feature {table.features[small[0]]!r}: no magnitude reaches {_LEAST:g}; "
            "change the feature's unit"
        )
