"""Small tables of numbers and text, as bits: NID (UNSW-NB15), Adult, MONK."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._binarise import binarise, choose_bits
from lutra.data._local import Columns, local_file, read_parquet
from lutra.data._npz import array, read_arrays
from lutra.data._request import Request
from lutra.data._table import Rows, Table, check_numbers, class_indices
from lutra.errors import DataError

__all__ = ["load_adult", "load_monk", "load_nid", "load_nid_593"]

_NID_HOME = "UNSW-NB15 is at https://research.unsw.edu.au/projects/unsw-nb15-dataset"
_NID_593_HOME = "the binarised set is at https://zenodo.org/record/4519767"
_UCI_HOME = "the set is at https://archive.ics.uci.edu"


def load_nid(request: Request) -> Table:
    """Load network intrusion detection from raw UNSW-NB15, the partition of 82,332 rows.

    Equal rows are on one side of the split, 57,727 to 24,605. Bits are chosen on the train part:
    at most 26 thresholds per number and a bit per value of 10 rows or more make 590, where the
    published form, another one, has 593. Figures do not compare with published ones.
    """
    path = local_file(request, ["nid_unsw_nb15/unsw_nb15_82332.parquet"], _NID_HOME)
    columns = read_parquet(path, ["label", "attack_cat", "id"])
    split = path.with_name("split_dedup_70_30.npz")
    arrays = read_arrays(split)
    total = int(array(split, arrays, "n", "iu", (0,)))
    mask = array(split, arrays, "train_mask", "u", (1,))
    if total != len(columns["label"]) or len(mask) * 8 < total:
        raise DataError(f"{split}: a mask of {total} rows for {len(columns['label'])} in {path}")
    train = np.unpackbits(mask)[:total].astype(bool)
    labels = columns["label"]
    y = class_indices(labels, np.arange(2), f"{path}, column 'label'")
    columns = {k: v for k, v in columns.items() if k not in ("label", "attack_cat", "id")}
    return _bits(request, columns, y, train, ("normal", "attack"), 26, 10, str(path))


def load_nid_593(request: Request) -> Table:
    """Load the published 593 bits of UNSW-NB15; a label follows them in each row."""
    parts, path = [], Path()
    for part in ("train", "test"):
        path = local_file(request, [f"unsw_nb15_binarized/{part}.npz"], _NID_593_HOME)
        rows = array(path, read_arrays(path), part, "biuf", (2,))
        if rows.shape[1] != 594 or not np.isin(rows, (0, 1)).all():
            raise DataError(f"{path}: expected 593 bits and a label per row, all 0 or 1")
        parts.append(Rows(rows[:, :-1].astype(np.uint8), rows[:, -1].astype(np.int64)))
    features = tuple(f"bit{number}" for number in range(593))
    train, test = parts
    source = str(path.parent)
    return Table("nid-593", train, None, test, ("normal", "attack"), features, source=source)


def load_adult(request: Request) -> Table:
    """Load UCI Adult, income above 50,000 dollars: 32,561 / 16,281 rows, as bits."""
    path = local_file(request, ["uci_adult/adult.parquet"], _UCI_HOME)
    columns = read_parquet(path, ["income", "split", "age"])
    names = ("<=50K", ">50K")
    y = class_indices(columns.pop("income"), np.array(names), f"{path}, column 'income'")
    train = columns.pop("split") == "train"
    return _bits(request, columns, y, train, names, 9, 20, str(path))


def load_monk(request: Request) -> Table:
    """Load one of the three MONK's problems: six attributes, 17 bits, 432 test rows."""
    path = local_file(request, ["uci_monk/monk.npz"], _UCI_HOME)
    arrays, number = read_arrays(path), request.name.removeprefix("monk")
    parts = [
        [
            array(path, arrays, f"m{number}_{part}_{kind}", "iu", (rank,))
            for kind, rank in (("x", 2), ("y", 1))
        ]
        for part in ("train", "test")
    ]
    for x, y in parts:
        if x.shape != (len(y), 6):
            raise DataError(
                f"{path}: attributes of shape {x.shape} with {len(y)} labels; "
                "each part needs six attributes and a label per row"
            )
    x = np.concatenate([x for x, _ in parts])
    y = class_indices(np.concatenate([y for _, y in parts]), np.arange(2), str(path))
    columns = {f"a{i + 1}": column.astype("U") for i, column in enumerate(x.T)}
    train = np.arange(len(x)) < len(parts[0][0])
    return _bits(request, columns, y, train, ("0", "1"), 0, 1, str(path))


def _bits(
    request: Request,
    columns: Columns,
    y: NDArray[np.int64],
    train: NDArray[np.bool_],
    classes: tuple[str, ...],
    most: int,
    least: int,
    source: str,
) -> Table:
    if not columns:
        raise DataError(f"{source}: no column beside the label; add the features")
    for name, column in columns.items():
        check_numbers(column[:, None], [name], source)
    known = {name: column[train] for name, column in columns.items()}
    bits = choose_bits(known, list(columns), most, least)
    x = binarise(columns, bits)
    names = tuple(bit.name for bit in bits)
    parts = Rows(x[train], y[train]), Rows(x[~train], y[~train])
    return Table(request.name, parts[0], None, parts[1], classes, names, source=source)
