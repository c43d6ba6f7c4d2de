"""Jet substructure: 16 features of LHC jets, five classes. Three sets that do not compare."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.data._csv import read_csv
from lutra.data._dataset import Dataset, Split
from lutra.data._fixed_point import Format, to_raw
from lutra.data._local import Columns, hdf5, local_file, read_parquet, require
from lutra.data._npz import array, read_arrays
from lutra.data._request import Request
from lutra.data._table import Rows, Table, class_indices, hold_out
from lutra.errors import DataError

__all__ = ["load_jsc_cernbox", "load_jsc_openml", "load_jsc_pythia", "real_jets"]

CLASSES = ("g", "q", "t", "w", "z")
FEATURES = (
    "zlogz", "c1_b0_mmdt", "c1_b1_mmdt", "c1_b2_mmdt", "c2_b1_mmdt", "c2_b2_mmdt", "d2_b1_mmdt",
    "d2_b2_mmdt", "d2_a1_b1_mmdt", "d2_a1_b2_mmdt", "m2_b1_mmdt", "m2_b2_mmdt", "n2_b1_mmdt",
    "n2_b2_mmdt", "mass_mmdt", "multiplicity",
)  # fmt: skip
_PYTHIA_HOME = "it is a simulation of its own without a public home"
_OPENML_HOME = "the set is https://www.openml.org/d/42468"
_CERNBOX = "processed-pythia82-lhc13-all-pt1-50k-r1_h022_e0175_t220_nonu_truth.z"
_CERNBOX_HOME = f"the set is the file {_CERNBOX} of the hls4ml JSC collection"


def load_jsc_pythia(request: Request) -> Table:
    """Load JSC-Pythia, a simulation of its own; 232,720 / 29,090 / 14,545 jets."""
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
    train, validation, test = (Rows(x[split == part], y[split == part]) for part in range(3))
    return Table(
        request.name,
        train,
        validation,
        test,
        tuple(map(str, names)),
        tuple(map(str, features)),
        source=str(path),
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
    return _split(request, path, columns, FEATURES, y)


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
    require(path, columns, [*features, *classes])
    rows = np.stack([columns[name] for name in (*features, *classes)], axis=1)
    order = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    hot = rows[order, len(features) :]
    if not np.array_equal(hot.sum(1), np.ones(len(hot))):
        raise DataError(f"{path}: a row does not have exactly one class among {classes}")
    kept = {name: columns[name][order] for name in features}
    return _split(request, path, kept, features, hot.argmax(1))


def _split(
    request: Request, path: Path, columns: Columns, features: tuple[str, ...] | list[str],
    y: NDArray[np.int64],
) -> Table:  # fmt: skip
    x = np.stack([columns[name].astype(np.float32) for name in features], axis=1)
    train, test = hold_out(Rows(x, y), 0.2, 42, f"{path}: test")
    return Table(request.name, train, None, test, CLASSES, FEATURES, source=str(path))


def real_jets(dataset: Dataset, folder: Path) -> Split:
    """Return 1,000 real jets of OpenML 42468 in the words of a JSC data set.

    They check a model that was trained on simulated ones; one standard error is 1.4 points.

    Parameters
    ----------
    dataset
        Whose features, words and classes to use.
    folder
        The local folder, which has ``jsc/jsc_openml_1000.npz``.
    """
    request = Request("jsc-openml-1000", folder)
    path = local_file(request, ["jsc/jsc_openml_1000.npz"], _OPENML_HOME)
    arrays = read_arrays(path)
    scaled = array(path, arrays, "x_std", "f", (2,)).astype(np.float64)
    scale, mean = (
        array(path, arrays, f"scaler_{name}", "f", (1,)).astype(np.float64)
        for name in ("scale", "mean")
    )
    features = array(path, arrays, "features", "U", (1,)).tolist()
    classes = array(path, arrays, "classes", "U", (1,))
    columns = dict(zip(features, (scaled * scale + mean).T, strict=True))
    x = np.stack([require(path, columns, dataset.features)[name] for name in dataset.features], 1)
    form = Format(dataset.width, dataset.signed, dataset.scale, dataset.offset)
    labels = classes[array(path, arrays, "y", "iu", (1,))]
    return Split(to_raw(x, form), class_indices(labels, np.array(dataset.classes), str(path)))
