"""The one place where a data set name meets its loader."""

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from lutra.data._cifar10 import load_cifar10
from lutra.data._cifar100 import load_cifar100
from lutra.data._csv import load_csv
from lutra.data._dataset import Dataset
from lutra.data._jsc import load_jsc_cernbox, load_jsc_openml, load_jsc_pythia
from lutra.data._mnist import load_mnist
from lutra.data._npz import load_npz
from lutra.data._request import Progress, Request
from lutra.data._table import Table, finish
from lutra.data._tabular import load_adult, load_monk, load_nid, load_nid_593
from lutra.data._tiny_imagenet import load_tiny_imagenet, load_tiny_imagenet_32
from lutra.errors import DataError

__all__ = ["LOADERS", "load", "names"]

LOADERS: dict[str, Callable[[Request], Table]] = {
    "mnist": load_mnist,
    "cifar10": load_cifar10,
    "cifar100": load_cifar100,
    "tiny-imagenet": load_tiny_imagenet,
    "tiny-imagenet-32": load_tiny_imagenet_32,
    "jsc-pythia": load_jsc_pythia,
    "jsc-openml": load_jsc_openml,
    "jsc-cernbox": load_jsc_cernbox,
    "nid": load_nid,
    "nid-593": load_nid_593,
    "adult": load_adult,
    "monk1": load_monk,
    "monk2": load_monk,
    "monk3": load_monk,
    "npz": load_npz,
    "csv": load_csv,
}


def names() -> tuple[str, ...]:
    """Return the names that `load` knows."""
    return tuple(LOADERS)


def load(
    name: str,
    *,
    folder: Path | None = None,
    validation: float | None = 0,
    seed: int = 0,
    offline: bool | None = None,
    progress: Progress | None = None,
    path: Path | None = None,
    test_path: Path | None = None,
    test: float = 0.2,
    label: str | None = None,
    width: int = 12,
    clip: float = 0,
) -> Dataset:
    """Load a data set: from the local folder, else the cache, else its public homes.

    Parameters
    ----------
    name
        A registered name, see `names`; ``npz`` and ``csv`` read the user's own ``path``.
    folder
        Local data folder, searched first; default the environment variable ``LUTRA_DATA``.
    validation
        Held out of train by a permutation seeded with ``seed``: rows (int) or a fraction
        (float below 1); any value above 0 first joins the validation part that the set brings to
        train. 0 keeps that part, if any; so does None, which holds out a tenth where there is
        none. The test part is never touched.
    offline
        Never use the network; default: whether ``LUTRA_OFFLINE`` is 1.
    progress
        Called while fetching with (bytes so far, bytes in total or None).
    path, test_path
        The user's file, and a second one for the test part.
    test
        Rows or fraction of a single ``path`` that become the test part, the same ones for
        every ``seed``.
    label
        ``csv``: name of the label column; default the last.
    width
        Bits per feature word for real-valued features, 1..24. Integers that fit keep their
        values and get the fewest bits that hold the train part.
    clip
        Share of the train part's values that a real-valued feature's range leaves out at either
        end, below 0.5. Features with long tails need it; 0 spans all.

    Raises
    ------
    DataError
        The set is unknown, was not found anywhere, is corrupt or malformed.
    """
    if name not in LOADERS:
        near = difflib.get_close_matches(name, LOADERS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(LOADERS)}"
        raise DataError(f"data set {name!r} is unknown; {hint}")
    if not 1 <= width <= 24:
        raise DataError(f"data set {name!r}: width = {width}; a feature word has 1..24 bits")
    if not 0 <= clip < 0.5:
        raise DataError(f"data set {name!r}: clip = {clip}; it is a share of at least 0, below 0.5")
    if folder is None and os.environ.get("LUTRA_DATA"):
        folder = Path(os.environ["LUTRA_DATA"])
    if offline is None:
        offline = os.environ.get("LUTRA_OFFLINE", "") not in ("", "0")
    request = Request(name, folder, offline, progress, path, test_path, test, label)
    return finish(LOADERS[name](request), validation, seed, width, clip)
