"""Jet substructure: 16 features of LHC jets, five classes. Three sets that do not compare."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._csv import read_csv
from lutra.data._local import hdf5, local_file, numbers, read_parquet, require
from lutra.data._npz import array, read_arrays
from lutra.data._request import Request
from lutra.data._table import Rows, Table, check_numbers, class_indices, hold_out
from lutra.errors import DataError

__all__ = ["load_jsc_cernbox", "load_jsc_openml", "load_jsc_pythia"]

CLASSES = ("g", "q", "t", "w", "z")
FEATURES = (
    "zlogz", "c1_b0_mmdt", "c1_b1_mmdt", "c1_b2_mmdt", "c2_b1_mmdt", "c2_b2_mmdt", "d2_b1_mmdt",
    "d2_b2_mmdt", "d2_a1_b1_mmdt", "d2_a1_b2_mmdt", "m2_b1_mmdt", "m2_b2_mmdt", "n2_b1_mmdt",
    "n2_b2_mmdt", "mass_mmdt", "multiplicity",
)  # fmt: skip
_PYTHIA_HOME = "it is a simulation of its own without a public home"
_REAL_JETS = "jsc/jsc_openml_1000.npz"
_OPENML_HOME = "the set is https://www.openml.org/d/42468"
_CERNBOX = "processed-pythia82-lhc13-all-pt1-50k-r1_h022_e0175_t220_nonu_truth.z"
_CERNBOX_HOME = f"the set is the file {_CERNBOX} of the hls4ml JSC collection"


def load_jsc_pythia(request: Request) -> Table:
    """Load JSC-Pythia, a simulation of its own; 232,720 / 29,090 / 14,545 jets.

    Where the folder has 1,000 real jets as well, they are a further test part.
    """
    path = local_file(request, ["jsc_pythia/jsc_pythia.npz"], _PYTHIA_HOME)
    arrays = read_arrays(path)
    x = array(path, arrays, "x", "f", (2,))
    labels = array(path, arrays, "y", "iu", (1,))
    split = array(path, arrays, "split", "iu", (1,))
    names = array(path, arrays, "classes", "U", (1,))
    features = array(path, arrays, "features", "U", (1,))
    if not len(x) == len(labels) == len(split):
        raise DataError(f"{path}: {len(x)} rows, {len(labels)} labels, {len(split)} split marks")
    y = class_indices(labels, np.arange(len(names)), f"{path}, array 'y'")
    if x.shape[1] == len(features):
        check_numbers(x, features.tolist(), f"{path}, array 'x'")
    train, validation, test = (Rows(x[split == part], y[split == part]) for part in range(3))
    folder = path.parents[1]
    more = {"real jets": _real_jets(folder)} if (folder / _REAL_JETS).is_file() else {}
    return Table(
        request.name,
        train,
        validation,
        test,
        tuple(map(str, names)),
        tuple(map(str, features)),
        source=str(path),
        more=more,
    )


def load_jsc_openml(request: Request) -> Table:
    """Load OpenML 42468, ``hls4ml_lhc_jets_hlf``, as parquet or CSV; a fifth is the test part."""
    names = [f"jsc_openml/dataset_42468.{ending}" for ending in ("pq", "parquet", "csv")]
    path = local_file(request, names, _OPENML_HOME)
    if path.suffix == ".csv":
        found, label, x, labels = read_csv(path, "class")
        columns = {**dict(zip(found, x.T, strict=True)), label: labels}
    else:
        columns = read_parquet(path)
    y = class_indices(
        require(path, columns, [*FEATURES, "class"])["class"],
        np.array(CLASSES),
        f"{path}, column 'class'",
    )
    return _split(request, path, numbers(path, columns, FEATURES), y)


def load_jsc_cernbox(request: Request) -> Table:
    """Load the CERNBox table ``t_allpar_new``, equal rows once; a fifth is the test part."""
    path = local_file(request, [f"jsc_cernbox/{_CERNBOX}"], _CERNBOX_HOME)
    try:
        with hdf5(path).File(path) as file:
            table = np.asarray(file["t_allpar_new"])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: no readable HDF5 file with t_allpar_new ({error})") from error
    columns = {name: table[name] for name in table.dtype.names or ()}
    features = [f"j_{name}" for name in FEATURES]
    classes = [f"j_{name}" for name in CLASSES]
    rows = numbers(path, columns, [*features, *classes])
    order = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    x, hot = np.split(rows[order], [len(features)], axis=1)
    if not np.array_equal(hot.sum(1), np.ones(len(hot))):
        raise DataError(f"{path}: a row does not have exactly one class among {classes}")
    return _split(request, path, x, hot.argmax(1))


def _split(request: Request, path: Path, x: NDArray, y: NDArray[np.int64]) -> Table:
    train, test = hold_out(Rows(x.astype(np.float32), y), 0.2, 42, f"{path}: test")
    return Table(request.name, train, None, test, CLASSES, FEATURES, source=str(path))


def _real_jets(folder: Path) -> Rows:
    """Return 1,000 real jets of OpenML 42468; one standard error of an accuracy is 1.4 points."""
    path = folder / _REAL_JETS
    arrays = read_arrays(path)
    scaled, scale, mean = (
        array(path, arrays, name, "f", (axes,)).astype(np.float64)
        for name, axes in (("x_std", 2), ("scaler_scale", 1), ("scaler_mean", 1))
    )
    features = array(path, arrays, "features", "U", (1,)).tolist()
    classes = array(path, arrays, "classes", "U", (1,))
    y = array(path, arrays, "y", "iu", (1,))
    count = len(features)
    if scaled.shape != (len(y), count) or not len(scale) == len(mean) == count:
        raise DataError(f"{path}: its arrays differ in rows or features; take the file anew")
    columns = dict(zip(features, (scaled * scale + mean).T, strict=True))
    x = np.stack([require(path, columns, FEATURES)[name] for name in FEATURES], axis=1)
    labels = classes[class_indices(y, np.arange(len(classes)), f"{path}, array 'y'")]
    return Rows(x, class_indices(labels, np.array(CLASSES), str(path)))
