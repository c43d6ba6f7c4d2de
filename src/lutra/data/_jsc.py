"""JSC-Pythia: 16 features of simulated LHC jets, five classes."""

import numpy as np

from lutra.data._npz import array, read_arrays
from lutra.data._request import Request
from lutra.data._table import Rows, Table, class_indices
from lutra.errors import DataError

__all__ = ["load_jsc_pythia"]


def load_jsc_pythia(request: Request) -> Table:
    """Load JSC-Pythia from the local folder; it has no public home.

    It is a simulation of its own: its figures do not compare with those of JSC-OpenML or
    JSC-CERNBox.
    """
    if request.folder is None:
        raise DataError(
            "jsc-pythia has no public home and LUTRA_DATA is not set; "
            "name the folder that holds jsc_pythia/jsc_pythia.npz"
        )
    path = request.folder / "jsc_pythia" / "jsc_pythia.npz"
    if not path.is_file():
        raise DataError(f"jsc-pythia was not found; searched: {path}; it has no public home")
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
        "jsc-pythia",
        train,
        validation,
        test,
        tuple(map(str, names)),
        tuple(map(str, features)),
        source=str(path),
    )
